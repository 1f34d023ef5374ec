import { readdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { silentLog, systemClock } from '../../src/config/index.ts';
import type { ExecutionGuard } from '../../src/execution/guard/index.ts';
import { startWorker, WorkerPool } from '../../src/execution/worker/index.ts';
import type { WorkerSpec } from '../../src/execution/worker/index.ts';
import { openExecutionBench } from '../support/execution-bench.ts';
import type { ExecutionBench } from '../support/execution-bench.ts';

let bench: ExecutionBench;

beforeAll(async () => { bench = await openExecutionBench(); });
afterEach(async () => { expect(await bench.remains()).toEqual([]); });
afterAll(async () => { await bench[Symbol.asyncDispose](); });

function openPool(guard: ExecutionGuard = bench.guard): WorkerPool {
  return new WorkerPool({
    guard, clock: systemClock, log: silentLog, poolMb: 512, otherMb: () => 0, releaseOther: () => false, freeMemory: () => 1, mayFill: () => true,
    learnRuntime: async () => {}, runtimeStamp: () => '',
  });
}

async function specOf(group: string, folderOf = group): Promise<WorkerSpec> {
  const { workspace, home } = await bench.session(folderOf);
  return { group, lane: 'user', preload: [], keepsFigures: false, workspace: { folder: workspace, home, sessionId: group, packages: null } };
}

/** The bench's guard, which does something more when a process has just been started. */
function guardWith(onStarted: () => void): ExecutionGuard {
  return new Proxy(bench.guard, {
    get: (guard, name) => {
      if (name !== 'spawnGuarded') {
        const value: unknown = Reflect.get(guard, name);
        return typeof value === 'function' ? value.bind(guard) as unknown : value;
      }
      return async (...request: Parameters<ExecutionGuard['spawnGuarded']>) => {
        const child = await guard.spawnGuarded(...request);
        onStarted();
        return child;
      };
    },
  });
}

/** What lives at this moment, without waiting for anything. */
const alive = (): { live: number; leaving: number; folders: string[] } => {
  const { live, leaving } = bench.guard.children();
  return { live, leaving, folders: readdirSync(`${bench.stateDir}/runs`) };
};
const NOTHING = { live: 0, leaving: 0, folders: [] };

it('leaves nothing behind a stop that comes while the process of a worker is being started', async () => {
  const stops: Promise<void>[] = [];
  const pool = openPool(guardWith(() => stops.push(pool.stop())));
  pool.want(await specOf('while-starting'), 1);
  await pool.settled();
  await Promise.all(stops);

  expect(stops).toHaveLength(1);
  expect(alive()).toEqual(NOTHING);
});

it('gives up a start whose signal was aborted while the process was being started', async () => {
  const abort = new AbortController();
  const guard = guardWith(() => abort.abort(new Error('nobody wants it any more')));

  await expect(startWorker(guard, await specOf('aborted'), { signal: abort.signal })).rejects.toThrow('nobody wants it any more');
  expect(alive()).toEqual(NOTHING);
});

it('waits in its stop for a worker that was ended to make room', async () => {
  const pool = openPool();
  pool.want(await specOf('room'), 1);
  await pool.settled();
  const wasEnded = pool.releaseOldest(Number.POSITIVE_INFINITY);
  const before = alive().live;
  await pool.stop();

  expect([wasEnded, before]).toEqual([true, 1]);
  expect(alive()).toEqual(NOTHING);
});

it.each(['stop', 'end'] as const)('waits in its %s for workers of another workspace that a claim has ended', async (ending) => {
  const pool = openPool();
  pool.want(await specOf('moved'), 1);
  await pool.settled();
  const claim = pool.claim(await specOf('moved', 'moved-here'), { signal: AbortSignal.abort(new Error('not now')), need: 'bare' });
  const refused = expect(claim).rejects.toThrow('not now');
  const before = [alive().live, pool.idleCount()];
  if (ending === 'end') await pool.end('moved');
  else await pool.stop();

  expect(before).toEqual([1, 0]);
  expect(alive()).toEqual(NOTHING);
  await refused;
  await pool.stop();
});
