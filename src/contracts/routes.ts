import * as z from 'zod';
import * as files from './http-files.ts';
import * as execution from './http-execution.ts';
import * as notebook from './http-notebook.ts';
import * as service from './http-service.ts';
import * as session from './http-session.ts';
import { SessionEventSchema, TurnEventSchema } from './stream-events.ts';

export type RouteAuth = 'none' | 'open' | 'token';
export type RouteSource = 'demo_parity' | 'sidecar_extension' | 'new';
export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What stands in the `data` line of a frame, by the name that `/openapi.json` gives it. */
export const EVENT_SCHEMAS = {
  TurnEvent: TurnEventSchema, StreamEvent: z.union([TurnEventSchema, SessionEventSchema]), RunEvent: execution.RunEventSchema, CellEvent: notebook.CellEventSchema,
} as const;
export type EventSchemaName = keyof typeof EVENT_SCHEMAS;

/** One route of the contract. Path parameters stand in braces; `{filename}` may hold slashes. */
export interface RouteContract {
  method: HttpMethod;
  path: string;
  auth: RouteAuth;
  source: RouteSource;
  stability: 'stable' | 'beta';
  summary: string;
  tag: 'service' | 'session' | 'files' | 'code' | 'notebook' | 'content' | 'pages';
  query?: z.ZodType;
  /** Request headers that the route reads, lower case. */
  headers?: z.ZodType;
  body?: z.ZodType;
  /** Body is multipart form data. */
  multipart?: true;
  answer?: z.ZodType;
  /** What a 200 holds when it is not JSON. */
  answerKind?: 'sse' | 'empty' | 'page' | 'redirect';
  /** What the frames of an `sse` answer hold. */
  events?: EventSchemaName;
  /** The answer has an `etag`. */
  etag?: true;
  /** With `?raw=true` the answer is the bytes. */
  raw?: true;
}

type Shape = Partial<Omit<RouteContract, 'method' | 'path' | 'auth' | 'source' | 'summary' | 'tag'>>;
const RESUME = { query: session.ResumeQuerySchema, headers: session.ResumeHeadersSchema };
const S = '/api/session/{session_id}';
const route = (head: `${HttpMethod} ${string}`, who: readonly [RouteSource, RouteAuth, RouteContract['tag'], string], shape: Shape = {}): RouteContract => {
  const [method, path] = head.split(' ') as [HttpMethod, string]; // proof: the template literal type of `head`
  const [source, auth, tag, summary] = who;
  return { method, path, source, auth, tag, summary, stability: 'stable', ...shape };
};

/** Every route of the HTTP contract. Served routes, `/api/contract` and `/openapi.json` come from this table. */
export const ROUTES: readonly RouteContract[] = [
  route('GET /health', ['demo_parity', 'none', 'service', 'Is the server ready?'], { answer: service.HealthSchema }),
  route('GET /api/contract', ['demo_parity', 'open', 'service', 'Contract version, routes and event types'], { answer: service.ContractSchema }),
  route('POST /api/session/new', ['demo_parity', 'open', 'session', 'Create a session'], { body: session.CreateSessionRequestSchema, answer: session.CreateSessionAnswerSchema }),
  route(`POST ${S}/reattach`, ['demo_parity', 'open', 'session', 'Take up a session again, importing a restored folder'], { body: session.ReattachRequestSchema, answer: session.ReattachAnswerSchema }),
  route(`POST ${S}/message/stream`, ['demo_parity', 'open', 'session', 'Send a message and follow the turn'], { body: session.MessageRequestSchema, answerKind: 'sse', events: 'TurnEvent' }),
  route(`POST ${S}/message/cancel`, ['demo_parity', 'open', 'session', 'Cancel the running turn'], { answer: session.CancelAnswerSchema }),
  route(`GET ${S}/dynamic_report`, ['demo_parity', 'open', 'session', 'The learner\'s progress page'], { answer: session.DynamicReportSchema }),
  route(`GET ${S}/dynamic-report`, ['new', 'open', 'session', 'The learner\'s progress page'], { answer: session.DynamicReportSchema }),
  route('GET /api/sessions', ['demo_parity', 'open', 'session', 'List sessions'], { query: session.ListSessionsQuerySchema, answer: session.SessionListSchema }),
  route(`GET ${S}/history`, ['demo_parity', 'open', 'session', 'Committed turns'], { answer: session.HistorySchema }),
  route(`POST ${S}/skip-task`, ['demo_parity', 'open', 'session', 'Skip a task'], { body: session.SkipRequestSchema, answer: session.SkipAnswerSchema }),
  route(`POST ${S}/end`, ['demo_parity', 'open', 'session', 'End the session with a final report'], { answer: session.EndAnswerSchema }),
  route(`GET ${S}/state`, ['sidecar_extension', 'token', 'session', 'Session state'], { answer: session.StateAnswerSchema }),
  route(`GET ${S}/events`, ['new', 'token', 'session', 'Follow and resume the session\'s events'], { ...RESUME, answerKind: 'sse', events: 'StreamEvent' }),
  route(`GET ${S}/usage`, ['new', 'token', 'session', 'Token usage'], { answer: session.UsageAnswerSchema }),
  route('DELETE /api/session/{session_id}', ['new', 'token', 'session', 'Delete a session'], { query: session.DeleteSessionQuerySchema, answerKind: 'empty' }),
  route(`POST ${S}/workspace/move`, ['new', 'token', 'files', 'Move or rename a file'], { body: files.MoveRequestSchema, answer: files.WorkspaceEntrySchema }),
  route(`GET ${S}/executions`, ['new', 'token', 'code', 'Log of executions'], { query: execution.ExecutionsQuerySchema, answer: execution.ExecutionListSchema }),
  route(`GET ${S}/executions/{execution_id}`, ['new', 'token', 'code', 'One execution'], { answer: execution.ExecutionDetailSchema }),
  route(`GET ${S}/expert-reports`, ['new', 'token', 'session', 'Expert reports'], { answer: session.ExpertReportListSchema }),
  route(`GET ${S}/expert-reports/{report_id}`, ['new', 'token', 'session', 'One expert report'], { answer: session.ExpertReportSchema }),
  route(`GET ${S}/workspace`, ['sidecar_extension', 'token', 'files', 'The learner\'s view of the chapter'], { answer: files.WorkspaceAnswerSchema }),
  route(`GET ${S}/workspace/files`, ['sidecar_extension', 'token', 'files', 'List workspace files'], { query: files.WorkspaceFilesQuerySchema, answer: files.WorkspaceFilesSchema }),
  route(`GET ${S}/workspace/files/{filename}`, ['sidecar_extension', 'token', 'files', 'Read a workspace file'], { query: files.ReadFileQuerySchema, answer: files.FileContentSchema, etag: true, raw: true }),
  route(`PUT ${S}/workspace/files/{filename}`, ['sidecar_extension', 'token', 'files', 'Write a workspace file'], { headers: files.IfMatchHeadersSchema, body: files.PutFileRequestSchema, answer: files.WorkspaceEntrySchema }),
  route(`DELETE ${S}/workspace/files/{filename}`, ['sidecar_extension', 'token', 'files', 'Delete a workspace file or folder'], { query: files.DeleteFileQuerySchema, answerKind: 'empty' }),
  route(`POST ${S}/upload`, ['sidecar_extension', 'token', 'files', 'Upload data files'], { multipart: true, answer: files.UploadAnswerSchema }),
  route(`GET ${S}/files`, ['sidecar_extension', 'token', 'files', 'List uploads and chapter datasets'], { answer: files.UploadListSchema }),
  route(`DELETE ${S}/files/{filename}`, ['sidecar_extension', 'token', 'files', 'Delete an upload'], { answer: files.DeleteUploadAnswerSchema }),
  route(`POST ${S}/code/run`, ['sidecar_extension', 'token', 'code', 'Run code'], { body: execution.RunRequestSchema, answer: execution.RunAnswerSchema }),
  route(`POST ${S}/code/jobs`, ['sidecar_extension', 'token', 'code', 'Queue a run'], { body: execution.RunRequestSchema, answer: execution.JobSchema }),
  route(`GET ${S}/code/jobs/{job_id}`, ['sidecar_extension', 'token', 'code', 'One job'], { answer: execution.JobDetailSchema }),
  route(`POST ${S}/code/jobs/{job_id}/cancel`, ['sidecar_extension', 'token', 'code', 'Cancel a job'], { answer: execution.JobCancelAnswerSchema }),
  route(`POST ${S}/code/stream`, ['new', 'token', 'code', 'Run code with live output'], { body: execution.RunRequestSchema, answerKind: 'sse', events: 'RunEvent' }),
  route(`GET ${S}/code/jobs`, ['new', 'token', 'code', 'List jobs'], { answer: execution.JobListSchema }),
  route(`GET ${S}/code/jobs/{job_id}/stream`, ['new', 'token', 'code', 'Follow a job'], { ...RESUME, answerKind: 'sse', events: 'RunEvent' }),
  route(`POST ${S}/notebook/cell/run`, ['sidecar_extension', 'token', 'notebook', 'Run a cell'], { body: notebook.CellRequestSchema, answer: notebook.CellAnswerSchema }),
  route(`POST ${S}/notebook/reset`, ['sidecar_extension', 'token', 'notebook', 'Reset the kernel and its outputs'], { answer: notebook.SuccessAnswerSchema }),
  route(`POST ${S}/notebook/cell/stream`, ['new', 'token', 'notebook', 'Run a cell with live output'], { body: notebook.CellRequestSchema, answerKind: 'sse', events: 'CellEvent' }),
  route(`POST ${S}/notebook/interrupt`, ['new', 'token', 'notebook', 'Interrupt the running cell'], { answer: notebook.SuccessAnswerSchema }),
  route(`POST ${S}/notebook/restart`, ['new', 'token', 'notebook', 'Restart the kernel'], { answer: notebook.RestartAnswerSchema }),
  route(`POST ${S}/notebook/input`, ['new', 'token', 'notebook', 'Answer an input request'], { body: notebook.NotebookInputRequestSchema, answerKind: 'empty' }),
  route(`GET ${S}/notebook/status`, ['new', 'token', 'notebook', 'Kernel status'], { answer: notebook.NotebookStatusSchema }),
  route(`POST ${S}/notebook/complete`, ['new', 'token', 'notebook', 'Complete code'], { body: notebook.CursorRequestSchema, answer: notebook.CompleteAnswerSchema }),
  route(`POST ${S}/notebook/inspect`, ['new', 'token', 'notebook', 'Inspect code'], { body: notebook.CursorRequestSchema, answer: notebook.InspectAnswerSchema }),
  route(`GET ${S}/notebook/file`, ['new', 'token', 'notebook', 'Read a notebook file'], { query: notebook.NotebookFileQuerySchema, answer: notebook.NotebookFileSchema, etag: true }),
  route(`PUT ${S}/notebook/file`, ['new', 'token', 'notebook', 'Write a notebook file'], { query: notebook.NotebookFileQuerySchema, headers: files.IfMatchHeadersSchema, body: notebook.PutNotebookRequestSchema, answer: notebook.PutNotebookAnswerSchema }),
  route('GET /api/courses', ['sidecar_extension', 'token', 'content', 'List courses'], { answer: service.CourseListSchema }),
  route('GET /api/courses/{course_id}/chapters', ['sidecar_extension', 'token', 'content', 'List a course\'s chapters'], { answer: service.ChapterListSchema }),
  route('GET /api/chapters', ['sidecar_extension', 'token', 'content', 'List chapters'], { answer: service.ChapterListSchema }),
  route('GET /openapi.json', ['sidecar_extension', 'token', 'service', 'This contract as OpenAPI 3.1']),
  route('GET /api/capabilities', ['new', 'token', 'service', 'What this machine can do, and which guards hold'], { answer: service.CapabilitiesSchema }),
  route('GET /api/diagnostics', ['new', 'token', 'service', 'State of the service for support'], { answer: service.DiagnosticsSchema }),
  route('GET /', ['sidecar_extension', 'none', 'pages', 'The workbench, or a short greeting'], { answerKind: 'page' }),
  route('GET /docs', ['sidecar_extension', 'none', 'pages', 'This contract for people'], { answerKind: 'page' }),
  route('GET /redoc', ['sidecar_extension', 'none', 'pages', 'Redirects to /docs'], { answerKind: 'redirect' }),
];

/** What Jupyter clients use; served by a door of its own, with Jupyter's paths, bodies and errors. */
export const JUPYTER_ROUTES: readonly RouteContract[] = (['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const).map((method) => (
  { ...route(`${method} /jupyter/{path}`, ['new', 'token', 'notebook', 'Jupyter-Server-compatible REST and WebSocket']), stability: 'beta' }
));

export const CONTRACT_VERSION = 'v1';
export const API_VERSION = '1.0.0';
