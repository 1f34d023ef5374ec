import { SidecarError, describeError } from '../../contracts/index.ts';
import type { Language, RunAnswer } from '../../contracts/index.ts';
import { RunAnswerSchema } from '../../contracts/index.ts';
import type { JobRow } from '../../store/index.ts';
import { describeNoStart } from '../worker/index.ts';
import { keepFailure, readFailure } from './job-failure.ts';
import type { KeptFailure } from './job-failure.ts';
import { JobStream, replayFrames } from './job-stream.ts';
import type { JobEvent } from './job-stream.ts';
import { OutputJoiner } from './output-joiner.ts';
import type { SlotTicket } from './run-slots.ts';
import { answerOf, runInSession } from './session-run.ts';
import type { RunPlan, SessionRunContext } from './session-run.ts';
import type { Job, JobDetail, JobFrames, JobStatus } from './user-runner-contract.ts';

const KEPT_JOBS = 100;

/** A job that waits or runs. */
interface LiveJob { sessionId: string; stream: JobStream; abort: AbortController; done: Promise<void> }

/** How a job ended: for the store, and for those who follow it. */
interface JobEnd { state: JobRow['state']; result: RunAnswer | KeptFailure; event: JobEvent }

/** Jobs of all sessions: rows in the store, live ones with their event streams. */
export class JobBoard {
  readonly #context: SessionRunContext;
  /** An entry leaves when its job has ended and is in the store. */
  readonly #live = new Map<string, LiveJob>();

  constructor(context: SessionRunContext) {
    this.#context = context;
  }

  /** Takes a queued run; it is carried out whether anybody follows it or not. */
  start(plan: RunPlan & { jobId: string }, ticket: SlotTicket, abort: AbortController): Job {
    const { clock, store } = this.#context;
    const row: JobRow = {
      job_id: plan.jobId, session_id: plan.sessionId, state: 'queued', created_at: clock.now().getTime() / 1000, started_at: null, ended_at: null,
      execution_id: plan.executionId, request: plan.request, result: null, events: '',
    };
    store.jobs.insert(row);
    const stream = new JobStream();
    const tellQueued = (position: number): void => stream.emit(statusEvent(plan, { state: 'queued', ...(position > 0 ? { queue_position: position } : {}) }));
    tellQueued(ticket.position());
    ticket.onMove(tellQueued);
    const done = this.#carryOut(plan, ticket, { stream, abort });
    this.#live.set(plan.jobId, { sessionId: plan.sessionId, stream, abort, done });
    return toJob(row);
  }

  list(sessionId: string): Job[] {
    return this.#context.store.jobs.list(sessionId, KEPT_JOBS).map(toJob);
  }

  get(sessionId: string, jobId: string): JobDetail {
    const row = this.#require(sessionId, jobId);
    return { ...toJob(row), result: resultOf(row) };
  }

  /** Ends a live job and resolves when its processes are gone. */
  async cancel(sessionId: string, jobId: string): Promise<{ success: true; job_id: string; status: JobStatus }> {
    this.#require(sessionId, jobId);
    const live = this.#live.get(jobId);
    live?.abort.abort(new Error('the job was cancelled'));
    await live?.done;
    return { success: true, job_id: jobId, status: toJob(this.#require(sessionId, jobId)).status };
  }

  follow(sessionId: string, jobId: string, { language, ...reader }: { lastEventId: string | null; onClose: () => void; language: Language }): JobFrames {
    const row = this.#require(sessionId, jobId);
    const live = this.#live.get(jobId);
    if (live !== undefined) return live.stream.follow(reader.lastEventId, reader.onClose);
    return replayFrames(row.events, { last: terminalOf(row, language), ...reader });
  }

  async endAll(sessionId: string | null): Promise<void> {
    const jobs = [...this.#live.values()].filter((job) => sessionId === null || job.sessionId === sessionId);
    for (const job of jobs) job.abort.abort(new Error('the session or the service ends'));
    await Promise.all(jobs.map((job) => job.done));
  }

  /** Closes jobs of an earlier process: their processes are gone, and they never ended well. */
  closeLost(): number {
    const { clock, store } = this.#context;
    const rows = store.jobs.open();
    for (const row of rows) {
      const report = describeNoStart('worker_lost', { detail: '', language: 'en' });
      const result = answerOf({ executionId: row.execution_id ?? '', language: 'en' }, { report, start: null, artifacts: [], queuedMs: 0 });
      store.jobs.update(row.job_id, { state: 'lost', ended_at: clock.now().getTime() / 1000, result });
    }
    return rows.length;
  }

  async #carryOut(plan: RunPlan & { jobId: string }, ticket: SlotTicket, { stream, abort }: Pick<LiveJob, 'stream' | 'abort'>): Promise<void> {
    const { log } = this.#context;
    let end: JobEnd;
    try {
      const answer = await this.#runWhenGranted(plan, ticket, { stream, abort });
      const state = answer.cancelled ? 'cancelled' : answer.success ? 'succeeded' : 'failed';
      end = { state, result: answer, event: { type: 'exec_complete', ...answer } };
    } catch (error) {
      if (!(error instanceof SidecarError)) log.error({ err: error, jobId: plan.jobId }, 'a job failed inside');
      const known = error instanceof SidecarError ? error : new SidecarError('INTERNAL', 'a run failed inside', { cause: error });
      end = { state: 'failed', result: keepFailure(known), event: errorEvent(known, plan.language) };
    }
    try {
      this.#finish(plan, stream, end);
    } catch (error) {
      log.error({ err: error, jobId: plan.jobId }, 'the end of a job could not be stored');
      stream.emit(end.event, true);
    }
    this.#live.delete(plan.jobId);
  }

  async #runWhenGranted(plan: RunPlan & { jobId: string }, ticket: SlotTicket, { stream, abort }: Pick<LiveJob, 'stream' | 'abort'>): Promise<RunAnswer> {
    const { clock, store } = this.#context;
    const slot = await ticket.granted.catch(() => null);
    if (slot === null && abort.signal.aborted) return cancelledAnswer(plan);
    if (slot === null) throw new SidecarError('QUEUE_FULL', 'no slot within the time limit of the run');
    using _slot = slot;
    store.jobs.update(plan.jobId, { state: 'running', started_at: clock.now().getTime() / 1000 });
    stream.emit(statusEvent(plan, { state: 'running' }));
    stream.emit({ type: 'exec_start', execution_id: plan.executionId, job_id: plan.jobId });
    const joiner = new OutputJoiner((name, text) => stream.emit({ type: 'exec_output', stream: name, text }));
    const answer = await runInSession(this.#context, plan, {
      signal: abort.signal, onText: (name, text) => joiner.add(name, text),
      onArtifact: (artifact) => {
        joiner.flush();
        stream.emit({ type: 'exec_artifact', ...artifact });
      },
    }).finally(() => joiner.flush());
    return answer;
  }

  #finish(plan: RunPlan & { jobId: string }, stream: JobStream, end: JobEnd): void {
    const { clock, store } = this.#context;
    store.transaction(() => {
      store.jobs.update(plan.jobId, { state: end.state, ended_at: clock.now().getTime() / 1000, result: end.result, events: stream.kept() });
      store.jobs.prune(plan.sessionId, KEPT_JOBS);
    });
    stream.emit(end.event, true);
  }

  #require(sessionId: string, jobId: string): JobRow {
    const row = this.#context.store.jobs.get(jobId);
    if (row === null || row.session_id !== sessionId) throw new SidecarError('JOB_NOT_FOUND', 'no such job in the session');
    return row;
  }
}

/** The answer of a run that never got its turn. */
export function cancelledAnswer(plan: RunPlan): RunAnswer {
  const report = describeNoStart('cancelled', { detail: '', language: plan.language });
  return answerOf(plan, { report, start: null, artifacts: [], queuedMs: 0 });
}

function toJob(row: JobRow): Job {
  return {
    job_id: row.job_id, session_id: row.session_id, status: row.state === 'lost' ? 'failed' : row.state, created_at: row.created_at,
    started_at: row.started_at, ended_at: row.ended_at, execution_id: row.execution_id, ...(row.state === 'lost' ? { reason: 'worker_lost' } : {}),
  };
}

function resultOf(row: JobRow): RunAnswer | null {
  return RunAnswerSchema.safeParse(row.result).data ?? null;
}

function terminalOf(row: JobRow, language: Language): JobEvent {
  const result = resultOf(row);
  return result === null ? errorEvent(readFailure(row.result), language) : { type: 'exec_complete', ...result };
}

function statusEvent({ jobId, executionId }: Pick<RunPlan, 'jobId' | 'executionId'>, status: { state: 'queued' | 'running'; queue_position?: number }): JobEvent {
  return { type: 'exec_status', ...status, execution_id: executionId, job_id: jobId };
}

function errorEvent(error: SidecarError, language: Language): JobEvent {
  return { type: 'error', message: describeError(error, language), code: error.code };
}
