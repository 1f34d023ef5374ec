import type { Clock, Ids } from '../../config/index.ts';
import { createDeadline, signalOf, wasBrokerLost } from '../guard/index.ts';
import type { ExitFacts } from '../guard/index.ts';
import { OutputMeter } from './output-meter.ts';
import { describeEnd, describeNoStart } from './describe-end.ts';
import type { RunHooks } from './run-hooks.ts';
import type { ReadyWorker } from './start-worker.ts';
import type { EndFacts, RunReport, WorkerJob } from './worker-contract.ts';
import { encodeWorkerFrame } from './worker-frame.ts';

/** From the interrupt to the kill. */
const GRACE_MS = 300;
/** What arrives this long after the end of the main process still counts. */
const DRAIN_MS = 250;
/** A tree that lives longer than this after its kill is logged by the guard and swept. */
const GONE_MS = 2_000;

/** `stopGraceMs` is another time from the interrupt to the kill. */
export interface RunTools { clock: Clock; ids: Ids; stopGraceMs?: number }

/** Gives a worker its job, watches it and resolves when its whole tree is gone. Never throws for what the program does. */
export async function runProgram(tools: RunTools, worker: ReadyWorker, { job, hooks }: { job: WorkerJob; hooks: RunHooks }): Promise<RunReport> {
  const { child } = worker;
  const secret = tools.ids.secret(16);
  const startedAt = tools.clock.monotonicMs();
  const stop = createStop(worker, hooks, tools.stopGraceMs ?? GRACE_MS);
  const meter = new OutputMeter({
    stdout: child.stdout, stderr: child.stderr, secret, limits: job.output, onText: hooks.onText, onCeiling: () => stop.begin('ceiling'),
  });
  const deadline = createDeadline(tools.clock, job.wallMs, () => stop.begin('timeout'));
  const onCancel = (): void => stop.begin('cancelled');
  hooks.signal.addEventListener('abort', onCancel, { once: true });
  try {
    if (hooks.signal.aborted) {
      stop.refuse();
    } else {
      sendJob(worker, job, secret);
      hooks.onStep('started');
    }
    const exit = await child.exited;
    stop.end();
    deadline.cancel();
    const durationMs = Math.round(tools.clock.monotonicMs() - startedAt);
    await Promise.all([meter.settled(DRAIN_MS), bounded(child.empty, GONE_MS)]);
    hooks.onStep('gone');
    // The tree is gone, so the pipes end; the word that decides must not be missed because this process was slow to read it.
    if (!meter.isAcknowledged) await bounded(meter.ended, GONE_MS);
    const isOwnEnd = stop.reason() === null && exit.limit === null;
    if (isOwnEnd && (!meter.isAcknowledged || wasBrokerLost(exit, child.backend))) {
      return { ...describeNoStart('worker_lost', { detail: '', language: hooks.language }), durationMs, hasBegun: !meter.isSilent };
    }
    return describeEnd({ worker, job, meter, durationMs, hooks, exit, facts: endFacts(worker, exit, stop.reason()) });
  } finally {
    stop.end();
    deadline.cancel();
    hooks.signal.removeEventListener('abort', onCancel);
  }
}

/** Sends the job. The pipe takes it even when the worker is dying; only the worker's own word shows that it was taken. */
function sendJob({ child }: ReadyWorker, job: WorkerJob, secret: string): void {
  const limits = child.arm(job.limits);
  const separator = child.guest.workspace.includes('\\') ? '\\' : '/';
  child.stdin.write(encodeWorkerFrame({
    run: job.executionId, secret, code: job.code, path: job.path, argv: job.argv, stdin: job.stdin, limits, seed: job.seed,
    network_off: job.isNetworkOff && child.guards.network === 'enforced',
    figures_dir: job.keepsFigures ? [child.guest.workspace, '.figures', job.executionId].join(separator) : null,
  }));
}

type StopKind = NonNullable<EndFacts['stopped']>;
interface Stop { begin(kind: StopKind): void; refuse(): void; end(): void; reason(): EndFacts['stopped'] }

/** The stop ladder: interrupt, a moment to say where it was, then the kill of the whole tree. */
function createStop({ child }: ReadyWorker, hooks: RunHooks, graceMs: number): Stop {
  let stopped: EndFacts['stopped'] = null;
  let isOver = false;
  let grace: NodeJS.Timeout | null = null;
  const kill = (): void => {
    hooks.onStep('kill');
    void child.kill();
  };
  return {
    begin: (kind) => {
      if (isOver) return;
      if (stopped !== null) {
        // Stopping on request outranks what was begun for another reason.
        if (kind === 'cancelled') stopped = kind;
        return;
      }
      stopped = kind;
      if (kind === 'ceiling') return kill();
      hooks.onStep('interrupt');
      if (child.stdin.writable) child.stdin.write('I');
      grace = setTimeout(kill, graceMs);
    },
    refuse: () => {
      stopped = 'cancelled';
      kill();
    },
    end: () => {
      isOver = true;
      if (grace !== null) clearTimeout(grace);
    },
    reason: () => stopped,
  };
}

function endFacts({ child }: ReadyWorker, exit: ExitFacts, stopped: EndFacts['stopped']): Omit<EndFacts, 'trailer' | 'isOutputCut'> {
  return { stopped, limit: exit.limit ?? child.limit, exit, signal: signalOf(exit, child.backend) };
}

async function bounded(work: Promise<unknown>, afterMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => { timer = setTimeout(resolve, afterMs); });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
