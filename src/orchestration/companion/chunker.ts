/** Decides when text leaves; loses nothing and never cuts a character in two. Times are milliseconds of one monotonic clock. */
export interface Chunker {
  /** Takes text; returns the chunks that leave now. */
  push(text: string, nowMs: number): string[];
  /** The chunk that is due, if any. */
  tick(nowMs: number): string[];
  /** Everything that is left. */
  flush(nowMs: number): string[];
  /** When the waiting text leaves at the latest, or null when nothing waits. */
  readonly dueAt: number | null;
}

const INTERVAL_MS = 40;
const CHUNK_CODE_POINTS = 64;

/** Creates the pacing of one reply: the first chunk at once, then every 40 ms or 64 code points. */
export function createChunker(): Chunker {
  let waiting = '';
  let leftAt: number | null = null;

  const isDue = (nowMs: number): boolean => leftAt === null || nowMs - leftAt >= INTERVAL_MS;
  const take = (nowMs: number, isEverything: boolean): string[] => {
    const { full, rest } = cut(waiting);
    const chunks = full;
    const { ready, half } = isEverything ? { ready: rest, half: '' } : splitHalf(rest);
    waiting = rest;
    if (ready !== '' && (isEverything || chunks.length === 0 && isDue(nowMs))) {
      chunks.push(ready);
      waiting = half;
    }
    if (chunks.length > 0) leftAt = nowMs;
    return chunks;
  };

  return {
    push(text, nowMs) {
      waiting += text;
      return take(nowMs, false);
    },
    tick: (nowMs) => take(nowMs, false),
    flush: (nowMs) => take(nowMs, true),
    get dueAt() {
      if (splitHalf(waiting).ready === '') return null;
      return leftAt === null ? 0 : leftAt + INTERVAL_MS;
    },
  };
}

function cut(text: string): { full: string[]; rest: string } {
  const full: string[] = [];
  let start = 0;
  let at = 0;
  let count = 0;
  for (const character of splitHalf(text).ready) {
    at += character.length;
    count += 1;
    if (count < CHUNK_CODE_POINTS) continue;
    full.push(text.slice(start, at));
    start = at;
    count = 0;
  }
  return { full, rest: text.slice(start) };
}

/** The first half of a surrogate pair waits for the second. */
function splitHalf(text: string): { ready: string; half: string } {
  const isHalf = /[\uD800-\uDBFF]$/.test(text);
  return isHalf ? { ready: text.slice(0, -1), half: text.slice(-1) } : { ready: text, half: '' };
}
