import { describeVariables } from '../config/index.ts';
import type { Options } from './command.ts';

/** The flags of all settings that have one. */
export function settingOptions(): Options {
  return Object.fromEntries(describeVariables().flatMap(({ flag, placeholder }) =>
    (flag === null ? [] : [[flag, { type: placeholder === null ? 'boolean' as const : 'string' as const }]])));
}

/** One line per flag, for a help text; `without` leaves out flags that a command decides itself. */
export function describeFlags(without: readonly string[] = []): string {
  return describeVariables().filter(({ flag }) => flag === null || !without.includes(flag)).flatMap(({ flag, placeholder, help, fallback }) =>
    (flag === null ? [] : [`  ${`--${flag}${placeholder === null ? '' : ` ${placeholder}`}`.padEnd(26)} ${help} (${fallback})`])).join('\n');
}

/** One line per variable that has no flag, for a help text. */
export function describeOtherVariables(): string {
  return describeVariables().filter(({ flag, name }) => flag === null && !/_(CA|RMA|MA|EXP|SMALL)$/.test(name))
    .map(({ name, help, fallback }) => `  ${name.padEnd(34)} ${help} (${fallback})`).join('\n');
}
