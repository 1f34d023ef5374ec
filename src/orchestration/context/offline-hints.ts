import type { Language } from '../../contracts/index.ts';
import { createScanFilter, type Decision, type Position, type TextFilter } from './text-filter.ts';

const LABELS: Readonly<Record<Language, string>> = { en: '[redacted]', zh: '[已隐藏]' };
const MIN_SECRET = 6;
const MAX_RUN = 8192;

interface Shape { start: string; body: RegExp; isSecret(run: string): boolean }

const longerThan = (length: number) => (run: string) => run.length >= length;
const plain = /[\w-]*/y;
const SHAPES: readonly Shape[] = [
  { start: 'eyJ', body: /[\w.-]*/y, isSecret: (run) => /^eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/.test(run) },
  ...['sk-', 'pk-', 'rk-', 'ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'hf_', 'glpat-'].map((start) => ({ start, body: plain, isSecret: longerThan(20) })),
  ...['github_pat_', 'AIza'].map((start) => ({ start, body: plain, isSecret: longerThan(30) })),
  ...['xoxa-', 'xoxb-', 'xoxp-', 'xoxs-'].map((start) => ({ start, body: plain, isSecret: longerThan(15) })),
  { start: 'AKIA', body: /[A-Z0-9]*/y, isSecret: (run) => run.length === 20 },
];
const BEARER = /bearer(?:[ \t]+([\w.~+/=-]{0,8192}))?/iy;
const BEARER_WORD = 'bearer';

const HOLD: Decision = { kind: 'hold' };
const KEEP: Decision = { kind: 'keep' };

/** Replaces the given values, also URL- and base64-encoded, and what has the form of a key, wherever the text was cut. */
export function createSecretFilter(secrets: readonly string[], language: Language): TextFilter {
  const values = [...new Set(secrets.flatMap((secret) => encodingsOf(secret.trim())))].sort((a, b) => b.length - a.length);
  const replace = (length: number): Decision => ({ kind: 'replace', length, text: LABELS[language] });

  return createScanFilter((position) => {
    const { text, at, isFinal } = position;
    const isUndecided = (word: string) => !isFinal && word.length > text.length - at && word.startsWith(text.slice(at));
    if (values.some(isUndecided)) return HOLD;
    const value = values.find((secret) => text.startsWith(secret, at));
    if (value !== undefined) return replace(value.length);
    // Shapes begin at a word: `task-…` holds no `sk-…`.
    if (/[A-Za-z0-9]/.test(position.previous)) return KEEP;
    if (SHAPES.some((shape) => isUndecided(shape.start))) return HOLD;
    const shape = SHAPES.find(({ start }) => text.startsWith(start, at));
    if (shape !== undefined) return decideRun(shape, position, replace);
    return decideBearer(position, replace);
  }, null);
}

function encodingsOf(secret: string): string[] {
  if (secret.length < MIN_SECRET) return [];
  const bytes = new TextEncoder().encode(secret);
  const base64 = btoa(String.fromCharCode(...bytes)).replace(/=+$/, '');
  return [secret, encodeURIComponent(secret.toWellFormed()), base64, base64.replaceAll('+', '-').replaceAll('/', '_')];
}

function decideRun({ body, isSecret }: Shape, { text, at, isFinal }: Position, replace: (length: number) => Decision): Decision {
  body.lastIndex = at;
  const run = (body.exec(text)?.[0] ?? '').slice(0, MAX_RUN);
  const mayGrow = !isFinal && at + run.length === text.length && run.length < MAX_RUN;
  if (mayGrow) return HOLD;
  return isSecret(run) ? replace(run.length) : KEEP;
}

/** `Bearer` and a long token with a digit in it; in prose the word stands alone or before a short one. */
function decideBearer({ text, at, isFinal }: Position, replace: (length: number) => Decision): Decision {
  const rest = text.slice(at, at + BEARER_WORD.length).toLowerCase();
  if (!isFinal && rest.length === text.length - at && BEARER_WORD.startsWith(rest)) return HOLD;
  BEARER.lastIndex = at;
  const match = BEARER.exec(text);
  if (match === null) return KEEP;
  const token = match[1] ?? '';
  const mayGrow = !isFinal && at + match[0].length === text.length && token.length < MAX_RUN;
  if (mayGrow) return HOLD;
  const isSecret = token.length >= 32 || (token.length >= 16 && /\d/.test(token));
  return isSecret ? replace(match[0].length) : KEEP;
}
