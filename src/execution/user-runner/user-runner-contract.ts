import type { z } from 'zod';
import type { Clock, Config, Ids, Log } from '../../config/index.ts';
import type {
  ExecutionDetailSchema, ExecutionSchema, ExecutionsQuerySchema, JobDetailSchema, JobSchema, JobStatusSchema, RunAnswer, RunRequest,
} from '../../contracts/index.ts';
import type { Store } from '../../store/index.ts';
import type { ExecutionGuard } from '../guard/index.ts';
import type { WorkerPool } from '../worker/index.ts';

export type Job = z.infer<typeof JobSchema>;
export type JobDetail = z.infer<typeof JobDetailSchema>;
export type JobStatus = z.infer<typeof JobStatusSchema>;
export type Execution = z.infer<typeof ExecutionSchema>;
export type ExecutionDetail = z.infer<typeof ExecutionDetailSchema>;
export type ExecutionsQuery = z.infer<typeof ExecutionsQuerySchema>;

/** Encoded frames of one job. Leaving neither stops nor slows the run. */
export interface JobFrames extends AsyncDisposable { readonly frames: AsyncIterable<string>; readonly dropped: AbortSignal }

/** Folders of a session, as real absolute paths. */
export interface LaneFolders { folder: string; workspace: string; uploads: string; home: string }

export interface UserRunnerDeps {
  guard: ExecutionGuard;
  pool: WorkerPool;
  store: Store;
  config: Pick<Config, 'execution'>;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Throws SESSION_NOT_FOUND. */
  foldersOf(sessionId: string): LaneFolders | Promise<LaneFolders>;
  /** A workspace file by the one resolver: INVALID_PATH, FILE_NOT_FOUND. */
  readFile(sessionId: string, name: string): Promise<{ bytes: Uint8Array }>;
  /** Takes secrets out of what goes into prompts. */
  redact(text: string): string;
  /** Another time from the interrupt to the kill, for tests. */
  stopGraceMs?: number;
}

/** The learner's programs: run, live stream, jobs and the log of all lanes. Unknown sessions: SESSION_NOT_FOUND. */
export interface UserRunner {
  /** Runs to the end, whoever still listens. Throws EXECUTION_UNAVAILABLE, LANE_REFUSED, QUEUE_FULL, INVALID_PATH, FILE_NOT_FOUND. */
  run(sessionId: string, request: RunRequest): Promise<RunAnswer>;
  /** Like a job, followed from its first frame. */
  stream(sessionId: string, request: RunRequest): Promise<JobFrames>;
  startJob(sessionId: string, request: RunRequest): Promise<Job>;
  /** Newest first. */
  jobs(sessionId: string): Job[];
  /** Throws JOB_NOT_FOUND, also for a job of another session. */
  job(sessionId: string, jobId: string): JobDetail;
  /** Resolves when the process tree is gone; a finished job keeps its status. */
  cancelJob(sessionId: string, jobId: string): Promise<{ success: true; job_id: string; status: JobStatus }>;
  /** Frames after `lastEventId`, else from the first that is kept. */
  followJob(sessionId: string, jobId: string, lastEventId: string | null): JobFrames;
  executions(sessionId: string, query: ExecutionsQuery): Execution[];
  /** Throws EXECUTION_NOT_FOUND. */
  execution(sessionId: string, executionId: string): ExecutionDetail;
  /** Makes a worker ready for a session that is of interest. Never throws. */
  prepare(sessionId: string): Promise<void>;
  /** Ends runs, jobs and workers of a session; resolves when their processes are gone. */
  endSession(sessionId: string): Promise<void>;
  /** At start-up: gives what an earlier process left open a truthful end. */
  recover(): { executions: number; jobs: number };
  /** Runs and jobs alive or waiting now. */
  active(): { running: number; queued: number };
  stop(): Promise<void>;
}
