import { LIMITS, SidecarError } from '../contracts/index.ts';
import type { Clock } from '../config/index.ts';

const WINDOW_MS = 60_000;

/** Admits a bounded number of creations in any minute. */
export class CreateRate {
  readonly #clock: Clock;
  #admitted: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts one creation, or throws RATE_LIMITED with the seconds after which there is room again. */
  admit(): void {
    const now = this.#clock.monotonicMs();
    this.#admitted = this.#admitted.filter((at) => now - at < WINDOW_MS);
    const [oldest] = this.#admitted;
    if (oldest !== undefined && this.#admitted.length >= LIMITS.sessions_per_minute) {
      throw new SidecarError('RATE_LIMITED', 'too many sessions in a minute', {
        retryAfterSeconds: Math.max(1, Math.ceil((WINDOW_MS - (now - oldest)) / 1000)),
      });
    }
    this.#admitted.push(now);
  }
}
