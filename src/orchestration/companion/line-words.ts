/** A line so far, as the prose reader sees it. */
export type LineKind = 'open' | 'text' | 'record' | 'judgement' | 'end' | 'json-fence';

const WORDS = ['@@record', '@@end', '@@judgement', '@@judgment'];
const JSON_FENCE_START = /^(?:`{1,2}|~{1,2}|(?:`{3,}|~{3,})[ \t]*(?:j|js|jso|json[ \t\r]*)?)$/i;
const JSON_FENCE = /^(?:`{3,}|~{3,})[ \t]*json[ \t\r]*$/i;

/** What a line is, judged from its beginning; `open` while both a marker and plain text are possible. */
export function classifyLine(line: string, isComplete: boolean): LineKind {
  const word = line.trimStart().toLowerCase();
  if (word.startsWith('@@record')) return 'record';
  if (word.startsWith('@@j') && WORDS.some((marker) => marker.startsWith(word))) return 'judgement';
  if (/^@@end\s*$/.test(word)) return isComplete ? 'end' : 'open';
  if (isComplete) return JSON_FENCE.test(word) ? 'json-fence' : 'text';
  const isPrefix = word === '' || WORDS.some((marker) => marker.startsWith(word)) || JSON_FENCE_START.test(word);
  return isPrefix ? 'open' : 'text';
}

/** An open code fence: its character and length. */
export interface Fence { mark: string; length: number }

/** The fence that a complete line opens, or null. */
export function fenceOpenedBy(line: string): Fence | null {
  const run = /^[ \t]*(`{3,}|~{3,})(.*)$/.exec(line.replace(/\r$/, ''));
  const [, marks = '', info = ''] = run ?? [];
  // A backtick in the info text makes it inline code, not a fence.
  if (marks === '' || (marks.startsWith('`') && info.includes('`'))) return null;
  return { mark: marks.charAt(0), length: marks.length };
}

/** True when a complete line closes the fence. */
export function closesFence(line: string, fence: Fence): boolean {
  const run = line.trim();
  return run.length >= fence.length && run === fence.mark.repeat(run.length);
}
