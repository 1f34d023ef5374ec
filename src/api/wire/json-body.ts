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

/** Drops `null` members, which mean "absent", and refuses keys that could reach a prototype. */
function cleanValue(value: unknown, budget: { keys: number }): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => cleanValue(item, budget));
  }
  if (typeof value !== 'object' || value === null) return value;
  const clean: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    budget.keys += 1;
    if (budget.keys > LIMITS.json_keys) refuse('the JSON has too many keys');
    if (FORBIDDEN_KEYS.has(key)) refuse('the JSON has a key that is not allowed');
    if (member !== null) clean[key] = cleanValue(member, budget);
  }
  return clean;
}

/** Parses a request body. An empty one is `{}`. Throws INVALID_JSON, or BAD_REQUEST for depth, key count and forbidden keys. */
export function parseJsonBody(bytes: Uint8Array): unknown {
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
  return cleanValue(value, { keys: 0 });
}
