import { type LooseNote, parseLooseJson } from './loose-json.ts';

/** An object as a model wrote it, and what had to be forgiven. `value` is null when there is no readable object. */
export interface LooseReading { value: Readonly<Record<string, unknown>> | null; notes: readonly LooseNote[] }

const MAX_TEXT = 65_536;
const MAX_CANDIDATES = 24;
const UNREADABLE: LooseReading = { value: null, notes: [] };

/** Offset after the balanced object that starts at `start`, or null when it never closes. Braces inside texts do not count. */
export function endOfBalanced(text: string, start: number): number | null {
  let depth = 0;
  let inText = false;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (inText) {
      if (character === '\\') at += 1;
      else if (character === '"') inText = false;
    } else if (character === '"') inText = true;
    else if (character === '{') depth += 1;
    else if (character === '}') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return null;
}

/** Reads the one object of a structured reply: after a marker, else in a fence, else the first that can be read. */
export function readLoose(text: string): LooseReading {
  const capped = text.slice(0, MAX_TEXT);
  const tried = new Set<number>();
  for (const start of candidates(capped)) {
    if (tried.has(start)) continue;
    tried.add(start);
    if (tried.size > MAX_CANDIDATES) break;
    const reading = readAt(capped, start);
    if (reading !== null) return reading;
  }
  return UNREADABLE;
}

function* candidates(text: string): Generator<number> {
  const marker = /^[ \t]*@@[a-z]+\b/im.exec(text);
  if (marker !== null) {
    const brace = text.indexOf('{', marker.index + marker[0].length);
    if (brace >= 0) yield brace;
  }
  for (const fence of text.matchAll(/^[ \t]*(?:```|~~~)[\w-]*\s*(?=\{)/gm)) yield fence.index + fence[0].length;
  for (let at = text.indexOf('{'); at >= 0; at = text.indexOf('{', at + 1)) yield at;
}

function readAt(text: string, start: number): LooseReading | null {
  const end = endOfBalanced(text, start);
  if (end !== null) {
    const strict = parseStrict(text.slice(start, end));
    if (strict !== null) return { value: strict, notes: [] };
  }
  const loose = parseLooseJson(text, start);
  if (loose === null || !isObject(loose.value)) return null;
  // Nothing survived the cut: there is no object here, only its beginning.
  if (loose.notes.includes('truncated') && Object.keys(loose.value).length === 0) return null;
  return { value: loose.value, notes: loose.notes };
}

function parseStrict(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    // Not JSON: the tolerant parser has its turn.
    return null;
  }
}

/** True for a JSON object: neither null nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
