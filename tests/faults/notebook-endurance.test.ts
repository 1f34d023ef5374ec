import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { openNotebookBench } from '../support/notebook-bench.ts';

const MIB = 1024 * 1024;

/** What a process and its folder hold after everything that can go is gone. */
function holdings(root: string): { descriptors: number; entries: number; handles: number; heapMib: number } {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return {
    descriptors: readdirSync('/proc/self/fd').length, entries: readdirSync(root, { recursive: true }).length,
    handles: process.getActiveResourcesInfo().filter((name) => name !== 'Immediate' && name !== 'Timeout').length,
    heapMib: process.memoryUsage().heapUsed / MIB,
  };
}

it('grows by nothing over 100 restarts (K39)', async () => {
  await using bench = await openNotebookBench();
  const session = bench.session('endurance');
  const restart = async (times: number): Promise<void> => {
    for (let index = 0; index < times; index += 1) {
      await bench.run(session, 'kept = 1');
      await bench.notebooks.restart(session);
    }
    // The process before the last one may still be on its way out.
    await expect.poll(() => bench.guard.children().byLane.notebook, { timeout: 30_000 }).toBe(1);
  };
  await restart(10);
  const before = holdings(bench.root);

  await restart(90);
  const after = holdings(bench.root);

  expect({ ...after, heapMib: 0 }).toEqual({ ...before, heapMib: 0 });
  expect(after.heapMib - before.heapMib).toBeLessThan(12);
  expect(await bench.run(session, '"kept" in globals()')).toMatchObject({ result_repr: 'False', execution_count: 1 });
}, 400_000);
