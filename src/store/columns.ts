import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { z } from 'zod';
import { invariant } from '../contracts/index.ts';

/** Called with what is wrong with a stored text; the column then gives its fallback. */
export type OnDamage = (problem: string) => void;

/** How one field of a row stands in the database. `encode` throws for a value that would not be readable again. */
export interface Column<T> {
  encode(value: T): SQLInputValue;
  decode(raw: SQLOutputValue | undefined, onDamage: OnDamage): T;
}

export const text: Column<string> = { encode: (value) => value, decode: (raw) => expectText(raw) };
export const nullableText: Column<string | null> = {
  encode: (value) => value, decode: (raw) => (raw === null ? null : expectText(raw)),
};
export const number: Column<number> = { encode: (value) => value, decode: (raw) => expectNumber(raw) };
export const nullableNumber: Column<number | null> = {
  encode: (value) => value, decode: (raw) => (raw === null ? null : expectNumber(raw)),
};
export const flag: Column<boolean> = { encode: (value) => (value ? 1 : 0), decode: (raw) => expectNumber(raw) !== 0 };

/** A text out of a closed set; anything else in the database is a defect, because only this program writes it. */
export function oneOf<T extends string | null>(...values: readonly T[]): Column<T> {
  return {
    encode: (value) => value,
    decode: (raw) => {
      const found = values.find((value) => value === raw);
      invariant(found !== undefined, 'a stored word is outside its set');
      return found;
    },
  };
}

/** A JSON value with a schema, checked both ways; `fallback` stands in for a text that no longer parses. */
export function json<T>(schema: z.ZodType<T>, fallback: () => T): Column<T> {
  return {
    encode: (value) => JSON.stringify(schema.parse(value)),
    decode: (raw, onDamage) => {
      const value = parseJson(expectText(raw), onDamage);
      if (value === undefined) return fallback();
      const result = schema.safeParse(value);
      if (result.success) return result.data;
      onDamage(result.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.')}: ${issue.code}`).join('; '));
      return fallback();
    },
  };
}

/** A JSON value or NULL; a text that no longer parses reads as null. */
export function nullableJson<T>(schema: z.ZodType<T>): Column<T | null> {
  const inner = json<T | null>(schema, () => null);
  return {
    encode: (value) => (value === null ? null : inner.encode(value)),
    decode: (raw, onDamage) => (raw === null ? null : inner.decode(raw, onDamage)),
  };
}

/** Any JSON value, whose owner knows its shape; `undefined` is stored as null, a broken text reads as null. */
export const anyJson: Column<unknown> = {
  encode: (value) => JSON.stringify(value ?? null),
  decode: (raw, onDamage) => parseJson(expectText(raw), onDamage) ?? null,
};

/** A JSON object of any content; a broken text reads as an empty one. */
export const jsonObject: Column<Record<string, unknown>> = {
  encode: (value) => JSON.stringify(value),
  decode: (raw, onDamage) => {
    const value = parseJson(expectText(raw), onDamage);
    if (isObject(value)) return value;
    if (value !== undefined) onDamage('not an object');
    return {};
  },
};

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(raw: string, onDamage: OnDamage): unknown {
  try {
    return JSON.parse(raw) as unknown; // unknown is what JSON gives; the caller's schema says more.
  } catch {
    onDamage('not JSON');
    return undefined;
  }
}

function expectText(raw: SQLOutputValue | undefined): string {
  invariant(typeof raw === 'string', 'a text column holds no text');
  return raw;
}

function expectNumber(raw: SQLOutputValue | undefined): number {
  invariant(typeof raw === 'number', 'a number column holds no number');
  return raw;
}
