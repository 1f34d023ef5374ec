import { expect, it } from 'vitest';
import type { Clock } from '../../config/index.ts';
import { listenForStop } from './stop-request.ts';

function listen(parentGone: Promise<void> | null = null) {
  const time = { ms: 1000 };
  const clock: Clock = { now: () => new Date(0), monotonicMs: () => time.ms };
  const seen = { seconds: 0 };
  const request = listenForStop({ clock, parentGone, onSecond: () => { seen.seconds += 1; } });
  return { time, seen, request };
}

it('stops for the first signal and ends at once for a later one', async () => {
  const { time, seen, request } = listen();
  using _request = request;

  process.emit('SIGTERM', 'SIGTERM');
  expect([await request.reason, request.signal.aborted, seen.seconds]).toEqual(['sigterm', true, 0]);
  time.ms += 251;
  process.emit('SIGINT', 'SIGINT');

  expect(seen.seconds).toBe(1);
});

it('takes a signal that a wrapper repeats as one', () => {
  const { time, seen, request } = listen();
  using _request = request;

  process.emit('SIGINT', 'SIGINT');
  time.ms += 20;
  process.emit('SIGINT', 'SIGINT');

  expect(seen.seconds).toBe(0);
});

it('stops when the parent is gone, and a signal after that is still the first wish', async () => {
  const { seen, request } = listen(Promise.resolve());
  using _request = request;

  expect(await request.reason).toBe('stdin_closed');
  process.emit('SIGTERM', 'SIGTERM');
  expect(seen.seconds).toBe(0);
});

it('leaves no listener behind', () => {
  const before = process.listenerCount('SIGTERM');

  listen().request[Symbol.dispose]();

  expect(process.listenerCount('SIGTERM')).toBe(before);
});
