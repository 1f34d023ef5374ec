import { setTimeout as delay } from 'node:timers/promises';
import { summarize } from '../support/statistics.ts';
import type { Row } from '../support/statistics.ts';
import { load, machineQuiet, peakOf, processesNaming, workersSettled } from './process-tree.ts';
import { openBench, SAMPLES } from './setting.ts';
import type { Bench } from './setting.ts';
import { healthRow } from './single-runs.ts';

const CANCELS = Math.min(30, SAMPLES);
const MARK = 'sidecar-bench-survivor';
const FLOODS = 5;

/** Ignores every signal it can and leaves `children` processes in sessions of their own; says when it is ready. */
const stubborn = (children: number): string => `import os, signal, subprocess, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
for _ in range(${children}):
    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', '${MARK}'], start_new_session=True)
open('ready.txt', 'w').close()
while True:
    pass
`;

/** Cancels a stubborn program; the kill step to the empty tree, as its record tells, and who is left. */
async function cancelOnce(bench: Bench, sessionId: string, children: number): Promise<{ goneMs: number; survivors: number }> {
  const session = `/api/session/${sessionId}`;
  const { body: job } = await bench.call('POST', `${session}/code/jobs`, { code: stubborn(children), timeout_seconds: 60 });
  for (let tries = 0; processesNaming(MARK) < children && tries < 200; tries += 1) await delay(10);
  await bench.call('POST', `${session}/code/jobs/${job.job_id}/cancel`, {});
  const survivors = processesNaming(MARK);
  const { body } = await bench.call('GET', `${session}/executions/${job.execution_id}`);
  const at = (name: string): number => body.steps?.find((step) => step.step === name)?.at_ms ?? Number.NaN;
  return { goneMs: at('gone') - at('kill'), survivors };
}

async function measureCancels(bench: Bench, sessionId: string, { children, target, what }: { children: number; target: number; what: string }): Promise<Row> {
  const results = [];
  const before = load();
  for (let index = 0; index < CANCELS; index += 1) {
    await workersSettled(bench.sidecar.pid, 1);
    results.push(await cancelOnce(bench, sessionId, children));
  }
  const series = summarize(results.map((each) => each.goneMs));
  const survivors = results.reduce((sum, each) => sum + each.survivors, 0);
  return { what: `${what}, p99; ${survivors} survivors`, unit: 'ms', measured: series.p99, target, peer: null, detail: { load: [before, load()], series, survivors } };
}

async function measureFlood(bench: Bench, sessionId: string): Promise<Row[]> {
  const times: number[] = [];
  const before = { load: load(), peak: peakOf(bench.sidecar.pid) };
  for (let index = 0; index < FLOODS; index += 1) {
    await workersSettled(bench.sidecar.pid, 1);
    await machineQuiet();
    const { ms, body } = await bench.run(sessionId, "import sys\nline = 'x' * 99 + '\\n'\nfor _ in range(1000):\n    sys.stdout.write(line * 1000)");
    if (body.reason !== 'output_limit') throw new Error(`a flood ended with ${body.reason}`);
    times.push(ms);
  }
  const growth = Math.round((peakOf(bench.sidecar.pid) - before.peak) * 10) / 10;
  const detail = { load: [before.load, load()], times: summarize(times), before: before.peak };
  return [
    { what: '100 MB of output from a run', unit: 'ms', measured: summarize(times).p50, target: 2_000, peer: null, detail },
    { what: 'memory of the host during 100 MB of output, added to its highest before', unit: 'MB', measured: Math.max(0, growth), target: 16, peer: null, detail: null },
  ];
}

/** Programs that must be ended hard, and one that prints without end. */
export async function measureHardCases(): Promise<Row[]> {
  await using bench = await openBench({ SIDECAR_POOL_MB: '512' });
  const sessionId = await bench.sidecar.create();
  await bench.run(sessionId, 'print(1)');
  const rows = [
    ...await measureFlood(bench, sessionId),
    await measureCancels(bench, sessionId, { children: 2, target: 50, what: 'hard cancel: kill to empty tree' }),
    await measureCancels(bench, sessionId, { children: 32, target: 150, what: 'hard cancel of 32 processes' }),
  ];
  return [...rows, healthRow('cancels and floods', await bench.health())];
}
