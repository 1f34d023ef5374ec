import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LIMITS, ROUTES, SidecarError, invariant } from '../contracts/index.ts';
import type { RouteContract } from '../contracts/index.ts';
import type { ApiDeps } from './api-contract.ts';
import type { RouteMatch } from './guard/index.ts';
import { STATIC_ROUTE, pathOf } from './guard/index.ts';
import { pageRoutes } from './pages/page-routes.ts';
import { RouteRequest } from './route-handler.ts';
import type { RouteHandlers } from './route-handler.ts';
import { executionRoutes } from './routes/execution-routes.ts';
import { fileRoutes } from './routes/file-routes.ts';
import { serviceRoutes } from './routes/service-routes.ts';
import { sessionRoutes } from './routes/session-routes.ts';
import { toErrorAnswer } from './wire/error-answer.ts';
import { parseJsonBody } from './wire/json-body.ts';

const HANDLERS: RouteHandlers = { ...sessionRoutes, ...fileRoutes, ...executionRoutes, ...serviceRoutes, ...pageRoutes };

export interface RegisterOptions { deps: ApiDeps; matchRoute: (method: string, path: string) => RouteMatch }

/** Registers every route of the table, with one way to refuse. */
export function registerRoutes(app: FastifyInstance, { deps, matchRoute }: RegisterOptions): void {
  installBodyParsing(app);
  installErrors(app, deps, matchRoute);
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
  app.route({
    method: route.method,
    url: toFastifyPath(route.path),
    bodyLimit: limit,
    exposeHeadRoute: route.answerKind !== 'sse',
    onRequest: async (request) => checkBodyHead(request, route, limit),
    handler: async (request, reply) => {
      const asked = new RouteRequest(request, deps);
      if (asked.sessionId !== '') await deps.sessions.ensureKnown(asked.sessionId);
      return await handler(asked, reply);
    },
  });
  if (route.answerKind !== 'sse' || route.method !== 'GET') return;
  app.route({
    method: 'HEAD', url: toFastifyPath(route.path), handler: async (_request, reply) => reply.header('content-type', 'text/event-stream; charset=utf-8').send(),
  });
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

function installBodyParsing(app: FastifyInstance): void {
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, bytes, done) => {
    try {
      done(null, parseJsonBody(bytes as Buffer)); // proof: parseAs buffer
    } catch (error) {
      done(error as Error, undefined); // proof: parseJsonBody throws SidecarError only
    }
  });
}

function installErrors(app: FastifyInstance, deps: ApiDeps, matchRoute: RegisterOptions['matchRoute']): void {
  app.setNotFoundHandler(async (request) => {
    const match = matchRoute(request.method, pathOf(request.raw.url ?? ''));
    throw new SidecarError(match.kind === 'other-method' ? 'METHOD_NOT_ALLOWED' : 'NOT_FOUND', 'no such route');
  });
  app.setErrorHandler(async (error, request, reply) => {
    const { session_id: sessionId } = (request.params ?? {}) as { session_id?: string }; // proof: fastify params are an object of strings
    const answer = toErrorAnswer(error, sessionId === undefined ? deps.language : deps.sessions.languageOf(sessionId));
    if (answer.status >= 500) deps.log.error({ err: error, requestId: request.id, code: answer.body.code }, 'request failed');
    deps.report.noteError(answer.body.code, request.id);
    if (reply.raw.headersSent) return void reply.raw.destroy();
    return reply.code(answer.status).headers(answer.headers).send(answer.body);
  });
}
