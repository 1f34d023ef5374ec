import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LIMITS, ROUTES, SidecarError, invariant } from '../contracts/index.ts';
import type { RouteContract } from '../contracts/index.ts';
import { isFromAnybody } from './admissions.ts';
import type { ApiDeps } from './api-contract.ts';
import { STATIC_ROUTE } from './guard/index.ts';
import { pageRoutes } from './pages/page-routes.ts';
import { RouteRequest } from './route-handler.ts';
import type { RouteHandlers } from './route-handler.ts';
import { executionRoutes } from './routes/execution-routes.ts';
import { fileRoutes } from './routes/file-routes.ts';
import { notebookRoutes } from './routes/notebook-routes.ts';
import { serviceRoutes } from './routes/service-routes.ts';
import { sessionRoutes } from './routes/session-routes.ts';
import { toErrorAnswer } from './wire/error-answer.ts';
import { parseJsonBody } from './wire/json-body.ts';
import { SSE_HEADERS } from './wire/sse.ts';

const HANDLERS: RouteHandlers = { ...sessionRoutes, ...fileRoutes, ...executionRoutes, ...notebookRoutes, ...serviceRoutes, ...pageRoutes };

/** Registers every route of the table, with one way to refuse. */
export function registerRoutes(app: FastifyInstance, deps: ApiDeps): void {
  installBodyParsing(app);
  installErrors(app, deps);
  for (const route of [...ROUTES, STATIC_ROUTE]) registerRoute(app, route, deps);
}

const toFastifyPath = (path: string): string => path.replace('{filename}', '*').replace(/\{(\w+)\}/g, ':$1');

function bodyLimitOf(route: RouteContract): number {
  if (route.multipart) return LIMITS.upload_request_bytes;
  if (route.method !== 'PUT') return LIMITS.json_body_bytes;
  return route.path.endsWith('/notebook/file') ? LIMITS.notebook_put_bytes : LIMITS.file_put_bytes;
}

function registerRoute(app: FastifyInstance, route: RouteContract, deps: ApiDeps): void {
  const handler = HANDLERS[`${route.method} ${route.path}`];
  invariant(handler, `route ${route.method} ${route.path} has a handler`);
  const limit = bodyLimitOf(route);
  const shared = {
    url: toFastifyPath(route.path),
    onRequest: async (request: FastifyRequest) => {
      await checkSession(request, route, deps);
      checkBodyHead(request, route, limit);
    },
  };
  app.route({
    ...shared, method: route.method, bodyLimit: limit, exposeHeadRoute: route.answerKind !== 'sse',
    handler: async (request, reply) => await handler(new RouteRequest(request, deps), reply),
  });
  if (route.answerKind !== 'sse' || route.method !== 'GET') return;
  const checkThing = route.path.endsWith('/stream') ? HANDLERS[`GET ${route.path.slice(0, -'/stream'.length)}`] : undefined;
  app.route({
    ...shared, method: 'HEAD',
    handler: async (request, reply) => {
      await checkThing?.(new RouteRequest(request, deps), reply); // A stream of something unknown is as unknown as the thing.
      return reply.header('content-type', SSE_HEADERS['content-type']).send();
    },
  });
}

/** An unknown session is told before the body is looked at, except in the stream of a turn, which tells it in-band. */
async function checkSession(request: FastifyRequest, route: RouteContract, deps: ApiDeps): Promise<void> {
  if (!route.path.includes('{session_id}')) return;
  if (route.path.endsWith('/reattach')) return; // It imports by itself, with the content that its body names.
  const { sessionId } = new RouteRequest(request, deps);
  await deps.sessions.ensureKnown(sessionId);
  if (!route.path.endsWith('/message/stream')) deps.sessions.pathsOf(sessionId);
}

/** 415 before 413, both before a body byte is read. */
function checkBodyHead({ headers, method }: FastifyRequest, route: RouteContract, limit: number): void {
  if (method === 'GET' || method === 'HEAD') return;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  const wanted = route.multipart ? 'multipart/form-data' : 'application/json';
  const isEncoded = headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity';
  if (isEncoded || (type !== undefined && type !== wanted) || (type === undefined && (hasBody || route.multipart))) {
    throw new SidecarError('UNSUPPORTED_MEDIA_TYPE', 'content type', { detail: { en: `send ${wanted}`, zh: `请发送 ${wanted}` } });
  }
  if (Number(headers['content-length'] ?? 0) > limit) throw new SidecarError('PAYLOAD_TOO_LARGE', 'declared length');
}

/** A notebook is a document: many cells with many outputs are nothing unusual. */
const NOTEBOOK_KEYS = 500_000;

function installBodyParsing(app: FastifyInstance): void {
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    const isNotebook = request.routeOptions.url?.endsWith('/notebook/file') ?? false;
    try {
      done(null, parseJsonBody(bytes as Buffer, isNotebook ? NOTEBOOK_KEYS : LIMITS.json_keys)); // proof: parseAs buffer
    } catch (error) {
      done(error as Error, undefined); // proof: parseJsonBody throws SidecarError only
    }
  });
}

function installErrors(app: FastifyInstance, deps: ApiDeps): void {
  app.setNotFoundHandler(async () => {
    throw new SidecarError('NOT_FOUND', 'no such route');
  });
  app.setErrorHandler(async (error, request, reply) => {
    const { session_id: sessionId } = (request.params ?? {}) as { session_id?: string }; // proof: fastify params are an object of strings
    const answer = toErrorAnswer(error, sessionId === undefined ? deps.language : deps.sessions.languageOf(sessionId));
    if (answer.status >= 500) deps.log.error({ err: error, requestId: request.id, code: answer.body.code }, 'request failed');
    deps.report.noteError(answer.body.code, request.id, { anybody: answer.status < 500 && isFromAnybody(request.raw) });
    if (reply.raw.headersSent) return void reply.raw.destroy();
    // Headers that the route has set belong to the answer that it could not give.
    for (const name of ['content-type', 'content-disposition', 'content-security-policy', 'etag']) reply.removeHeader(name);
    return reply.code(answer.status).headers(answer.headers).send(answer.body);
  });
}
