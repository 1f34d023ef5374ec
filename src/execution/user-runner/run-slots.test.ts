import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RunSlots } from './run-slots.ts';

const never = new AbortController().signal;
const LIMITS = { perSession: 2, total: 4, queuedPerSession: 16 };
const settle = async (): Promise<void> => { await new Promise((resolve) => { setImmediate(resolve); }); };

/** Asks for a slot and notes when it is granted. */
function ask(slots: RunSlots, session: string, granted: string[], signal = never): { slot: Promise<Disposable | null> } {
  const ticket = slots.ask(session, signal);
  const slot = ticket.granted.then((held) => {
    granted.push(session);
    return held;
  }, () => null);
  return { slot };
}

describe('RunSlots', () => {
  it('runs two of a session and four in all', async () => {
    const slots = new RunSlots(LIMITS);
    const granted: string[] = [];
    for (const session of ['a', 'a', 'a', 'b', 'b', 'b', 'c']) ask(slots, session, granted);
    await settle();

    expect(granted).toEqual(['a', 'a', 'b', 'b']);
    expect(slots.counts()).toEqual({ running: 4, queued: 3 });
  });

  it('lets a session that came later have its turn before the rest of a long queue', async () => {
    const slots = new RunSlots({ perSession: 2, total: 2, queuedPerSession: 16 });
    const granted: string[] = [];
    const first = Array.from({ length: 6 }, () => ask(slots, 'a', granted));
    ask(slots, 'b', granted);
    await settle();
    (await first[0]!.slot)?.[Symbol.dispose]();
    await settle();

    expect(granted).toEqual(['a', 'a', 'b']);
  });

  it('refuses the seventeenth that waits, and takes one more when one left', async () => {
    const slots = new RunSlots(LIMITS);
    const leaving = new AbortController();
    for (let index = 0; index < 17; index += 1) ask(slots, 'a', []);
    const last = slots.ask('a', leaving.signal);

    expect(last.position()).toBe(16);
    expect(() => slots.ask('a', never)).toThrow(expect.objectContaining({ code: 'QUEUE_FULL' }));
    leaving.abort(new Error('left'));
    await expect(last.granted).rejects.toThrow('left');
    expect(slots.ask('a', never).position()).toBe(16);
  });

  it('gives nothing to a wait that was given up, and a slot back only once', async () => {
    const slots = new RunSlots({ perSession: 1, total: 1, queuedPerSession: 4 });
    const granted: string[] = [];
    const gone = new AbortController();
    const held = await ask(slots, 'a', granted).slot;
    ask(slots, 'a', granted, gone.signal);
    ask(slots, 'b', granted);
    gone.abort();
    held?.[Symbol.dispose]();
    held?.[Symbol.dispose]();
    await settle();

    expect(granted).toEqual(['a', 'b']);
    expect(slots.counts()).toEqual({ running: 1, queued: 0 });
  });

  it('serves everybody in the order of each session, never beyond its limits', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 40 }), async (sessions) => {
      const slots = new RunSlots(LIMITS);
      const order = new Map<string, number[]>();
      const active = new Map<string, number>();
      const worst = { total: 0, session: 0 };
      const accepted = sessions.map(async (session, index) => {
        let ticket;
        try {
          ticket = slots.ask(session, never);
        } catch {
          return; // More than 18 of one session.
        }
        using _slot = await ticket.granted;
        order.set(session, [...(order.get(session) ?? []), index]);
        active.set(session, (active.get(session) ?? 0) + 1);
        worst.session = Math.max(worst.session, active.get(session) ?? 0);
        worst.total = Math.max(worst.total, [...active.values()].reduce((sum, count) => sum + count, 0));
        await settle();
        active.set(session, (active.get(session) ?? 0) - 1);
      });
      await Promise.all(accepted);

      expect(worst.session).toBeLessThanOrEqual(2);
      expect(worst.total).toBeLessThanOrEqual(4);
      for (const indexes of order.values()) expect(indexes).toEqual(indexes.toSorted((left, right) => left - right));
      expect(slots.counts()).toEqual({ running: 0, queued: 0 });
    }), { numRuns: 40 });
  });
});

it('tells those that wait when they move up, and nobody who has left', async () => {
  const slots = new RunSlots({ perSession: 1, total: 4, queuedPerSession: 16 });
  const running = await slots.ask('a', never).granted;
  const leaving = new AbortController();
  const told: [string, number][] = [];
  const tickets = ['b', 'c', 'd'].map((name) => {
    const ticket = slots.ask('a', name === 'c' ? leaving.signal : never);
    ticket.onMove((position) => told.push([name, position]));
    return ticket;
  });
  const left = expect(tickets[1]!.granted).rejects.toThrow();
  leaving.abort();
  await left;
  running[Symbol.dispose]();
  (await tickets[0]!.granted)[Symbol.dispose]();
  await tickets[2]!.granted;

  expect(told).toEqual([['d', 2], ['d', 1]]);
});
