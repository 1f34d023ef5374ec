import { expect, it } from 'vitest';
import { silentLog } from '../../../config/index.ts';
import type { KernelConnection, KernelGoneFacts } from '../connection/kernel-connection.ts';
import { KernelPool } from './kernel-pool.ts';
import type { SpareBudget } from './kernel-pool.ts';

const IDLE_MS = 600_000;
const nobody = new AbortController().signal;

/** A pool over processes that start at once, with a clock that is turned by hand. */
function openPool(change: Partial<SpareBudget> = {}) {
  let now = 0;
  const living = new Set<string>();
  const budget = { poolMb: 250, otherMb: () => 0, releaseOther: () => false, freeMemory: () => 0.5, mayFill: () => true, ...change };
  const pool = new KernelPool({
    ...budget, clock: { now: () => new Date(0), monotonicMs: () => now }, log: silentLog,
    start: (sessionId, _signal, isSpare) => {
      const gone = Promise.withResolvers<KernelGoneFacts>();
      if (isSpare) living.add(sessionId);
      const kill = (): Promise<void> => {
        living.delete(sessionId);
        return Promise.resolve();
      };
      const connection: Partial<KernelConnection> = { id: `${isSpare ? 'spare' : 'new'} ${sessionId}`, gone: gone.promise, kill, ping: () => Promise.resolve(true) };
      return Promise.resolve(connection as KernelConnection); // proof: the pool uses no more of it
    },
  });
  /** Resolves when what was wanted has been made or given up. */
  const settled = async (): Promise<string[]> => {
    do await new Promise((resolve) => { setImmediate(resolve); }); while (pool.isFilling);
    return [...living].toSorted();
  };
  return { pool, settled, pass: (ms: number) => { now += ms; } };
}

it('hands a spare out once, then starts anew', async () => {
  const { pool, settled } = openPool();
  pool.warm('a');
  await settled();

  expect([(await pool.claim('a', nobody)).id, (await pool.claim('a', nobody)).id]).toEqual(['spare a', 'new a']);
});

it('ends the spare of the session that was used longest ago when the budget is used up', async () => {
  const { pool, settled, pass } = openPool();
  for (const session of ['a', 'b', 'c']) {
    pass(1_000);
    pool.warm(session);
    await settled();
    if (session === 'b') {
      pass(1_000);
      pool.touch('a');
    }
  }

  expect([await settled(), pool.heldMb]).toEqual([['a', 'c'], 200]);
});

it('counts what the others hold, and asks them to make room', async () => {
  const others = { mb: 210 };
  const { pool, settled } = openPool({
    otherMb: () => others.mb,
    releaseOther: () => {
      if (others.mb === 70) return false;
      others.mb -= 70;
      return true;
    },
  });
  pool.warm('a');

  expect([await settled(), others.mb]).toEqual([['a'], 140]);
});

it.each([
  ['there is no pool', { poolMb: 0 }], ['memory is short', { freeMemory: () => 0.1 }], ['the budget is in use by who is needed more', { otherMb: () => 200 }],
])('makes no spare when %s', async (_title, change) => {
  const { pool, settled } = openPool(change);
  pool.warm('a');

  expect(await settled()).toEqual([]);
});

it('waits while something more urgent wants the processor', async () => {
  const isBusy = { now: true };
  const { pool, settled } = openPool({ mayFill: () => !isBusy.now });
  pool.warm('a');
  const before = await settled();
  isBusy.now = false;
  pool.warm('a');

  expect([before, await settled()]).toEqual([[], ['a']]);
});

it('ends spares of sessions out of use, and all when memory is short', async () => {
  const free = { share: 0.5 };
  const { pool, settled, pass } = openPool({ freeMemory: () => free.share });
  for (const session of ['a', 'b']) {
    pool.warm(session);
    await settled();
  }
  pass(IDLE_MS - 1);
  pool.touch('b');
  pass(2);
  await pool.tidy();
  const inUse = await settled();
  free.share = 0.1;
  await pool.tidy();

  expect([inUse, await settled()]).toEqual([['b'], []]);
});
