import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

interface Message { channel: string; header: Record<string, any>; parent_header: Record<string, any>; metadata: object; content: Record<string, any>; buffers: unknown[] }

/** One execute request in the hands of the script. */
export interface Talk {
  /** Which execute request of the kernel it is, from 1. */
  readonly count: number;
  readonly kernelId: string;
  readonly code: string;
  readonly request: Message;
  /** A message with the request as parent; the same `id` twice is a repeated message. */
  send(channel: string, type: string, content: object, change?: { id?: string; session?: string; parent?: object }): void;
  /** Bytes as they are. */
  sendRaw(bytes: string | Buffer): void;
  stream(text: string, id?: string): void;
  /** Reply and idle. */
  finish(): void;
  /** Breaks the socket without a word. */
  cut(): void;
}

export interface GatewayScript {
  /** Answers POST /api/kernels instead of the default; `make` registers the kernel. */
  post?(request: PostRequest): void;
  /** What a cell does; default: finishes at once. */
  execute?(talk: Talk): void;
  /** Control requests for kernel_info; default: answered. */
  control?(answer: () => void): void;
  /** Status of a handshake that is refused; null = accepted. */
  handshake?(kernelId: string): { status: number; headers?: Record<string, string> } | null;
  /** Answers DELETE of a kernel with a status instead of ending it; null = ends it. */
  end?(kernelId: string): number | null;
}

export interface PostRequest { body: any; response: ServerResponse; make(): void; answer(): void }

/** A gateway in the default framing that does what a test says, and keeps what it was asked. */
export interface ScriptedGateway extends AsyncDisposable {
  readonly url: string;
  /** Method, path and authorization of every REST call and handshake. */
  readonly seen: string[];
  readonly posts: any[];
  /** Kernels by id, with the state that GET tells. */
  readonly kernels: Map<string, 'idle' | 'busy'>;
  /** A message of the gateway or the kernel outside any cell, to all sockets. */
  say(channel: string, type: string, content: object, session?: string): void;
  /** A message with this request as parent, to all sockets. */
  sayTo(parent: object, channel: string, type: string, content: object): void;
  /** Sockets that are open now. */
  sockets(): number;
}

const KERNEL = /^\/api\/kernels\/([\w-]+)$/;

export async function openScriptedGateway(script: GatewayScript = {}): Promise<ScriptedGateway> {
  const seen: string[] = [];
  const posts: any[] = [];
  const kernels: ScriptedGateway['kernels'] = new Map();
  const open = new Set<WebSocket>();
  let made = 0;
  const note = (request: IncomingMessage): void => { seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`.trim()); };
  const server = createServer((request, response) => {
    note(request);
    const json = (status: number, body?: unknown): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(body === undefined ? '' : JSON.stringify(body));
    const id = KERNEL.exec(request.url ?? '')?.[1] ?? '';
    if (request.url === '/api/kernelspecs') return json(200, { default: 'python3', kernelspecs: { python3: {} } });
    if (request.url === '/api/kernels' && request.method === 'POST') return void readJson(request).then((body) => {
      posts.push(body);
      const make = (): void => void kernels.set(body.kernel_id, 'idle');
      const answer = (): void => {
        make();
        json(201, { id: body.kernel_id, name: 'python3', execution_state: 'starting' });
      };
      if (script.post === undefined) answer();
      else script.post({ body, response, make, answer });
    });
    if (request.method === 'DELETE') {
      const status = script.end?.(id) ?? null;
      return json(status ?? (kernels.delete(id) ? 204 : 404));
    }
    if (request.method === 'GET' && kernels.has(id)) return json(200, { id, name: 'python3', execution_state: kernels.get(id) });
    json(request.url?.endsWith('/interrupt') === true ? 204 : 404, request.url?.endsWith('/interrupt') === true ? undefined : { message: 'no such kernel' });
  });
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => false, perMessageDeflate: false });
  const message = (channel: string, type: string, content: object, { id, session = 'kernel-session', parent = {} }: { id?: string; session?: string; parent?: object } = {}): string => {
    made += 1;
    const header = { msg_id: id ?? `m${made}`, msg_type: type, session, username: 'k', date: '2026-01-01T00:00:00Z', version: '5.4' };
    return JSON.stringify({ channel, header, parent_header: parent, metadata: {}, content, buffers: [] });
  };
  const counts = new Map<string, number>();
  const serve = (socket: WebSocket, raw: Socket, kernelId: string): void => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    socket.on('message', (bytes: Buffer) => {
      const request = JSON.parse(bytes.toString('utf8')) as Message;
      const send: Talk['send'] = (channel, type, content, change = {}) => socket.send(message(channel, type, content, { parent: request.header, ...change }));
      const status = (state: string): void => send('iopub', 'status', { execution_state: state });
      if (request.header.msg_type === 'kernel_info_request') {
        const answer = (): void => {
          status('busy');
          send(request.channel, 'kernel_info_reply', { status: 'ok', protocol_version: '5.3', language_info: { version: '3.12.1' } });
          status('idle');
        };
        return request.channel === 'control' && script.control !== undefined ? script.control(answer) : answer();
      }
      if (request.header.msg_type !== 'execute_request') return;
      const count = (counts.get(kernelId) ?? 0) + 1;
      counts.set(kernelId, count);
      const talk: Talk = {
        count, kernelId, code: request.content.code, request, send, sendRaw: (each) => socket.send(each),
        stream: (text, id) => send('iopub', 'stream', { name: 'stdout', text }, id === undefined ? {} : { id }),
        finish: () => {
          send('shell', 'execute_reply', { status: 'ok', execution_count: count, payload: [], user_expressions: {} });
          status('idle');
        },
        cut: () => raw.destroy(),
      };
      status('busy');
      send('iopub', 'execute_input', { code: talk.code, execution_count: count });
      if (script.execute === undefined) talk.finish();
      else script.execute(talk);
    });
  };
  server.on('upgrade', (request, raw: Socket, head) => {
    note(request);
    const kernelId = /^\/api\/kernels\/([\w-]+)\/channels/.exec(request.url ?? '')?.[1] ?? '';
    const refusal = script.handshake?.(kernelId) ?? (kernels.has(kernelId) ? null : { status: 404 });
    if (refusal === null) return sockets.handleUpgrade(request, raw, head, (socket) => serve(socket, raw, kernelId));
    const headers = Object.entries(refusal.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    raw.end(`HTTP/1.1 ${refusal.status} No\r\n${headers}content-length: 0\r\nconnection: close\r\n\r\n`);
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, posts, kernels,
    say: (channel, type, content, session) => { for (const socket of open) socket.send(message(channel, type, content, session === undefined ? {} : { session })); },
    sayTo: (parent, channel, type, content) => { for (const socket of open) socket.send(message(channel, type, content, { parent })); },
    sockets: () => open.size,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
}

async function readJson(request: IncomingMessage): Promise<any> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text);
}
