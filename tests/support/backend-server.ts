import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as the backend saw it. */
export interface SeenRequest { method: string; path: string; authorization: string; body: any }

/** How the backend answers: a status with parts, nothing at all, or a cut connection. */
export type BackendReply = { status: number; headers?: Record<string, string>; body?: string } | 'stall' | 'cut';

/** A small real backend that keeps the first text of every turn, as the product's does. */
export interface BackendServer extends AsyncDisposable {
  readonly url: string;
  readonly seen: SeenRequest[];
  /** What is stored, by path of the session. */
  readonly turns: Map<string, Map<number, string>>;
  readonly documents: Map<string, any>;
  /** Decides each answer; an accepting one stores. */
  reply: (request: SeenRequest) => BackendReply;
  /** Connections whose client went away before an answer. */
  abandoned: number;
}

/** Starts the backend on a free loopback port. */
export async function startBackendServer(): Promise<BackendServer> {
  const server = createServer((request, response) => void handle(backend, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const backend: BackendServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [], turns: new Map(), documents: new Map(), reply: () => ({ status: 201 }), abandoned: 0,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return backend;
}

async function handle(backend: BackendServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  const seen: SeenRequest = {
    method: request.method ?? '', path: request.url ?? '', authorization: request.headers.authorization ?? '', body: JSON.parse(text),
  };
  backend.seen.push(seen);
  const reply = backend.reply(seen);
  if (reply === 'cut') return void request.socket.destroy();
  if (reply === 'stall') return void response.on('close', () => (backend.abandoned += 1));
  if (reply.status === 200 || reply.status === 201) keep(backend, seen);
  response.writeHead(reply.status, reply.headers).end(reply.body ?? '');
}

function keep(backend: BackendServer, { path, body }: SeenRequest): void {
  if (!path.endsWith('/turns')) return void backend.documents.set(path, body);
  const turns = backend.turns.get(path) ?? new Map<number, string>();
  if (!turns.has(body.turn_index)) turns.set(body.turn_index, body.user_message);
  backend.turns.set(path, turns);
}
