/** How long a test waits for something that should happen at once: a bound against hanging, also on a busy machine. */
export const DEFAULT_WAIT_MS = 30_000;

/** Awaits a promise for a bounded time; the error says what did not happen. */
export async function within<T>(promise: Promise<T>, ms: number, what: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms: ${what()}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets tests wait until something observable has changed. */
export class Changes {
  #waiting = new Set<() => void>();

  /** Wakes everybody who waits. */
  notify(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Resolves with the first value of `probe` that is not undefined; asked now and after each change. */
  async until<T>(probe: () => T | undefined, ms: number, what: () => string): Promise<T> {
    const deadline = performance.now() + ms;
    for (;;) {
      const value = probe();
      if (value !== undefined) return value;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      try {
        await within(promise, Math.max(0, deadline - performance.now()), what);
      } finally {
        this.#waiting.delete(resolve);
      }
    }
  }
}
