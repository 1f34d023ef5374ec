/** Runs something later; tests pass their own. */
export interface Timers {
  /** Returns what cancels it; cancelling late or twice is harmless. */
  after(delayMs: number, run: () => void): () => void;
}

/** Longer delays overflow the platform's timer and would fire at once. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** Timers that do not keep the process alive. */
export const systemTimers: Timers = {
  after: (delayMs, run) => {
    const timer = setTimeout(run, Math.min(delayMs, LONGEST_DELAY_MS)).unref();
    return () => clearTimeout(timer);
  },
};
