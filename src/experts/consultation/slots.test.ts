import { expect, it } from 'vitest';
import { Slots } from './slots.ts';

/** Enters and notes the name once it is in. */
function enter(slots: Slots, sessionId: string, seen: string[], signal = AbortSignal.timeout(60_000)) {
  return slots.enter(sessionId, signal).then((slot) => {
    seen.push(sessionId);
    return slot;
  });
}

it('lets two consultations in, one of each session, and the next ones in their order', async () => {
  const slots = new Slots(2);
  const seen: string[] = [];
  const first = await enter(slots, 'a', seen);
  const again = enter(slots, 'a', seen);
  const second = await enter(slots, 'b', seen);
  const third = enter(slots, 'c', seen);

  second[Symbol.dispose]();
  const inside = await third;
  expect(seen).toEqual(['a', 'b', 'c']);

  first[Symbol.dispose]();
  (await again)[Symbol.dispose]();
  inside[Symbol.dispose]();
  expect(seen).toEqual(['a', 'b', 'c', 'a']);
});

it('stops waiting with the signal and keeps nothing of the one that left', async () => {
  const slots = new Slots(1);
  const seen: string[] = [];
  const first = await enter(slots, 'a', seen);
  const impatient = new AbortController();
  const waiting = enter(slots, 'b', seen, impatient.signal);

  impatient.abort(new Error('cancelled'));
  await expect(waiting).rejects.toThrow('cancelled');
  first[Symbol.dispose]();

  (await enter(slots, 'c', seen))[Symbol.dispose]();
  expect(seen).toEqual(['a', 'c']);
});
