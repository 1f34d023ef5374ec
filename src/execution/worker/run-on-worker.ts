import { GuardUnavailable } from '../guard/index.ts';
import { describeNoStart } from './describe-end.ts';
import type { WorkerNeed } from './program-needs.ts';
import type { RunHooks } from './run-hooks.ts';
import { runProgram } from './run-program.ts';
import type { RunTools } from './run-program.ts';
import { WorkerStartFailure } from './start-worker.ts';
import type { WorkerSpec } from './start-worker.ts';
import type { RunReport, WorkerJob } from './worker-contract.ts';
import type { Claimed, WorkerPool } from './worker-pool.ts';

/** One program for one group's worker, and the kind of worker that suits it. */
export interface WorkerRun { spec: WorkerSpec; job: WorkerJob; need: WorkerNeed; hooks: RunHooks }

/**
 * Claims a worker, cold when none is warm, and runs the program in it. A worker that dies before it takes the job is replaced once.
 * Throws EXECUTION_UNAVAILABLE and LANE_REFUSED; everything else is a report.
 */
export async function runOnWorker(
  tools: RunTools & { pool: WorkerPool }, run: WorkerRun,
): Promise<{ report: RunReport; start: Claimed['start'] | null }> {
  const { pool } = tools;
  try {
    const first = await attempt(tools, run);
    // What has begun is never run twice.
    const isReplaced = first.report.reason === 'worker_lost' && first.report.hasBegun !== true && !run.hooks.signal.aborted;
    return isReplaced ? await attempt(tools, run) : first;
  } catch (error) {
    return { report: explain(error, run), start: null };
  } finally {
    pool.refill();
  }
}

async function attempt(tools: RunTools & { pool: WorkerPool }, { spec, job, need, hooks }: WorkerRun): Promise<{ report: RunReport; start: Claimed['start'] }> {
  const { worker, start } = await tools.pool.claim(spec, { signal: hooks.signal, need });
  hooks.onStep('claimed');
  const report = await runProgram(tools, worker, { job, hooks });
  return { report, start };
}

function explain(error: unknown, { hooks }: WorkerRun): RunReport {
  const { language } = hooks;
  if (hooks.signal.aborted) return describeNoStart('cancelled', { detail: '', language });
  if (error instanceof WorkerStartFailure) return describeNoStart(error.failure.reason, { detail: error.failure.detail, language });
  if (error instanceof GuardUnavailable) return describeNoStart(error.reason, { detail: error.message, language });
  throw error;
}
