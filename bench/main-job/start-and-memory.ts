import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { startSidecar } from '../../tests/support/sidecar-process.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { summarize } from '../support/statistics.ts';
import type { Row } from '../support/statistics.ts';

const STARTS = 15;
const SETTLE_MS = 2_000;

function timeBareNode(): number {
  const started = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - started;
}

/** Memory of a process in MB (10^6 bytes): what is resident, its share when pages of several processes are divided, what it alone wrote. */
export function memoryOf(pid: number): { resident: number; proportional: number; private: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const read = (name: string): number => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) * 1.024) / 1000;
  return { resident: read('Rss'), proportional: read('Pss'), private: read('Private_Dirty') };
}

/** Start to ready line of the built program, and what it then holds while idle. */
export async function measureStart(): Promise<Row[]> {
  await using folder = await createTemporaryFolder('bench-start');
  const starts: number[] = [];
  const bare: number[] = [];
  const idle: ReturnType<typeof memoryOf>[] = [];
  for (let index = 0; index <= STARTS; index += 1) {
    bare.push(timeBareNode());
    const started = performance.now();
    const sidecar = await startSidecar({ sessionsDir: folder.path });
    if (index > 0) starts.push(performance.now() - started); // The first start makes the store.
    if (index % 5 === 0) {
      await delay(SETTLE_MS);
      idle.push(memoryOf(sidecar.pid));
    }
    await sidecar.kill('SIGKILL');
  }
  const start = summarize(starts);
  return [
    { what: 'start to ready, second start', unit: 'ms', measured: start.p50, target: 400, peer: { name: 'predecessor', value: 2_000 }, detail: { start, bareNode: summarize(bare) } },
    { what: 'idle memory (RSS)', unit: 'MB', measured: summarize(idle.map(({ resident }) => resident)).max, target: 100, peer: { name: 'predecessor', value: 108 }, detail: idle },
  ];
}
