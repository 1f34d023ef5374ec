import { summarize } from '../support/statistics.ts';
import type { Row, Series } from '../support/statistics.ts';
import { load, machineQuiet, memoryOf, workersBelow, workersSettled } from './process-tree.ts';
import { startJupyterPeer, timeBare, timePolled } from './peers.ts';
import type { JupyterPeer } from './peers.ts';
import { COLD_SAMPLES, openBench, PROGRAMS, PYTHON, SAMPLES } from './setting.ts';
import type { Bench, ProgramName } from './setting.ts';

const TARGETS: Record<ProgramName, number> = { print: 8, pandas: 18 };
const WARM_UPS = 10;

type Way = 'warm' | 'cold guarded' | 'bare python3' | 'spawn + 50 ms poll' | 'jupyter_client, new kernel' | 'jupyter_client, same kernel';
type Times = Record<ProgramName, Map<Way, number[]>>;
interface Ways { warm: Bench; cold: Bench; warmId: string; coldId: string; jupyter: JupyterPeer | null }

function note(times: Times, name: ProgramName, { way, ms }: { way: Way; ms: number }): void {
  times[name].set(way, [...times[name].get(way) ?? [], ms]);
}

/** One program once in every way, one after the other; `index` decides which of the slower ones take part. */
async function sampleOnce(ways: Ways, times: Times, { name, index, counts }: { name: ProgramName; index: number; counts: { cold: number; busy: number } }): Promise<void> {
  const code = PROGRAMS[name];
  await workersSettled(ways.warm.sidecar.pid, 1);
  if (!await machineQuiet()) counts.busy += 1;
  const { ms, body } = await ways.warm.run(ways.warmId, code);
  if (index < 0) return;
  if (body.start === 'warm') note(times, name, { way: 'warm', ms });
  else counts.cold += 1;
  if (index % Math.max(1, Math.floor(SAMPLES / COLD_SAMPLES)) !== 0) return;
  await workersSettled(ways.warm.sidecar.pid, 1);
  note(times, name, { way: 'cold guarded', ms: (await ways.cold.run(ways.coldId, code)).ms });
  note(times, name, { way: 'bare python3', ms: await timeBare(PYTHON, code) });
  note(times, name, { way: 'spawn + 50 ms poll', ms: await timePolled(PYTHON, code) });
  if (ways.jupyter === null) return;
  note(times, name, { way: 'jupyter_client, same kernel', ms: await ways.jupyter.time('warm', code) });
  if ((times[name].get('jupyter_client, new kernel')?.length ?? 0) < 8) note(times, name, { way: 'jupyter_client, new kernel', ms: await ways.jupyter.time('cold', code) });
}

/** Warm runs against every other way to run the same program, alternating; then what an idle worker holds, and /health meanwhile. */
export async function measureSingleRuns(): Promise<Row[]> {
  await using warm = await openBench({ SIDECAR_POOL_MB: '512' });
  await using cold = await openBench({ SIDECAR_POOL_MB: '0' });
  const [warmId, coldId] = [await warm.sidecar.create(), await cold.sidecar.create()];
  const started = await startJupyterPeer(PYTHON);
  const jupyter = 'missing' in started ? null : started;
  const times: Times = { print: new Map(), pandas: new Map() };
  const counts = { cold: 0, busy: 0 };
  const loadBefore = load();
  await cold.run(coldId, PROGRAMS.print);
  try {
    for (let index = -WARM_UPS; index < SAMPLES; index += 1) {
      for (const name of ['print', 'pandas'] as const) await sampleOnce({ warm, cold, warmId, coldId, jupyter }, times, { name, index, counts });
    }
  } finally {
    await jupyter?.[Symbol.asyncDispose]();
  }
  await workersSettled(warm.sidecar.pid, 1);
  const facts = { load: [loadBefore, load()], ...counts, jupyter: 'missing' in started ? `not measured: ${started.missing}` : started.version };
  const memory = workersBelow(warm.sidecar.pid).map(({ pid }) => memoryOf(pid));
  return [...rowsOf(times, 'print', facts), ...rowsOf(times, 'pandas', facts), memoryRow(memory), healthRow('single runs', await warm.health())];
}

function rowsOf(times: Times, name: ProgramName, facts: object): Row[] {
  const series = Object.fromEntries([...times[name]].map(([way, values]) => [way, summarize(values)])) as Partial<Record<Way, Series>>;
  const raw = Object.fromEntries([...times[name]].map(([way, values]) => [way, values.map((value) => Math.round(value * 100) / 100)]));
  const what = name === 'print' ? 'run `print(1)`, warm worker' : 'run `import pandas` + `describe()`, warm worker';
  const peers = (Object.keys(series) as Way[]).filter((way) => way !== 'warm');
  return peers.map((peer, index) => ({
    what, unit: 'ms', measured: series.warm?.p50 ?? Number.NaN, target: TARGETS[name], peer: { name: peer, value: series[peer]?.p50 ?? Number.NaN },
    detail: index === 0 ? { ...facts, series, raw } : null,
  }));
}

function memoryRow(memory: { rss: number; pss: number }[]): Row {
  const rss = Math.max(...memory.map((each) => each.rss));
  return { what: 'memory of an idle warm worker with numpy and pandas (RSS)', unit: 'MB', measured: rss, target: 70, peer: null, detail: memory };
}

/** The slowest answer of /health. */
export function healthRow(when: string, times: readonly number[]): Row {
  const series = summarize(times);
  return { what: `\`/health\` during ${when}, slowest`, unit: 'ms', measured: series.max, target: 100, peer: { name: 'predecessor', value: 2_600 }, detail: series };
}
