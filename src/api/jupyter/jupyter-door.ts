import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { SidecarError } from '../../contracts/index.ts';
import type { ApiDeps } from '../api-contract.ts';
import { toErrorAnswer } from '../wire/error-answer.ts';
import { createKernelSockets } from './channels.ts';
import { createCheckpoints } from './checkpoints.ts';
import { decodePart, readDoorBody } from './door-request.ts';
import { doorRoutes } from './door-routes.ts';
import type { DoorAnswer, DoorRoute } from './door-routes.ts';
import { createJupyterSessions } from './jupyter-sessions.ts';

const PREFIX = '/jupyter';
const CHANNELS = /^\/api\/kernels\/([^/]+)\/channels$/;

/** The Jupyter-Server-compatible side of the service: REST and WebSockets below `/jupyter`, for requests that the guard has admitted. */
export interface JupyterDoor {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Takes over an upgrade to a kernel's channels. Throws NOT_FOUND or KERNEL_NOT_FOUND before anything is answered. */
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void;
  close(): void;
}

/** True for paths of the door. */
export function isJupyterPath(path: string): boolean {
  return path === PREFIX || path.startsWith(`${PREFIX}/`);
}

/** Creates the door; null where the service has no notebooks. */
export function createJupyterDoor(deps: ApiDeps): JupyterDoor | null {
  if (deps.notebook === null) return null;
  const kernels = deps.notebook.jupyter;
  const sockets = createKernelSockets(kernels);
  const routes = doorRoutes({
    deps, kernels, sessions: createJupyterSessions(kernels, deps.ids), checkpoints: createCheckpoints(deps.sessions),
    startedAt: deps.clock.now().toISOString(), connections: () => kernels.list().reduce((sum, { connections }) => sum + connections, 0),
  });
  return {
    handle: async (request, response) => {
      try {
        send(response, await answer(routes, request));
      } catch (error) {
        refuse(deps, { request, response, error });
      }
    },
    upgrade: (request, socket, head) => {
      const { path, query } = targetOf(request);
      const kernelId = CHANNELS.exec(path)?.[1];
      if (kernelId === undefined) throw new SidecarError('NOT_FOUND', 'no such upgrade');
      sockets.accept(request, socket, { head, kernelId: decodePart(kernelId), clientName: query.get('session_id') ?? deps.ids.uuid() });
    },
    close: () => sockets.close(),
  };
}

async function answer(routes: readonly DoorRoute[], request: IncomingMessage): Promise<DoorAnswer> {
  const { path, query } = targetOf(request);
  const method = request.method === 'HEAD' ? 'GET' : request.method ?? '';
  const matches = routes.filter(({ pattern }) => pattern.test(path));
  const route = matches.find((each) => each.method === method);
  if (route === undefined) throw new SidecarError(matches.length > 0 ? 'METHOD_NOT_ALLOWED' : 'NOT_FOUND', 'no such route of /jupyter');
  const parts = (route.pattern.exec(path) ?? []).slice(1).map(decodePart);
  return await route.answer({ method, parts, query, body: async () => await readDoorBody(request) });
}

function targetOf(request: IncomingMessage): { path: string; query: URLSearchParams } {
  const target = request.url ?? '';
  const end = target.indexOf('?');
  const path = (end < 0 ? target : target.slice(0, end)).slice(PREFIX.length);
  return { path: path === '' ? '/' : path, query: new URLSearchParams(end < 0 ? '' : target.slice(end + 1)) };
}

function send(response: ServerResponse, { status, body, location }: DoorAnswer): void {
  const headers = location === undefined ? {} : { location };
  if (body === undefined) return void response.writeHead(status, headers).end();
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json';
  response.writeHead(status, { ...headers, 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text);
}

/** Errors in the shape that Jupyter clients read. */
function refuse(deps: ApiDeps, { request, response, error }: { request: IncomingMessage; response: ServerResponse; error: unknown }): void {
  const { status, headers, body } = toErrorAnswer(error, deps.language);
  if (status >= 500) deps.log.error({ err: error, code: body.code }, 'a request of /jupyter failed');
  if (response.headersSent) return void response.destroy();
  const isUnread = !request.complete;
  const text = JSON.stringify({ message: body.detail, reason: body.code });
  response.writeHead(status, {
    ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...(isUnread ? { connection: 'close' } : {}),
  }).end(text);
}
