import { clipCodePoints, codePointLength } from '../../contracts/index.ts';
import { type CoercionLog, coerceBoolean, coerceNumber, coerceOption, coerceText } from './coerce.ts';
import { isObject } from './read-loose.ts';

/** The part of JSON Schema that our proposal schemas generate. */
export interface Shape {
  type?: string | readonly string[];
  enum?: readonly unknown[];
  const?: unknown;
  anyOf?: readonly Shape[];
  properties?: Readonly<Record<string, Shape>>;
  required?: readonly string[];
  items?: Shape;
  additionalProperties?: Shape | boolean;
  maxItems?: number;
  minItems?: number;
  maxLength?: number;
  minLength?: number;
  pattern?: string;
}

interface Spot { at: string; log: CoercionLog }

const ALIASES: Readonly<Record<string, readonly string[]>> = {
  subtask_id: ['subtask'],
  evidence: ['description'],
  text: ['evidence', 'description'],
  skip: ['skip_requested'],
  recommended_targets: ['must_check', 'what_to_check'],
  drop: ['resolve'],
};
const MAX_MEMBERS = 200;
const MAX_TEXT = 20_000;

/**
 * Bends a value into a shape: null is absent, one value stands for a list, words are folded, long texts are clipped, broken list
 * items and optional members are left out alone. Undefined when the value cannot be had.
 */
export function coerceShape(shape: Shape, value: unknown, spot: Spot): unknown {
  if (shape.anyOf !== undefined) return coerceUnion(shape.anyOf, value, spot);
  const types = typeof shape.type === 'string' ? [shape.type] : shape.type ?? [];
  if (value === null) {
    if (types.includes('null')) return null;
    spot.log.coercions.push(`${spot.at}: null`);
    return undefined;
  }
  const options = shape.enum ?? (shape.const === undefined ? undefined : [shape.const]);
  if (options !== undefined) return noted(value, coerceOption(value, options), spot);
  switch (types[0]) {
    case 'boolean': return noted(value, coerceBoolean(value), spot);
    case 'number':
    case 'integer': return noted(value, coerceNumber(value), spot);
    case 'string': return coerceString(shape, value, spot);
    case 'array': return coerceList(shape, value, spot);
    case 'object': return coerceMembers(shape, value, spot);
    default: return value;
  }
}

function noted(before: unknown, after: unknown, { at, log }: Spot): unknown {
  if (after === undefined) log.problems.push(`${at}: not usable`);
  else if (after !== before) log.coercions.push(`${at}: read as ${String(after).slice(0, 40)}`);
  return after;
}

function coerceUnion(branches: readonly Shape[], value: unknown, spot: Spot): unknown {
  const constants = branches.filter((branch) => branch.const !== undefined).map((branch) => branch.const);
  if (constants.length === branches.length) return coerceShape({ enum: constants }, value, spot);
  if (value === null && branches.some((branch) => branch.type === 'null')) return null;
  const fitting = branches.find((branch) => branch.type === kindOf(value)) ?? branches[0];
  return fitting === undefined ? undefined : coerceShape(fitting, value, spot);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return value === null ? 'null' : typeof value;
}

function coerceString(shape: Shape, value: unknown, { at, log }: Spot): string | undefined {
  const limit = shape.maxLength ?? MAX_TEXT;
  const text = coerceText(value, limit);
  if (text === undefined || text.length < (shape.minLength ?? 0)) {
    log.problems.push(`${at}: no text`);
    return undefined;
  }
  if (shape.pattern !== undefined && !new RegExp(shape.pattern).test(text)) {
    log.problems.push(`${at}: wrong form`);
    return undefined;
  }
  if (typeof value !== 'string') log.coercions.push(`${at}: read as text`);
  else if (codePointLength(value.trim()) > limit) log.coercions.push(`${at}: clipped`);
  return text;
}

function coerceList(shape: Shape, value: unknown, spot: Spot): unknown[] | undefined {
  const { at, log } = spot;
  if (!Array.isArray(value)) log.coercions.push(`${at}: one item for a list`);
  const isBlank = typeof value === 'string' && value.trim() === '';
  const raw: unknown[] = Array.isArray(value) ? value.slice(0, MAX_MEMBERS) : isBlank ? [] : [value];
  const items = shape.items ?? {};
  const kept = raw.map((item, index) => coerceShape(items, item, { at: `${at}[${index}]`, log })).filter((item) => item !== undefined);
  if (kept.length < (shape.minItems ?? 0)) {
    log.problems.push(`${at}: too few items`);
    return undefined;
  }
  const limit = shape.maxItems ?? MAX_MEMBERS;
  if (kept.length > limit) log.coercions.push(`${at}: ${kept.length - limit} items cut`);
  return kept.slice(0, limit);
}

function coerceMembers(shape: Shape, value: unknown, { at, log }: Spot): Record<string, unknown> | undefined {
  const source: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (!isObject(source)) {
    log.problems.push(`${at}: not an object`);
    return undefined;
  }
  if (source !== value) log.coercions.push(`${at}: a list of one`);
  if (shape.properties === undefined) return coerceRecord(shape, source, { at, log });
  const taken = new Set<string>();
  const members: [string, unknown][] = [];
  for (const [name, member] of Object.entries(shape.properties)) {
    const key = keyFor(name, source, shape.properties);
    if (key === null) continue;
    taken.add(key);
    if (key !== name) log.coercions.push(`${at}.${name}: from ${key}`);
    const coerced = coerceShape(member, source[key], { at: `${at}.${name}`, log });
    if (coerced !== undefined) members.push([name, coerced]);
  }
  log.unknownKeys += Object.keys(source).filter((key) => !taken.has(key)).length;
  const present = new Set(members.map(([name]) => name));
  const missing = (shape.required ?? []).filter((name) => !present.has(name));
  for (const name of missing) log.problems.push(`${at}.${name}: missing`);
  return missing.length > 0 ? undefined : Object.fromEntries(members);
}

function keyFor(name: string, source: Record<string, unknown>, properties: Readonly<Record<string, Shape>>): string | null {
  if (Object.hasOwn(source, name)) return name;
  const alias = (ALIASES[name] ?? []).find((other) => Object.hasOwn(source, other) && !Object.hasOwn(properties, other));
  if (alias !== undefined) return alias;
  return Object.keys(source).find((key) => key.trim().toLowerCase().replaceAll(/[\s-]+/g, '_') === name) ?? null;
}

function coerceRecord(shape: Shape, source: Record<string, unknown>, { at, log }: Spot): Record<string, unknown> {
  const member = typeof shape.additionalProperties === 'object' ? shape.additionalProperties : {};
  const entries = Object.entries(source).filter(([key]) => key !== '__proto__').slice(0, MAX_MEMBERS);
  const kept = entries.map(([key, item]) => [clipCodePoints(key, 128), coerceShape(member, item, { at: `${at}.${key.slice(0, 64)}`, log })] as const);
  return Object.fromEntries(kept.filter(([, item]) => item !== undefined));
}
