import {
  CellRequestSchema, CursorRequestSchema, IfMatchHeadersSchema, NotebookFileQuerySchema, NotebookInputRequestSchema, PutNotebookRequestSchema, SidecarError,
} from '../../contracts/index.ts';
import { readNotebookFile, writeNotebookFile } from '../../execution/notebook/index.ts';
import type { Notebooks } from '../../execution/notebook/index.ts';
import type { RouteHandlers, RouteRequest } from '../route-handler.ts';
import { streamFrames } from '../wire/sse.ts';

const S = '/api/session/{session_id}';

/** Throws SESSION_NOT_FOUND for an unknown session. */
const requireSession = (request: RouteRequest): void => { request.deps.sessions.state(request.sessionId); };

/** The kernels of this service. Throws EXECUTION_UNAVAILABLE where it was built without them. */
function kernels({ deps }: RouteRequest): Notebooks {
  if (deps.notebook === null) throw new SidecarError('EXECUTION_UNAVAILABLE', 'no notebook lane', { retryAfterSeconds: 60 });
  return deps.notebook;
}

/** Parses first, so that a wrong request is told as such also where nothing can run. */
function parsed<Body>(request: RouteRequest, parse: () => Body): { body: Body; notebook: Notebooks } {
  requireSession(request);
  const body = parse();
  return { body, notebook: kernels(request) };
}

function known(request: RouteRequest): Notebooks {
  requireSession(request);
  return kernels(request);
}

/** Routes of notebooks: cells, the kernel's life, and notebook files. */
export const notebookRoutes: RouteHandlers = {
  [`POST ${S}/notebook/cell/run`]: async (request) => {
    const { body, notebook } = parsed(request, () => request.body(CellRequestSchema));
    return await notebook.runCell(request.sessionId, body);
  },
  [`POST ${S}/notebook/cell/stream`]: async (request, reply) => {
    const { body, notebook } = parsed(request, () => request.body(CellRequestSchema));
    const source = await notebook.streamCell(request.sessionId, body);
    reply.hijack();
    await streamFrames(reply.raw, source);
  },
  [`POST ${S}/notebook/interrupt`]: async (request) => await known(request).interrupt(request.sessionId),
  [`POST ${S}/notebook/restart`]: async (request) => await known(request).restart(request.sessionId),
  [`POST ${S}/notebook/reset`]: async (request) => await known(request).reset(request.sessionId),
  [`POST ${S}/notebook/input`]: async (request, reply) => {
    const { body, notebook } = parsed(request, () => request.body(NotebookInputRequestSchema));
    await notebook.input(request.sessionId, body);
    return reply.code(204).send();
  },
  [`GET ${S}/notebook/status`]: (request) => known(request).status(request.sessionId),
  [`POST ${S}/notebook/complete`]: async (request) => {
    const { body, notebook } = parsed(request, () => request.body(CursorRequestSchema));
    return await notebook.complete(request.sessionId, body);
  },
  [`POST ${S}/notebook/inspect`]: async (request) => {
    const { body, notebook } = parsed(request, () => request.body(CursorRequestSchema));
    return await notebook.inspect(request.sessionId, body);
  },
  [`GET ${S}/notebook/file`]: async (request, reply) => {
    requireSession(request);
    const { path } = request.query(NotebookFileQuerySchema);
    const { warnings, ...file } = await readNotebookFile(request.deps.sessions.files, request.sessionId, path);
    request.deps.notebook?.prepare(request.sessionId); // Who opens a notebook is likely to run it.
    return reply.header('etag', file.etag).send(warnings.length === 0 ? file : { ...file, warnings });
  },
  [`PUT ${S}/notebook/file`]: async (request, reply) => {
    requireSession(request);
    const { path } = request.query(NotebookFileQuerySchema);
    const { notebook } = request.body(PutNotebookRequestSchema, ['notebook']);
    const { entry, warnings } = await writeNotebookFile(
      request.deps.sessions.files, request.sessionId, { name: path, notebook, ifMatch: request.headers(IfMatchHeadersSchema)['if-match'] ?? null });
    const answer = { path: entry.name, size_bytes: entry.size_bytes, modified_at: entry.modified_at, etag: entry.etag };
    return reply.header('etag', entry.etag).send(warnings.length === 0 ? answer : { ...answer, warnings });
  },
};
