import type { Clock } from '../../config/index.ts';

const STEP_MS = 1_000;
/** A step that takes this much longer than asked means that the machine slept. */
const SLEEP_MS = 5_000;

/** A timer that a sleeping machine does not use up. */
export interface Deadline { cancel(): void }

/** Calls back once when `afterMs` of waking time have passed. */
export function createDeadline(clock: Clock, afterMs: number, onDue: () => void): Deadline {
  let left = afterMs;
  let last = clock.monotonicMs();
  let timer: NodeJS.Timeout;
  const plan = (): void => {
    timer = setTimeout(tick, Math.max(0, Math.min(left, STEP_MS)));
    timer.unref();
  };
  const tick = (): void => {
    const now = clock.monotonicMs();
    const passed = now - last;
    last = now;
    left -= passed > STEP_MS + SLEEP_MS ? STEP_MS : passed;
    if (left <= 0) onDue();
    else plan();
  };
  plan();
  return { cancel: () => clearTimeout(timer) };
}
