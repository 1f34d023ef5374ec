import { clipCodePoints } from '../../contracts/index.ts';

/** Notes of one reading: values that were bent into shape, values that were lost, keys nobody asked for. */
export interface CoercionLog { coercions: string[]; problems: string[]; unknownKeys: number }

/** An empty log; each reading owns one. */
export function createCoercionLog(): CoercionLog {
  return { coercions: [], problems: [], unknownKeys: 0 };
}

const YES = new Set(['true', 'yes', 'y', '1', '是', '对', '真']);
const NO = new Set(['false', 'no', 'n', '0', '否', '不', '假', 'none', 'null', '']);

/** Lower case, one form per width, and `_` for spaces and hyphens: how enum values are compared. */
export function foldWord(text: string): string {
  return text.normalize('NFKC').trim().toLowerCase().replaceAll(/[\s-]+/g, '_');
}

/** true/yes/是, false/no/否, 1, 0; undefined for anything else. */
export function coerceBoolean(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const word = foldWord(String(value));
  if (YES.has(word)) return true;
  return NO.has(word) ? false : undefined;
}

/** A finite number or its decimal text. */
export function coerceNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string' || !/^\s*[+-]?\d{1,15}(?:\.\d{1,15})?\s*$/.test(value)) return undefined;
  return Number(value);
}

/** The option that a value means, also in other case, width or with blanks and hyphens. */
export function coerceOption(value: unknown, options: readonly unknown[]): unknown {
  if (options.includes(value)) return value;
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const word = foldWord(String(value));
  return options.find((option) => foldWord(String(option)) === word);
}

/** A text, clipped at a code point; numbers, booleans and lists of texts become text. */
export function coerceText(value: unknown, limit: number): string | undefined {
  const raw = rawText(value);
  return raw === undefined ? undefined : clipCodePoints(raw.toWellFormed().trim(), limit).trimEnd();
}

function rawText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return value.every((item) => typeof item === 'string') ? value.join('\n') : undefined;
}
