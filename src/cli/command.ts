import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';
import type { Terminal } from './terminal.ts';

/** A command's module, loaded only when it is called. */
export interface CommandModule {
  /** Answers `--help`; lines of at most 120 characters. */
  help: string;
  /** Resolves with the exit code. */
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}

/** Wrong usage: told with the command's name, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export type Options = NonNullable<ParseArgsConfig['options']>;

/** Values by option name, and the rest in order. */
export interface ParsedArguments { values: Record<string, string | boolean | undefined>; positionals: string[] }

/** Reads arguments strictly; throws UsageError for unknown options, missing values and too many words. */
export function parseArguments(args: readonly string[], options: Options, maxPositionals = 0): ParsedArguments {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, strict: true, allowPositionals: maxPositionals > 0 });
    if (positionals.length > maxPositionals) throw new UsageError(`unexpected argument ${JSON.stringify(positionals[maxPositionals])}`);
    // No option of ours is repeatable, so no value is a list.
    return { values: { ...values } as ParsedArguments['values'], positionals };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? error.message.split('. ')[0] ?? '' : String(error));
  }
}

/** The text of an option, or undefined. */
export function textOf(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}
