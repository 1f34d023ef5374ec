import { statSync } from 'node:fs';
import { ConfigError } from './config-error.ts';
import type { Variable } from './variable.ts';

/** Values by flag name and by variable name; flags win, blank counts as unset in both. */
export interface VariableSources {
  env: Readonly<Record<string, string | undefined>>;
  flags: Readonly<Record<string, string | boolean | undefined>>;
  warnings: string[];
}

/** The value of one setting. Throws ConfigError for a value that cannot be used; a folder that is missing is a warning. */
export function readVariable<T>(sources: VariableSources, setting: Variable<T>): T {
  const flag = setting.flag === null ? undefined : flagText(sources.flags[setting.flag]);
  const raw = flag ?? sources.env[setting.name]?.trim() ?? '';
  if (raw === '') return setting.fallback;
  const shownName = flag === undefined ? setting.name : `${setting.name} (--${setting.flag})`;
  const parsed = setting.schema.safeParse(raw);
  if (!parsed.success) {
    const rule = parsed.error.issues[0]?.message ?? 'cannot be used';
    throw new ConfigError(shownName, setting.quiet ? rule : `${rule}, not ${JSON.stringify(raw.slice(0, 200))}`);
  }
  return setting.folder ? keepFolders(parsed.data, setting, sources.warnings) : parsed.data;
}

function flagText(value: string | boolean | undefined): string | undefined {
  if (typeof value === 'boolean') return String(value);
  const trimmed = value?.trim();
  return trimmed === '' ? undefined : trimmed;
}

function keepFolders<T>(value: T, setting: Variable<T>, warnings: string[]): T {
  const missing = (path: string): boolean => {
    if (isFolder(path)) return false;
    warnings.push(`${setting.name}: the folder ${path} does not exist and is ignored`);
    return true;
  };
  if (typeof value === 'string') return missing(value) ? setting.fallback : value;
  // A list of folders stays a list of the same type with fewer members.
  if (Array.isArray(value)) return value.filter((path) => !missing(String(path))) as T;
  return value;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // Missing, unreadable or below a file: all the same to a reader.
  }
}
