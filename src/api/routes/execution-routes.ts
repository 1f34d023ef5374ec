import { CellRequestSchema, CursorRequestSchema, ExecutionsQuerySchema, NotebookFileQuerySchema, NotebookInputRequestSchema,
  PutNotebookRequestSchema, RunRequestSchema, SidecarError } from '../../contracts/index.ts';
import type { RouteHandler, RouteHandlers, RouteRequest } from '../route-handler.ts';

const S = '/api/session/{session_id}';

/** Throws SESSION_NOT_FOUND for an unknown session. */
const requireSession = (request: RouteRequest): void => { request.deps.sessions.state(request.sessionId); };

const unavailable = (check: (request: RouteRequest) => unknown = () => undefined): RouteHandler => (request) => {
  requireSession(request);
  check(request);
  throw new SidecarError('EXECUTION_UNAVAILABLE', 'no execution lane', { retryAfterSeconds: 60 });
};

const notFound = (code: 'JOB_NOT_FOUND' | 'EXECUTION_NOT_FOUND'): RouteHandler => (request) => {
  requireSession(request);
  throw new SidecarError(code, 'no such record');
};

const empty = (field: string, check: (request: RouteRequest) => unknown = () => undefined): RouteHandler => (request) => {
  requireSession(request);
  check(request);
  return { [field]: [] };
};

const run = unavailable((request) => request.body(RunRequestSchema));
const cell = unavailable((request) => request.body(CellRequestSchema));
const cursor = unavailable((request) => request.body(CursorRequestSchema));

/** Routes of code and notebooks while no lane is built in: they parse, know the session, and say what is missing. */
export const executionRoutes: RouteHandlers = {
  [`POST ${S}/code/run`]: run,
  [`POST ${S}/code/stream`]: run,
  [`POST ${S}/code/jobs`]: run,
  [`GET ${S}/code/jobs`]: empty('jobs'),
  [`GET ${S}/code/jobs/{job_id}`]: notFound('JOB_NOT_FOUND'),
  [`GET ${S}/code/jobs/{job_id}/stream`]: notFound('JOB_NOT_FOUND'),
  [`POST ${S}/code/jobs/{job_id}/cancel`]: notFound('JOB_NOT_FOUND'),
  [`GET ${S}/executions`]: empty('executions', (request) => request.query(ExecutionsQuerySchema)),
  [`GET ${S}/executions/{execution_id}`]: notFound('EXECUTION_NOT_FOUND'),
  [`POST ${S}/notebook/cell/run`]: cell,
  [`POST ${S}/notebook/cell/stream`]: cell,
  [`POST ${S}/notebook/reset`]: unavailable(),
  [`POST ${S}/notebook/interrupt`]: unavailable(),
  [`POST ${S}/notebook/restart`]: unavailable(),
  [`POST ${S}/notebook/input`]: unavailable((request) => request.body(NotebookInputRequestSchema)),
  [`GET ${S}/notebook/status`]: unavailable(),
  [`POST ${S}/notebook/complete`]: cursor,
  [`POST ${S}/notebook/inspect`]: cursor,
  [`GET ${S}/notebook/file`]: unavailable((request) => request.query(NotebookFileQuerySchema)),
  [`PUT ${S}/notebook/file`]: unavailable((request) => request.body(PutNotebookRequestSchema, ['notebook'])),
};
