const FIRST_DELAY_MS = 2_000;
const LONGEST_DELAY_MS = 300_000;
/** A server that asks for more than this is asked again after this. */
const LONGEST_RETRY_AFTER_MS = 86_400_000;

/** What an answer of the backend means for the row that was sent. */
export type Verdict = 'sent' | 'register' | 'unauthorized' | 'denied' | 'dead' | 'retry';

/** 409 says that the backend has it already. What no rule names is tried again, because giving up would lose it. */
export function verdictOf(status: number): Verdict {
  if (status === 409 || (status >= 200 && status < 300)) return 'sent';
  switch (status) {
    case 400: case 413: case 422: return 'dead';
    case 401: return 'unauthorized';
    case 403: return 'denied';
    case 404: return 'register';
    default: return 'retry';
  }
}

/** 2 s × 2ⁿ up to 5 min, up to a quarter shorter so that sessions do not march in step; never before `retryAfterMs`. */
export function retryDelayMs(attempts: number, chance: number, retryAfterMs: number | null): number {
  const full = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempts, 16));
  const jittered = full * (1 - 0.25 * chance);
  return Math.max(jittered, Math.min(retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS));
}

/** Reads a `retry-after` header, seconds or a date; null for none or nonsense. */
export function tryParseRetryAfter(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const trimmed = header.trim();
  if (/^\d{1,9}(\.\d+)?$/.test(trimmed)) return Number(trimmed) * 1_000;
  const dateMs = /[a-z]/i.test(trimmed) ? Date.parse(trimmed) : Number.NaN;
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - nowMs);
}
