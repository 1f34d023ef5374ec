import type { Clock } from '../../../config/index.ts';

const WINDOW_MS = 600_000;
const LIMIT = 3;
const SECOND_RESTART_MS = 1_000;

/** Decides after a crash when the kernel comes back: at once, then after a second, then not by itself any more. */
export class CrashCount {
  readonly #clock: Clock;
  #at: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a crash; answers with the pause before the restart, or null for none. */
  add(): number | null {
    const now = this.#clock.monotonicMs();
    this.#at = [...this.#at.filter((at) => now - at < WINDOW_MS), now];
    if (this.#at.length >= LIMIT) return null;
    return this.#at.length === 1 ? 0 : SECOND_RESTART_MS;
  }

  forget(): void {
    this.#at = [];
  }
}
