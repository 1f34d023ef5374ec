import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { SidecarError } from '../contracts/index.ts';
import type { Language } from '../contracts/index.ts';
import { COMMON_HEADERS } from './common-headers.ts';
import type { Guard } from './guard/index.ts';
import { toErrorAnswer } from './wire/error-answer.ts';

interface RawRefusalParts { guard: Guard; mintId: () => string; language: Language }

/** How long a refused connection may take to read its answer. */
const LINGER_MS = 1_000;

/** Answers what never becomes a request of the router: bytes that are no HTTP, requests that are too slow, and upgrades. */
export function createRawRefusals(server: Server, parts: RawRefusalParts) {
  const answering = new WeakMap<Socket, ServerResponse>();
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answering.set(request.socket, response);
  });
  server.on('upgrade', (request, stream) => {
    endWith(stream as Socket, rawAnswer(refusalOf(parts.guard, request), parts)); // proof: our server is plain TCP
  });
  return {
    /** For bytes that are no request, or that do not come in time. */
    refuseSocket(socket: Socket): void {
      const current = answering.get(socket);
      // A second head in the middle of an answer, say of a stream of events, would be read as its content.
      const isAnswering = current !== undefined && current.headersSent && !current.writableFinished;
      if (!socket.writable || isAnswering) return void socket.destroy();
      endWith(socket, rawAnswer(new SidecarError('BAD_REQUEST', 'not HTTP, or not in time'), parts));
    },
  };
}

/** No route of the table is a WebSocket: the guard speaks first, then the upgrade is refused. */
function refusalOf(guard: Guard, request: IncomingMessage): unknown {
  const silent = { setHeader: () => {}, writeHead: () => ({ end: () => {} }) } as unknown as ServerResponse; // proof: only headers are set on it
  try {
    guard.admit(request, silent);
    return new SidecarError('NOT_FOUND', 'no such upgrade');
  } catch (refusal) {
    return refusal;
  }
}

function rawAnswer(error: unknown, { mintId, language }: RawRefusalParts): string {
  const { status, headers, body } = toErrorAnswer(error, language);
  const text = JSON.stringify(body);
  const lines = Object.entries({
    'content-type': 'application/json; charset=utf-8', 'content-length': String(Buffer.byteLength(text)), connection: 'close',
    'x-request-id': mintId(), ...COMMON_HEADERS, ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Refused\r\n${lines.join('')}\r\n${text}`;
}

/** A client that neither reads nor closes must not keep the socket. */
function endWith(socket: Socket, text: string): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.on('error', () => socket.destroy());
  socket.resume().end(text);
}
