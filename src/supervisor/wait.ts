/** Resolves after the time, or at once when the signal is aborted. Never rejects. */
export function wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, milliseconds);
    signal?.addEventListener('abort', finish, { once: true });
  });
}

/** What settled first, or `late` after the time; the timer ends with the race. */
export async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T | 'late'> {
  const timer = new AbortController();
  try {
    return await Promise.race([promise, wait(milliseconds, timer.signal).then(() => 'late' as const)]);
  } finally {
    timer.abort();
  }
}
