/** Reads a stream that is being opened until the signal aborts; then throws its reason at once, whatever the source is waiting for. */
export async function* readUntilAborted<T>(opening: Promise<ReadableStream<T>>, signal: AbortSignal): AsyncGenerator<T> {
  let reader: ReadableStreamDefaultReader<T> | undefined;
  const aborted = Promise.withResolvers<never>();
  // Nobody may be waiting when one of them rejects, and a stream that opens too late is not read.
  for (const promise of [aborted.promise, opening]) promise.catch(() => undefined);
  // A cancelled reader ends its pending read at once. The source may hang in it, so nobody waits for the rest.
  const leave = (): void => void reader?.cancel(signal.reason).catch(() => undefined);
  const onAbort = (): void => {
    aborted.reject(signal.reason);
    leave();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    reader = (await Promise.race([opening, aborted.promise])).getReader();
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    leave();
  }
}
