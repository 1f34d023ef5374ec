/** A stage that text passes on its way to the learner. Concatenated, the results do not depend on how the text was cut. */
export interface TextFilter {
  push(text: string, nowMs: number): string;
  /** Releases what was held for too long. */
  tick(nowMs: number): string;
  /** Everything that is still held, decided. */
  end(nowMs: number): string;
  /** When `tick` has something to release, or null. */
  readonly dueAt: number | null;
}

/** What to do with the text from one position on; `hold` waits for more text. */
export type Decision = { kind: 'hold' } | { kind: 'keep' } | { kind: 'replace'; length: number; text: string };

/**
 * A position in what has arrived; `previous` is the last character that left. At `isFinal` no more text comes and a decision may not
 * hold. At `isLate` more may come, but text has been held for too long: long constructs are settled on the safe side.
 */
export interface Position { text: string; at: number; previous: string; isFinal: boolean; isLate: boolean }

/** A filter that decides position by position. Without `holdMs` text is held until the next character settles it. */
export function createScanFilter(decide: (position: Position) => Decision, holdMs: number | null): TextFilter {
  let waiting = '';
  let previous = '';
  let heldSince: number | null = null;

  const scan = (nowMs: number, reason: 'text' | 'late' | 'final'): string => {
    const text = waiting;
    let out = '';
    let at = 0;
    let isLate = reason === 'late';
    while (at < text.length) {
      const decision = decide({ text, at, previous, isFinal: reason === 'final', isLate });
      if (decision.kind === 'hold') break;
      isLate = false;
      const isKept = decision.kind === 'keep';
      const piece = isKept ? text.charAt(at) : decision.text;
      out += piece;
      previous = piece === '' ? previous : piece.slice(-1);
      at += isKept ? 1 : decision.length;
    }
    waiting = text.slice(at);
    // Another position may wait now, or one that only text can settle: the time starts anew.
    if (waiting === '') heldSince = null;
    else if (heldSince === null || at > 0 || reason === 'late') heldSince = nowMs;
    return out;
  };

  return {
    push(text, nowMs) {
      waiting += text;
      return scan(nowMs, 'text');
    },
    tick: (nowMs) => {
      const isDue = holdMs !== null && heldSince !== null && nowMs - heldSince >= holdMs;
      return isDue ? scan(nowMs, 'late') : '';
    },
    end: (nowMs) => scan(nowMs, 'final'),
    get dueAt() {
      return holdMs === null || heldSince === null ? null : heldSince + holdMs;
    },
  };
}
