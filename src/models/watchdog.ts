/** Which deadline has passed. */
export type Expiry = 'first_byte' | 'idle';

/** Ends an attempt that stays silent: first until a first sign of life, then between two of them. */
export class Watchdog implements Disposable {
  readonly #controller = new AbortController();
  readonly #idleMs: number;
  #timer: NodeJS.Timeout;
  #expiry: Expiry | null = null;

  constructor(firstByteMs: number, idleMs: number) {
    this.#idleMs = idleMs;
    this.#timer = setTimeout(() => this.#expire('first_byte'), firstByteMs);
  }

  /** Aborts when a deadline has passed. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The deadline that has passed, or null. */
  get expiry(): Expiry | null {
    return this.#expiry;
  }

  /** Something arrived. */
  feed(): void {
    if (this.#controller.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#expire('idle'), this.#idleMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #expire(expiry: Expiry): void {
    this.#expiry = expiry;
    this.#controller.abort();
  }
}
