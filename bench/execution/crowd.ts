import { summarize } from '../support/statistics.ts';
import type { Row } from '../support/statistics.ts';
import { load, machineQuiet } from './process-tree.ts';
import { openBench, PROGRAMS } from './setting.ts';
import type { Bench, ProgramName } from './setting.ts';
import { healthRow } from './single-runs.ts';

const SESSIONS = 10;
const RUNS = 50;
const ROUNDS = 3;
/** Milliseconds for all runs at the rates to reach: 37 and 6 runs per second. */
const TARGETS: Record<ProgramName, number> = { print: 1_351, pandas: 8_333 };

async function timeCrowd(bench: Bench, sessions: readonly string[], code: string): Promise<{ ms: number; warm: number; waits: number[] }> {
  const started = performance.now();
  const answers = await Promise.all(Array.from({ length: RUNS }, (_, index) => bench.run(sessions[index % SESSIONS] ?? '', code)));
  return { ms: Math.round(performance.now() - started), warm: answers.filter(({ body }) => body.start === 'warm').length, waits: answers.map(({ ms }) => Math.round(ms)) };
}

/** Fifty runs from ten sessions at once, with the pool and without one, alternating. */
export async function measureCrowd(): Promise<Row[]> {
  await using pooled = await openBench({ SIDECAR_POOL_MB: '512' });
  await using cold = await openBench({ SIDECAR_POOL_MB: '0' });
  const ids = { pooled: [] as string[], cold: [] as string[] };
  for (let index = 0; index < SESSIONS; index += 1) {
    ids.pooled.push(await pooled.sidecar.create());
    ids.cold.push(await cold.sidecar.create());
  }
  const rows: Row[] = [];
  for (const name of ['print', 'pandas'] as const) {
    const results = { pooled: [] as object[], cold: [] as object[] };
    const times = { pooled: [] as number[], cold: [] as number[] };
    const before = load();
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [way, bench] of [['pooled', pooled], ['cold', cold]] as const) {
        await machineQuiet();
        const result = await timeCrowd(bench, ids[way], PROGRAMS[name]);
        results[way].push({ ...result, waits: summarize(result.waits) });
        times[way].push(result.ms);
      }
    }
    rows.push({
      what: `${RUNS} runs of \`${name === 'print' ? 'print(1)' : 'import pandas'}\` from ${SESSIONS} sessions at once, all answered`, unit: 'ms',
      measured: summarize(times.pooled).p50, target: TARGETS[name], peer: { name: 'cold guarded', value: summarize(times.cold).p50 },
      detail: { load: [before, load()], results },
    });
  }
  return [...rows, healthRow(`${RUNS} runs at once`, await pooled.health())];
}
