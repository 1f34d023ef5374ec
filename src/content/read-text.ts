import { readInside, MAX_TEXT_BYTES } from './safe-file.ts';
import type { ReadProblem } from './safe-file.ts';
import type { ContentDiagnostic } from './diagnostic.ts';
import { warn } from './diagnostic.ts';
import { normaliseText } from './markdown-lines.ts';

/** Why a text cannot be used. */
export type TextProblem = ReadProblem | 'blank' | 'not_utf8';

/** A usable text, or why there is none. */
export type TextResult = { kind: 'text'; text: string } | { kind: 'problem'; problem: TextProblem };

const PROBLEM_WORDS: Record<TextProblem, string> = {
  missing: 'is missing',
  outside: 'is a link that leads out of its root',
  not_regular: 'is not a regular file',
  too_large: `is larger than ${MAX_TEXT_BYTES / 1024} KB`,
  case_twin: 'has a twin that differs only by case',
  unreadable: 'cannot be read',
  blank: 'is blank',
  not_utf8: 'is not UTF-8',
};

/** The problem of a file as a sentence, without the path of its root. */
export function describeTextProblem(path: string, problem: TextProblem): string {
  return `${path} ${PROBLEM_WORDS[problem]}`;
}

/** Reads a text of content: UTF-8, without BOM, LF only, not blank, at most 256 KB, inside its real root. */
export async function readText(root: string, path: string): Promise<TextResult> {
  const result = await readInside(root, path);
  if (result.kind === 'refused') return { kind: 'problem', problem: result.problem };
  const text = decodeUtf8(result.bytes);
  if (text === null) return { kind: 'problem', problem: 'not_utf8' };
  return text.trim() === '' ? { kind: 'problem', problem: 'blank' } : { kind: 'text', text };
}

/** Reads a text that may be absent; any other problem is reported and counts as absent. */
export async function readOptionalText(root: string, path: string, diagnostics: ContentDiagnostic[]): Promise<string | null> {
  const result = await readText(root, path);
  if (result.kind === 'text') return result.text;
  if (result.problem !== 'missing') diagnostics.push(warn('file_skipped', describeTextProblem(path, result.problem), { path }));
  return null;
}

/** Strict UTF-8 without BOM and with LF only; null when the bytes are something else. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return normaliseText(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return null; // The decoder's only failure is that these bytes are no UTF-8.
  }
}
