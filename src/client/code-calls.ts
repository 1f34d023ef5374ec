import type { z } from 'zod';
import type {
  CellAnswer, CellRequest, CompleteAnswerSchema, ExecutionDetailSchema, ExecutionSchema, InspectAnswerSchema, JobDetailSchema, JobSchema, Lane,
  NotebookFileSchema, NotebookStatusSchema, PutNotebookAnswerSchema, RunAnswer, RunRequest,
} from '../contracts/index.ts';
import type { ReceivedFrame } from './event-stream.ts';
import { readFrames } from './event-stream.ts';
import type { Http } from './http.ts';
import { sessionPath } from './session-calls.ts';

interface Options { signal?: AbortSignal | undefined }
type Job = z.infer<typeof JobSchema>;
type Execution = z.infer<typeof ExecutionSchema>;
type ExecutionQuery = { lane?: Lane; turn_index?: number; limit?: number; before?: string };
type NotebookFile = z.infer<typeof NotebookFileSchema>;

/** Either `code` or `path`, and what differs from the defaults. */
export type CodeRequest = Partial<RunRequest>;
export type CellCall = Pick<CellRequest, 'code'> & Partial<CellRequest>;

/** One event of a run: `exec_start`, `exec_output`, then `exec_complete` or `error`; of a cell: `cell_…`. */
export interface RunEvent { type: string; [field: string]: unknown }

/** Waiting for a slot and running may each take the run's whole time limit. */
const RUN_TIMEOUT_MS = 300_000;
const CELL_TIMEOUT_MS = 900_000;

/** Calls that run code and keep notebooks. */
export interface CodeCalls {
  runCode(sessionId: string, request: CodeRequest, options?: Options): Promise<RunAnswer>;
  streamCode(sessionId: string, request: CodeRequest, options?: Options): AsyncGenerator<ReceivedFrame<RunEvent>>;
  startJob(sessionId: string, request: CodeRequest, options?: Options): Promise<Job>;
  listJobs(sessionId: string, options?: Options): Promise<Job[]>;
  job(sessionId: string, jobId: string, options?: Options): Promise<z.infer<typeof JobDetailSchema>>;
  followJob(sessionId: string, jobId: string, options?: Options & { lastEventId?: string }): AsyncGenerator<ReceivedFrame<RunEvent>>;
  cancelJob(sessionId: string, jobId: string, options?: Options): Promise<{ success: true; job_id: string; status: Job['status'] }>;
  executions(sessionId: string, query?: ExecutionQuery, options?: Options): Promise<Execution[]>;
  execution(sessionId: string, executionId: string, options?: Options): Promise<z.infer<typeof ExecutionDetailSchema>>;
  runCell(sessionId: string, cell: CellCall, options?: Options): Promise<CellAnswer>;
  streamCell(sessionId: string, cell: CellCall, options?: Options): AsyncGenerator<ReceivedFrame<RunEvent>>;
  answerInput(sessionId: string, input: { request_id: string; value: string }, options?: Options): Promise<void>;
  interruptNotebook(sessionId: string, options?: Options): Promise<{ success: boolean }>;
  restartNotebook(sessionId: string, options?: Options): Promise<{ success: boolean; status: string }>;
  resetNotebook(sessionId: string, options?: Options): Promise<{ success: boolean }>;
  notebookStatus(sessionId: string, options?: Options): Promise<z.infer<typeof NotebookStatusSchema>>;
  completeCode(sessionId: string, at: { code: string; cursor_pos: number }, options?: Options): Promise<z.infer<typeof CompleteAnswerSchema>>;
  inspectCode(sessionId: string, at: { code: string; cursor_pos: number }, options?: Options): Promise<z.infer<typeof InspectAnswerSchema>>;
  readNotebook(sessionId: string, path: string, options?: Options): Promise<NotebookFile>;
  writeNotebook(
    sessionId: string, file: Pick<NotebookFile, 'path' | 'notebook'>, options?: Options & { ifMatch?: string },
  ): Promise<z.infer<typeof PutNotebookAnswerSchema>>;
}

type RunCalls = Omit<CodeCalls, keyof NotebookCalls>;
type NotebookCalls = Pick<CodeCalls,
  'runCell' | 'streamCell' | 'answerInput' | 'interruptNotebook' | 'restartNotebook' | 'resetNotebook' | 'notebookStatus' | 'completeCode'
  | 'inspectCode' | 'readNotebook' | 'writeNotebook'>;

/** Binds the routes of code and notebooks to a requester. */
export function createCodeCalls(http: Http): CodeCalls {
  return { ...createRunCalls(http), ...createNotebookCalls(http) };
}

function createRunCalls(http: Http): RunCalls {
  return {
    runCode: (id, body, { signal } = {}) => http.json(sessionPath(id, '/code/run'), { method: 'POST', body, signal, timeoutMs: RUN_TIMEOUT_MS }),
    async *streamCode(id, body, { signal } = {}) {
      yield* readFrames<RunEvent>(await http.open(sessionPath(id, '/code/stream'), { method: 'POST', body, signal }));
    },
    startJob: (id, body, { signal } = {}) => http.json(sessionPath(id, '/code/jobs'), { method: 'POST', body, signal }),
    listJobs: async (id, { signal } = {}) => (await http.json<{ jobs: Job[] }>(sessionPath(id, '/code/jobs'), { signal })).jobs,
    job: (id, jobId, { signal } = {}) => http.json(jobPath(id, jobId), { signal }),
    async *followJob(id, jobId, { signal, lastEventId } = {}) {
      yield* readFrames<RunEvent>(await http.open(jobPath(id, jobId, '/stream'), { headers: { 'last-event-id': lastEventId }, signal }));
    },
    cancelJob: (id, jobId, { signal } = {}) => http.json(jobPath(id, jobId, '/cancel'), { method: 'POST', signal }),
    executions: async (id, query = {}, { signal } = {}) =>
      (await http.json<{ executions: Execution[] }>(sessionPath(id, '/executions'), { query, signal })).executions,
    execution: (id, executionId, { signal } = {}) => http.json(sessionPath(id, `/executions/${encodeURIComponent(executionId)}`), { signal }),
  };
}

function jobPath(sessionId: string, jobId: string, tail = ''): string {
  return sessionPath(sessionId, `/code/jobs/${encodeURIComponent(jobId)}${tail}`);
}

function createNotebookCalls(http: Http): NotebookCalls {
  const post = <T>(id: string, tail: string, call: { body?: unknown; signal?: AbortSignal | undefined; timeoutMs?: number }): Promise<T> =>
    http.json<T>(sessionPath(id, `/notebook/${tail}`), { method: 'POST', ...call });
  return {
    runCell: (id, body, { signal } = {}) => post(id, 'cell/run', { body, signal, timeoutMs: CELL_TIMEOUT_MS }),
    async *streamCell(id, body, { signal } = {}) {
      yield* readFrames<RunEvent>(await http.open(sessionPath(id, '/notebook/cell/stream'), { method: 'POST', body, signal }));
    },
    answerInput: (id, body, { signal } = {}) => post(id, 'input', { body, signal }),
    interruptNotebook: (id, { signal } = {}) => post(id, 'interrupt', { signal }),
    restartNotebook: (id, { signal } = {}) => post(id, 'restart', { signal, timeoutMs: RUN_TIMEOUT_MS }),
    resetNotebook: (id, { signal } = {}) => post(id, 'reset', { signal, timeoutMs: RUN_TIMEOUT_MS }),
    notebookStatus: (id, { signal } = {}) => http.json(sessionPath(id, '/notebook/status'), { signal }),
    completeCode: (id, body, { signal } = {}) => post(id, 'complete', { body, signal }),
    inspectCode: (id, body, { signal } = {}) => post(id, 'inspect', { body, signal }),
    readNotebook: (id, path, { signal } = {}) => http.json(sessionPath(id, '/notebook/file'), { query: { path }, signal }),
    writeNotebook: (id, { path, notebook }, { signal, ifMatch } = {}) =>
      http.json(sessionPath(id, '/notebook/file'), { method: 'PUT', query: { path }, body: { notebook }, headers: { 'if-match': ifMatch }, signal }),
  };
}
