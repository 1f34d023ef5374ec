import type { Clock } from '../../config/index.ts';

/** Waits for the first reason to stop: a signal, or the end of the parent. */
export interface StopRequest extends Disposable {
  readonly reason: Promise<string>;
  /** Aborted with the first reason. */
  readonly signal: AbortSignal;
}

const SIGNALS: readonly NodeJS.Signals[] = process.platform === 'win32' ? ['SIGINT', 'SIGTERM', 'SIGBREAK'] : ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Ctrl-C reaches a whole group of processes, and npm and our start script pass it on as well: that is one wish, not two. */
const SAME_WISH_MS = 250;

interface StopSources { clock: Clock; parentGone: Promise<void> | null; onSecond: () => void }

/** Listens for signals; a second wish calls `onSecond`. Disposing stops listening. */
export function listenForStop({ clock, parentGone, onSecond }: StopSources): StopRequest {
  const { promise, resolve } = Promise.withResolvers<string>();
  const controller = new AbortController();
  const stop = (reason: string): void => {
    controller.abort();
    resolve(reason);
  };
  let firstMs: number | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    const nowMs = clock.monotonicMs();
    firstMs ??= nowMs;
    if (nowMs - firstMs > SAME_WISH_MS) onSecond();
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
