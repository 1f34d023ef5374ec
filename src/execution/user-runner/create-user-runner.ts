import { LIMITS, SidecarError } from '../../contracts/index.ts';
import type { RunAnswer, RunRequest } from '../../contracts/index.ts';
import { createExecutionLog } from '../worker/index.ts';
import { acceptRun, requireSession } from './accept-run.ts';
import { listExecutions, readExecution } from './execution-views.ts';
import { cancelledAnswer, JobBoard } from './job-board.ts';
import { createReaderCount } from './reader-count.ts';
import { RunSlots } from './run-slots.ts';
import { SessionImports } from './session-imports.ts';
import { runInSession, workerSpec } from './session-run.ts';
import type { RunPlan, SessionRunContext } from './session-run.ts';
import type {
  Execution, ExecutionDetail, ExecutionsQuery, Job, JobDetail, JobFrames, JobStatus, UserRunner, UserRunnerDeps,
} from './user-runner-contract.ts';

/** Runs of the learner's programs: slots, jobs, live events and records. */
export function createUserRunner(deps: UserRunnerDeps): UserRunner {
  return new UserLane(deps);
}

const KEPT_ENDINGS = 200;

class UserLane implements UserRunner {
  readonly #context: SessionRunContext;
  readonly #slots = new RunSlots({
    perSession: LIMITS.runs_per_session, total: LIMITS.runs_total, queuedPerSession: LIMITS.jobs_queued_per_session,
  });
  readonly #jobs: JobBoard;
  readonly #readers = createReaderCount();
  /** Runs without a job; an entry leaves with its run. */
  readonly #direct = new Map<Promise<unknown>, { sessionId: string; abort: AbortController }>();
  /** How often a session was ended here; the oldest entries leave. */
  readonly #endings = new Map<string, number>();
  #isStopping = false;

  constructor(deps: UserRunnerDeps) {
    this.#context = { ...deps, executionLog: createExecutionLog(deps), imports: new SessionImports(deps.store) };
    this.#jobs = new JobBoard(this.#context);
    deps.pool.holdWhile(() => this.#slots.counts().queued > 0);
  }

  async run(sessionId: string, request: RunRequest): Promise<RunAnswer> {
    const abort = new AbortController();
    const done = this.#runDirect(sessionId, request, abort);
    this.#direct.set(done, { sessionId, abort });
    return await done.finally(() => this.#direct.delete(done));
  }

  async stream(sessionId: string, request: RunRequest): Promise<JobFrames> {
    const onClose = this.#readers.enter(sessionId);
    try {
      const job = await this.#start(sessionId, request, 'stream');
      const { language } = requireSession(this.#context, sessionId);
      return this.#jobs.follow(sessionId, job.job_id, { lastEventId: null, onClose, language });
    } catch (error) {
      onClose();
      throw error;
    }
  }

  async startJob(sessionId: string, request: RunRequest): Promise<Job> {
    return await this.#start(sessionId, request, 'job');
  }

  jobs(sessionId: string): Job[] {
    requireSession(this.#context, sessionId);
    return this.#jobs.list(sessionId);
  }

  job(sessionId: string, jobId: string): JobDetail {
    requireSession(this.#context, sessionId);
    return this.#jobs.get(sessionId, jobId);
  }

  async cancelJob(sessionId: string, jobId: string): Promise<{ success: true; job_id: string; status: JobStatus }> {
    requireSession(this.#context, sessionId);
    return await this.#jobs.cancel(sessionId, jobId);
  }

  followJob(sessionId: string, jobId: string, lastEventId: string | null): JobFrames {
    this.job(sessionId, jobId);
    const { language } = requireSession(this.#context, sessionId);
    return this.#jobs.follow(sessionId, jobId, { lastEventId, onClose: this.#readers.enter(sessionId), language });
  }

  executions(sessionId: string, query: ExecutionsQuery): Execution[] {
    requireSession(this.#context, sessionId);
    return listExecutions(this.#context.store, sessionId, query);
  }

  execution(sessionId: string, executionId: string): ExecutionDetail {
    requireSession(this.#context, sessionId);
    return readExecution(this.#context.store, sessionId, executionId);
  }

  async prepare(sessionId: string): Promise<void> {
    await prepare(this.#context, sessionId);
  }

  async endSession(sessionId: string): Promise<void> {
    this.#endings.set(sessionId, (this.#endings.get(sessionId) ?? 0) + 1);
    if (this.#endings.size > KEPT_ENDINGS) this.#endings.delete([...this.#endings.keys()][0] ?? '');
    await Promise.all([this.#jobs.endAll(sessionId), this.#endDirect(sessionId)]);
    await this.#context.pool.end(sessionId);
    this.#context.imports.forget(sessionId);
  }

  recover(): { executions: number; jobs: number } {
    return { executions: this.#context.executionLog.closeLost(), jobs: this.#jobs.closeLost() };
  }

  active(): { running: number; queued: number } {
    return this.#slots.counts();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all([this.#jobs.endAll(null), this.#endDirect(null)]);
  }

  async #runDirect(sessionId: string, request: RunRequest, abort: AbortController): Promise<RunAnswer> {
    const plan = await this.#accept(sessionId, request, 'run');
    return await runDirect({ context: this.#context, slots: this.#slots }, plan, abort);
  }

  async #accept(sessionId: string, request: RunRequest, kind: RunPlan['kind']): Promise<RunPlan> {
    if (this.#isStopping) throw new SidecarError('SHUTTING_DOWN', 'no new runs', { retryAfterSeconds: 1 });
    return await acceptRun(this.#context, { sessionId, request, kind });
  }

  async #start(sessionId: string, request: RunRequest, kind: 'job' | 'stream'): Promise<Job> {
    const ended = this.#endings.get(sessionId) ?? 0;
    const plan = await this.#accept(sessionId, request, kind);
    // The session may have been ended while this was being accepted; nothing may start after that.
    if (this.#isStopping || (this.#endings.get(sessionId) ?? 0) !== ended) throw new SidecarError('SESSION_NOT_FOUND', 'the session was ended meanwhile');
    const abort = new AbortController();
    // What is watched live waits for its slot at most as long as it may take; a job waits for its turn.
    const wait = kind === 'stream' ? AbortSignal.any([abort.signal, AbortSignal.timeout(request.timeout_seconds * 1000)]) : abort.signal;
    return this.#jobs.start({ ...plan, jobId: plan.jobId ?? '' }, this.#slots.ask(sessionId, wait), abort);
  }

  async #endDirect(sessionId: string | null): Promise<void> {
    const runs = [...this.#direct].filter(([, run]) => sessionId === null || run.sessionId === sessionId);
    for (const [, { abort }] of runs) abort.abort(new Error('the session or the service ends'));
    await Promise.allSettled(runs.map(([done]) => done));
  }
}

async function runDirect(
  { context, slots }: { context: SessionRunContext; slots: RunSlots }, plan: RunPlan, abort: AbortController,
): Promise<RunAnswer> {
  const wait = AbortSignal.any([abort.signal, AbortSignal.timeout(plan.request.timeout_seconds * 1000)]);
  const slot = await slots.ask(plan.sessionId, wait).granted.catch(() => null);
  if (slot === null && abort.signal.aborted) return cancelledAnswer(plan);
  if (slot === null) throw new SidecarError('QUEUE_FULL', 'no slot within the time limit of the run', { retryAfterSeconds: 5 });
  using _slot = slot;
  return await runInSession(context, plan, { signal: abort.signal, onText: () => {}, onArtifact: () => {} });
}

async function prepare(context: SessionRunContext, sessionId: string): Promise<void> {
  try {
    const folders = await context.foldersOf(sessionId);
    await context.imports.addStarterFiles(sessionId, folders.workspace, async (name) => (await context.readFile(sessionId, name)).bytes);
    if ((await context.guard.python()).found) context.pool.want(workerSpec(context, sessionId, folders), 1);
  } catch (error) {
    context.log.debug({ err: error, sessionId }, 'no worker is made ready');
  }
}
