/** Waits for the first reason to stop: a signal, or the end of the parent. */
export interface StopRequest extends Disposable {
  readonly reason: Promise<string>;
  /** Aborted with the first reason. */
  readonly signal: AbortSignal;
}

const SIGNALS: readonly NodeJS.Signals[] = process.platform === 'win32' ? ['SIGINT', 'SIGTERM', 'SIGBREAK'] : ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Listens for signals; the second one calls `onSecond`. Disposing stops listening. */
export function listenForStop(parentGone: Promise<void> | null, onSecond: () => void): StopRequest {
  const { promise, resolve } = Promise.withResolvers<string>();
  const controller = new AbortController();
  const stop = (reason: string): void => {
    controller.abort();
    resolve(reason);
  };
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals += 1;
    if (signals > 1) onSecond();
    stop(signal.toLowerCase());
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  void parentGone?.then(() => stop('stdin_closed'));
  return {
    reason: promise,
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
}
