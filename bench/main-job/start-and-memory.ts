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

/** Resident memory of a process in MB (10^6 bytes). */
export function residentMegabytes(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(match?.[1] ?? Number.NaN) * 1.024) / 1000;
}

/** Start to ready line of the built program, and what it then holds while idle. */
export async function measureStart(): Promise<Row[]> {
  await using folder = await createTemporaryFolder('bench-start');
  const starts: number[] = [];
  const bare: number[] = [];
  const resident: number[] = [];
  for (let index = 0; index <= STARTS; index += 1) {
    bare.push(timeBareNode());
    const started = performance.now();
    const sidecar = await startSidecar({ sessionsDir: folder.path });
    if (index > 0) starts.push(performance.now() - started); // The first start makes the store.
    if (index % 5 === 0) {
      await delay(SETTLE_MS);
      resident.push(residentMegabytes(sidecar.pid));
    }
    await sidecar.kill('SIGKILL');
  }
  const start = summarize(starts);
  return [
    { what: 'start to ready, second start', unit: 'ms', measured: start.p50, target: 400, peer: { name: 'predecessor', value: 2_000 }, detail: { start, bareNode: summarize(bare) } },
    { what: 'idle memory (RSS)', unit: 'MB', measured: summarize(resident).max, target: 100, peer: { name: 'predecessor', value: 108 }, detail: resident },
  ];
}
