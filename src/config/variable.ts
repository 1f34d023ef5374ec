import type { z } from 'zod';

export type VariableGroup = 'server' | 'content' | 'model' | 'turn' | 'execution';

/** One setting: its variable, its flag, how its text is read, and what people are told about it. */
export interface Variable<T> {
  name: string;
  /** Long option without dashes, or null. */
  flag: string | null;
  /** Word for the value in the help text; null for a switch. */
  placeholder: string | null;
  group: VariableGroup;
  help: string;
  fallback: T;
  /** The default in words. */
  shown: string;
  /** Taken out of the environment at the start, never shown. */
  secret: boolean;
  /** Not repeated in an error: it may hold a credential. */
  quiet: boolean;
  /** Names folders: one that does not exist is a warning and counts as unset. */
  folder: boolean;
  schema: z.ZodType<T, string>;
}

interface VariableParts<T> {
  group: VariableGroup;
  help: string;
  schema: z.ZodType<Exclude<T, null>, string>;
  fallback: T;
  flag?: string;
  placeholder?: string | null;
  shown?: string;
  secret?: boolean;
  quiet?: boolean;
  folder?: boolean;
}

/** Completes a variable's parts: no flag, not secret, the fallback shown as it is. */
export function variable<T>(name: string, parts: VariableParts<T>): Variable<T> {
  const { flag = null, placeholder = 'VALUE', secret = false, quiet = secret, folder = false } = parts;
  const shown = parts.shown ?? (parts.fallback === null ? 'unset' : String(parts.fallback));
  // A schema of the values is a schema of the values or the fallback; null comes only from the fallback.
  const schema = parts.schema as unknown as z.ZodType<T, string>;
  return { name, flag, placeholder, group: parts.group, help: parts.help, fallback: parts.fallback, shown, secret, quiet, folder, schema };
}
