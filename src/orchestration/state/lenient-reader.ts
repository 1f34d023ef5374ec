import { clipCodePoints } from '../../contracts/index.ts';

export type RawObject = Readonly<Record<string, unknown>>;

/** The legal words of a field, and other words that mean them. */
export interface Words<T extends string> { legal: readonly T[]; aliases?: Readonly<Record<string, T>> }

/** Reads untrusted values: missing ones take the fallback silently, wrong ones the nearest legal value, with a problem noted. */
export interface LenientReader {
  readonly problems: string[];
  object(raw: RawObject, key: string): RawObject;
  list(raw: RawObject, key: string, limit: number): unknown[];
  text(raw: RawObject, key: string, rule: { fallback: string; limit: number }): string;
  texts(raw: RawObject, key: string, rule: { items: number; limit: number; keep: 'first' | 'last' }): string[];
  integer(raw: RawObject, key: string, rule: { fallback: number; min: number; max: number }): number;
  flag(raw: RawObject, key: string, fallback: boolean): boolean;
  word<T extends string>(raw: RawObject, key: string, rule: Words<T> & { fallback: T }): T;
  wordOrNull<T extends string>(raw: RawObject, key: string, rule: Words<T>): T | null;
  /** A reader for a part, whose problems are named below it. */
  below(path: string): LenientReader;
}

const MAX_PROBLEMS = 200;
const MIN_PREFIX = 4;

/** True for a plain JSON object. */
export function isRawObject(value: unknown): value is RawObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The legal word that a value means: folded, by alias, or by a common beginning; null when none is near. */
export function nearestWord<T extends string>(value: unknown, words: Words<T>): T | null {
  if (typeof value !== 'string') return null;
  const fold = (text: string): string => text.normalize('NFKC').trim().toLowerCase().replace(/[\s-]+/g, '_');
  const folded = fold(value);
  if (folded === '') return null;
  const same = words.legal.find((word) => fold(word) === folded);
  if (same !== undefined) return same;
  if (words.aliases !== undefined && Object.hasOwn(words.aliases, folded)) return words.aliases[folded] ?? null;
  if (folded.length < MIN_PREFIX) return null;
  const near = words.legal.filter((word) => word.length >= MIN_PREFIX && (fold(word).startsWith(folded) || folded.startsWith(fold(word))));
  return near.length === 1 ? (near[0] ?? null) : null;
}

/** A reader that names its problems below `path`. */
export function createLenientReader(path: string, problems: string[] = []): LenientReader {
  const note = (key: string, what: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(`${path}${key === '' ? '' : `.${key}`}: ${what}`);
  };
  const given = (raw: RawObject, key: string): unknown => (Object.hasOwn(raw, key) ? (raw[key] ?? undefined) : undefined);
  const list = (raw: RawObject, key: string, limit: number): unknown[] => {
    const value = given(raw, key);
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      note(key, 'not a list');
      return [];
    }
    if (value.length > limit) note(key, `more than ${limit} items`);
    return value;
  };
  const wordOrNull = <T extends string>(raw: RawObject, key: string, rule: Words<T>): T | null => {
    const value = given(raw, key);
    if (value === undefined || value === '') return null;
    const word = nearestWord(value, rule);
    if (word !== value) note(key, word === null ? 'unknown value' : `read as ${word}`);
    return word;
  };
  return {
    problems, list, wordOrNull,
    object(raw, key) {
      const value = given(raw, key);
      if (isRawObject(value)) return value;
      if (value !== undefined) note(key, 'not an object');
      return {};
    },
    text(raw, key, rule) {
      const value = given(raw, key);
      if (value === undefined) return rule.fallback;
      const text = toText(value);
      if (text !== value) note(key, 'not a text');
      return text === null ? rule.fallback : clipCodePoints(text, rule.limit);
    },
    texts(raw, key, rule) {
      const value = given(raw, key);
      if (typeof value === 'string') note(key, 'not a list');
      const items = typeof value === 'string' ? [value] : list(raw, key, rule.items);
      const texts = items.flatMap((item) => {
        const text = toText(isRawObject(item) ? (item['text'] ?? item['evidence'] ?? item['description']) : item);
        if (text === null) note(key, 'an item is not a text');
        return text === null || text.trim() === '' ? [] : [clipCodePoints(text, rule.limit)];
      });
      return rule.keep === 'first' ? texts.slice(0, rule.items) : texts.slice(-rule.items);
    },
    integer(raw, key, rule) {
      const value = given(raw, key);
      if (value === undefined) return rule.fallback;
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
      if (typeof number !== 'number' || !Number.isFinite(number)) {
        note(key, 'not a number');
        return rule.fallback;
      }
      const legal = Math.min(rule.max, Math.max(rule.min, Math.trunc(number)));
      if (legal !== value) note(key, `read as ${legal}`);
      return legal;
    },
    flag(raw, key, fallback) {
      const value = given(raw, key);
      if (value === undefined) return fallback;
      if (typeof value === 'boolean') return value;
      note(key, 'not true or false');
      const word = nearestWord(String(value), { legal: ['true', 'false'], aliases: { 1: 'true', 0: 'false', yes: 'true', no: 'false', 是: 'true', 否: 'false' } });
      return word === null ? fallback : word === 'true';
    },
    word: (raw, key, rule) => wordOrNull(raw, key, rule) ?? rule.fallback,
    below: (part) => createLenientReader(path === '' ? part : `${path}.${part}`, problems),
  };
}

function toText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}
