import { cpuMs } from './cpu-time.ts';

const BEAT_MS = 10;

/** Watches how long the event loop of this process is held at a time, in processor time: what other programs of the machine take does not count. */
export function watchLoop(): Disposable & { /** The longest hold since the last question. */ worstMs(): number } {
  let last = cpuMs();
  let worst = 0;
  const beat = setInterval(() => {
    const now = cpuMs();
    worst = Math.max(worst, now - last);
    last = now;
  }, BEAT_MS);
  return {
    worstMs: () => {
      const seen = worst;
      worst = 0;
      return seen;
    },
    [Symbol.dispose]: () => clearInterval(beat),
  };
}
