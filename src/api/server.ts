import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import fastifyMultipart from '@fastify/multipart';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { LIMITS, SidecarError } from '../contracts/index.ts';
import { rememberAdmission } from './admissions.ts';
import type { ApiDeps } from './api-contract.ts';
import { createGuard, limitConnections } from './guard/index.ts';
import type { Guard } from './guard/index.ts';
import { registerRoutes } from './register-routes.ts';
import { MULTIPART_LIMITS } from './routes/file-routes.ts';
import { toErrorAnswer, writeErrorAnswer } from './wire/error-answer.ts';

const REQUEST_ID = Symbol('request id');
type Tagged = IncomingMessage & { [REQUEST_ID]?: string };

const COMMON_HEADERS = {
  'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
} as const;

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
  const { app, server } = createApp(deps, guard);
  await app.register(fastifyMultipart, { limits: MULTIPART_LIMITS, throwFileSizeLimit: true });
  registerRoutes(app, { deps, matchRoute: guard.matchRoute });
  await app.ready();
  return {
    async listen({ host, port }) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port }, resolve);
      });
      const bound = (server.address() as AddressInfo).port; // proof: a TCP server that listens has an address
      hosts = new Set([`127.0.0.1:${bound}`, `localhost:${bound}`, `[::1]:${bound}`]);
      origins = [`http://127.0.0.1:${bound}`, `http://localhost:${bound}`];
      return { url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`, port: bound };
    },
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => { server.close(() => resolve()); });
      server.closeIdleConnections();
      const force = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(force);
      await app.close();
    },
  };
}

function createApp(deps: ApiDeps, guard: Guard): { app: FastifyInstance; server: Server } {
  const server = createHttpServer({
    maxHeaderSize: LIMITS.header_bytes, requireHostHeader: false, headersTimeout: 10_000, requestTimeout: 30_000,
    connectionsCheckingInterval: 1_000, keepAliveTimeout: 5_000, noDelay: true,
  });
  limitConnections(server, LIMITS.connections);
  const app = fastify({
    serverFactory: (handler) => server.on('request', (request, response) => {
      if (admit(request, response)) handler(request, response);
    }),
    genReqId: (request) => (request as Tagged)[REQUEST_ID] ?? '', // proof: tagged by `admit` before fastify sees it
    logger: false, routerOptions: { maxParamLength: 4_096, caseSensitive: true }, bodyLimit: LIMITS.json_body_bytes,
    onProtoPoisoning: 'error', onConstructorPoisoning: 'error', forceCloseConnections: false, return503OnClosing: false,
  });
  const admit = (request: IncomingMessage, response: ServerResponse): boolean => {
    const requestId = deps.ids.mint('req_');
    (request as Tagged)[REQUEST_ID] = requestId;
    response.setHeader('x-request-id', requestId);
    for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
    try {
      const admission = guard.admit(request, response);
      if (admission === null) return false;
      rememberAdmission(request, admission);
      return true;
    } catch (error) {
      refuse(deps, { response, error, requestId });
      return false;
    }
  };
  server.on('upgrade', (request, socket) => refuseUpgrade(guard, request, socket as Socket)); // proof: our server is plain TCP
  server.on('clientError', (_error, socket) => refuseSocket(socket as Socket));
  return { app, server };
}

function refuse(deps: ApiDeps, facts: { response: ServerResponse; error: unknown; requestId: string }): void {
  const answer = toErrorAnswer(facts.error, deps.language);
  if (answer.body.code === 'INTERNAL') deps.log.error({ err: facts.error, requestId: facts.requestId }, 'guard failed');
  deps.report.noteError(answer.body.code, facts.requestId);
  facts.response.setHeader('connection', 'close');
  writeErrorAnswer(facts.response, answer);
}

const rawAnswer = (status: string, body: object): string => {
  const text = JSON.stringify(body);
  return `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`
    + `cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n${text}`;
};

/** Bytes that are no HTTP request get a short answer in the contract's form, then the connection ends. */
function refuseSocket(socket: Socket): void {
  if (!socket.writable) return void socket.destroy();
  socket.end(rawAnswer('400 Bad Request', toErrorAnswer(new SidecarError('BAD_REQUEST', 'not HTTP'), 'en').body));
}

/** No route of this table is a WebSocket: the guard speaks first, then the upgrade is refused. */
function refuseUpgrade(guard: Guard, request: IncomingMessage, socket: Socket): void {
  const silent = { setHeader: () => {}, writeHead: () => ({ end: () => {} }) } as unknown as ServerResponse; // proof: only headers are set on it
  let error: unknown = new SidecarError('NOT_FOUND', 'no such upgrade');
  try {
    guard.admit(request, silent);
  } catch (refusal) {
    error = refusal;
  }
  const { status, body } = toErrorAnswer(error, 'en');
  socket.on('error', () => socket.destroy());
  socket.end(rawAnswer(`${status} Refused`, body));
}
