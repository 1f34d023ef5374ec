import { LIMITS, SidecarError } from '../../contracts/index.ts';

const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);
const decoder = new TextDecoder('utf-8', { fatal: true });

function refuse(reason: string): never {
  throw new SidecarError('BAD_REQUEST', reason, { detail: { en: reason, zh: '请求结构不合法' } });
}

/** Depth of brackets outside strings, before the parser sees the text. */
function checkDepth(text: string): void {
  let depth = 0;
  let isInString = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (isInString) {
      if (character === '\\') index += 1;
      else if (character === '"') isInString = false;
      continue;
    }
    if (character === '"') isInString = true;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    if (depth > LIMITS.json_depth) refuse('the JSON is nested too deeply');
  }
}

/** Refuses keys that could reach a prototype, and more keys than a request can mean. */
function checkKeys(value: unknown, budget: { keys: number }): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) return value.forEach((item) => checkKeys(item, budget));
  for (const [key, member] of Object.entries(value)) {
    budget.keys -= 1;
    if (budget.keys < 0) refuse('the JSON has too many keys');
    if (FORBIDDEN_KEYS.has(key)) refuse('the JSON has a key that is not allowed');
    checkKeys(member, budget);
  }
}

/** Drops `null` members at every depth, because they mean "absent". Members named in `verbatim` stay as they are: they are content. */
export function withoutNulls(value: unknown, verbatim: readonly string[] = []): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([key, member]) => [key, verbatim.includes(key) ? member : withoutNulls(member)]));
}

/** Parses a request body; `maxKeys` widens the bound for documents. An empty one is `{}`. Throws INVALID_JSON, or BAD_REQUEST for depth, key count and forbidden keys. */
export function parseJsonBody(bytes: Uint8Array, maxKeys: number = LIMITS.json_keys): unknown {
  if (bytes.length === 0) return {};
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch (cause) {
    throw new SidecarError('INVALID_JSON', 'body is not UTF-8', { cause });
  }
  checkDepth(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SidecarError('INVALID_JSON', 'body is not JSON', { cause });
  }
  checkKeys(value, { keys: maxKeys });
  return value;
}
