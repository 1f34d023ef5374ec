import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { SidecarError } from '../contracts/index.ts';
import type { Language } from '../contracts/index.ts';
import { COMMON_HEADERS } from './common-headers.ts';
import type { Guard } from './guard/index.ts';
import { toErrorAnswer } from './wire/error-answer.ts';

interface RawRefusalParts {
  guard: Guard; mintId: () => string; language: Language;
  /** Takes an admitted upgrade over; throws when there is nothing to upgrade to. */
  takeOver?: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
}

/** How long a refused connection may take to read its answer. */
const LINGER_MS = 1_000;

/** Answers what never becomes a request of the router: bytes that are no HTTP, requests that are too slow, and upgrades. */
export function createRawRefusals(server: Server, parts: RawRefusalParts) {
  const answering = new WeakMap<Socket, ServerResponse>();
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answering.set(request.socket, response);
  });
  server.on('upgrade', (request, stream, head) => {
    const socket = stream as Socket; // proof: our server is plain TCP
    try {
      admitUpgrade(parts.guard, request);
      if (parts.takeOver === undefined) throw new SidecarError('NOT_FOUND', 'no such upgrade');
      parts.takeOver(request, socket, head);
    } catch (refusal) {
      endWith(socket, rawAnswer(refusal, parts));
    }
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

/** The guard speaks first, for every upgrade. Throws its refusal. */
function admitUpgrade(guard: Guard, request: IncomingMessage): void {
  const silent = { setHeader: () => {}, writeHead: () => ({ end: () => {} }) } as unknown as ServerResponse; // proof: only headers are set on it
  if (guard.admit(request, silent) === null) throw new SidecarError('NOT_FOUND', 'a preflight is no upgrade');
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
