import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastifyMultipart from '@fastify/multipart';
import fastify from 'fastify';
import type { FastifyError, FastifyInstance } from 'fastify';
import { LIMITS, SidecarError } from '../contracts/index.ts';
import { isFromAnybody, rememberAdmission } from './admissions.ts';
import type { ApiDeps } from './api-contract.ts';
import { createGuard, limitConnections, pathOf } from './guard/index.ts';
import type { Guard, RouteMatch } from './guard/index.ts';
import { COMMON_HEADERS } from './common-headers.ts';
import { createJupyterDoor, isJupyterPath } from './jupyter/index.ts';
import type { JupyterDoor } from './jupyter/index.ts';
import { createRawRefusals } from './raw-refusals.ts';
import { registerRoutes } from './register-routes.ts';
import { toErrorAnswer, writeErrorAnswer } from './wire/error-answer.ts';
import { MULTIPART_LIMITS } from './wire/multipart.ts';

// An import of node:http would touch its WebSocket exports, and with them load 20 MB of fetch before anybody needs it.
const { createServer: createHttpServer } = process.getBuiltinModule('node:http');

const REQUEST_ID = Symbol('request id');
type Tagged = IncomingMessage & { [REQUEST_ID]?: string };

export interface ApiServer {
  /** Binds one loopback address; rejects with the system's error (EADDRINUSE). */
  listen(address: { host: string; port: number }): Promise<{ url: string; port: number }>;
  /** Stops accepting, ends idle connections at once and the rest after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** Creates the HTTP server: guard, then routes. It listens only when told to. */
export async function createServer(deps: ApiDeps): Promise<ApiServer> {
  let hosts: ReadonlySet<string> = new Set();
  let origins: readonly string[] = [];
  const guard = createGuard({ ...deps.guard, hosts: () => hosts, ownOrigins: () => (deps.workbenchDir === null ? [] : origins) });
  const door = createJupyterDoor(deps);
  const { app, server } = createApp(deps, { guard, door });
  await app.register(fastifyMultipart, { limits: MULTIPART_LIMITS, throwFileSizeLimit: true });
  registerRoutes(app, deps);
  await app.ready();
  return {
    async listen({ host, port }) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port }, resolve);
      });
      const bound = (server.address() as AddressInfo).port; // proof: a TCP server that listens has an address
      hosts = new Set([`127.0.0.1:${bound}`, `localhost:${bound}`, `[::1]:${bound}`]);
      const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
      // The page is opened under the address that we print, which may be the IPv6 one.
      origins = [`http://127.0.0.1:${bound}`, `http://localhost:${bound}`, url];
      return { url, port: bound };
    },
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => { server.close(() => resolve()); });
      server.closeIdleConnections();
      door?.close();
      const force = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(force);
      await app.close();
    },
  };
}

const HEALTH_PATH = '/health';
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;

function createApp(deps: ApiDeps, { guard, door }: { guard: Guard; door: JupyterDoor | null }): { app: FastifyInstance; server: Server } {
  const { headersMs = HEADERS_TIMEOUT_MS, requestMs = REQUEST_TIMEOUT_MS } = deps.timeouts ?? {};
  const server = createHttpServer({
    maxHeaderSize: LIMITS.header_bytes, requireHostHeader: false, headersTimeout: headersMs, requestTimeout: requestMs,
    connectionsCheckingInterval: Math.min(1_000, headersMs), keepAliveTimeout: 5_000, noDelay: true,
    // Some clients offer HTTP/2 with every request; that offer may be ignored.
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
  });
  limitConnections(server, LIMITS.connections);
  const rawRefusals = createRawRefusals(server, {
    guard, mintId: () => deps.ids.mint('req_'), language: deps.language,
    takeOver: (request, socket, head) => {
      if (door === null || !isJupyterPath(pathOf(request.url ?? ''))) throw new SidecarError('NOT_FOUND', 'no such upgrade');
      door.upgrade(request, socket, head);
    },
  });
  const app = fastify({
    serverFactory: (handler) => server.on('request', (request, response) => {
      if (admit(request, response)) handler(request, response);
    }),
    genReqId: (request) => (request as Tagged)[REQUEST_ID] ?? '', // proof: tagged by `admit` before fastify sees it
    // Bodies and answers are checked with our own schemas; the framework's compilers stay unloaded.
    schemaController: { compilersFactory: { buildValidator: () => refuseSchema, buildSerializer: () => refuseSchema } },
    logger: false, bodyLimit: LIMITS.json_body_bytes, onProtoPoisoning: 'error', onConstructorPoisoning: 'error',
    // A parameter that is longer than any target is the guard's business, not the router's.
    routerOptions: { maxParamLength: LIMITS.url_bytes, caseSensitive: true }, forceCloseConnections: false, return503OnClosing: false,
    clientErrorHandler: (_error, socket) => rawRefusals.refuseSocket(socket),
    frameworkErrors: (error, request, reply) => answerFrameworkError(deps, { error, request: request.raw, requestId: request.id, response: reply.raw }),
  });
  const admit = (request: IncomingMessage, response: ServerResponse): boolean => {
    const requestId = deps.ids.mint('req_');
    (request as Tagged)[REQUEST_ID] = requestId;
    response.setHeader('x-request-id', requestId);
    for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
    try {
      const admission = guard.admit(request, response);
      if (admission === null) return false;
      if (door !== null && isJupyterPath(pathOf(request.url ?? ''))) {
        void door.handle(request, response);
        return false;
      }
      if (pathOf(request.url ?? '') !== HEALTH_PATH) deps.onWork?.();
      rememberAdmission(request, admission);
      requireRoute(admission.match, response);
      return true;
    } catch (error) {
      refuse(deps, { request, response, error, requestId });
      return false;
    }
  };
  // Node answers an unknown `Expect` by itself, with no body; here it is a request like any other.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  return { app, server };
}

/** 404 and 405, before anything of the request is looked at: paths match exactly, also in how they are encoded. */
function requireRoute(match: RouteMatch, response: ServerResponse): void {
  if (match.kind === 'route') return;
  if (match.kind === 'unknown') throw new SidecarError('NOT_FOUND', 'no such route');
  response.setHeader('allow', [...new Set(match.methods)].join(', '));
  throw new SidecarError('METHOD_NOT_ALLOWED', 'known path, other method');
}

interface Refusal { request: IncomingMessage; response: ServerResponse; error: unknown; requestId: string }

/** Stands for the compilers of the framework's schemas, which no route has. */
function refuseSchema(): never {
  throw new Error('a route of this server has a framework schema');
}

function refuse(deps: ApiDeps, { request, response, error, requestId }: Refusal): void {
  const answer = toErrorAnswer(error, deps.language);
  if (answer.body.code === 'INTERNAL') deps.log.error({ err: error, requestId }, 'guard failed');
  deps.report.noteError(answer.body.code, requestId, { anybody: answer.status < 500 && isFromAnybody(request) });
  // Closing over a body that still comes would reset the connection, and the client would never see this answer.
  const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  if (!hasBody) response.setHeader('connection', 'close');
  writeErrorAnswer(response, answer);
}

/** What the router refuses by itself: a path that cannot be decoded. */
function answerFrameworkError(deps: ApiDeps, facts: { error: FastifyError; request: IncomingMessage; requestId: string; response: ServerResponse }): void {
  const answer = toErrorAnswer(facts.error, deps.language);
  deps.report.noteError(answer.body.code, facts.requestId, { anybody: isFromAnybody(facts.request) });
  writeErrorAnswer(facts.response, answer);
}
