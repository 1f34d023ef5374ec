import { LIMITS, SidecarError } from '../contracts/index.ts';
import type { Clock } from '../config/index.ts';

const WINDOW_MS = 60_000;

/** Admits a bounded number of creations in any minute, and a larger one of requests that end without a new session. */
export class CreateRate {
  readonly #requests: Window;
  readonly #sessions: Window;

  constructor(clock: Clock) {
    this.#requests = new Window(clock, LIMITS.create_requests_per_minute);
    this.#sessions = new Window(clock, LIMITS.sessions_per_minute);
  }

  /** Counts a request, whatever becomes of it, or throws RATE_LIMITED. */
  request(): void {
    this.#requests.admit();
  }

  /** Counts a session that is about to be made, or throws RATE_LIMITED; the result takes it back if it was not made. */
  session(): () => void {
    return this.#sessions.admit();
  }
}

/** The moments of the last minute, at most `limit`. */
class Window {
  readonly #clock: Clock;
  readonly #limit: number;
  #admitted: { at: number }[] = [];

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** Throws RATE_LIMITED with the seconds after which there is room again. */
  admit(): () => void {
    const now = this.#clock.monotonicMs();
    this.#admitted = this.#admitted.filter(({ at }) => now - at < WINDOW_MS);
    const [oldest] = this.#admitted;
    if (oldest !== undefined && this.#admitted.length >= this.#limit) {
      throw new SidecarError('RATE_LIMITED', 'too many sessions in a minute', {
        retryAfterSeconds: Math.max(1, Math.ceil((WINDOW_MS - (now - oldest.at)) / 1000)),
      });
    }
    const entry = { at: now };
    this.#admitted.push(entry);
    return () => {
      this.#admitted = this.#admitted.filter((other) => other !== entry);
    };
  }
}
