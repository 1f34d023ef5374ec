import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { createServer } from '../../src/api/index.ts';
import type { ApiDeps } from '../../src/api/index.ts';
import { createIds, silentLog, systemClock } from '../../src/config/index.ts';
import { createGuard } from '../../src/execution/guard/index.ts';
import { createNotebooks } from '../../src/execution/notebook/index.ts';
import { PATIENT } from './notebook-bench.ts';
import { within } from './provider/index.ts';
import { CHAPTER, openBench } from '../../src/sessions/sessions-bench.test-support.ts';

const PROGRAM = join(import.meta.dirname, '..', '..');
const BOUND_MS = 60_000;
export const TOKEN = 'a-token-of-sufficient-length-for-tests';

export interface Answer { status: number; body: any; headers: Headers }
export interface ChannelMessage { channel: string; header: Record<string, any>; parent_header: Record<string, any>; metadata: object; content: Record<string, any>; buffers: unknown[] }

/** A service with sessions and real kernels behind its real HTTP server. */
export interface NotebookService extends AsyncDisposable {
  readonly url: string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  newSession(): Promise<string>;
  /** A client of a kernel in the default framing, unless it asks for another. */
  connect(kernelId: string, options?: { session?: string; protocols?: string[]; headers?: Record<string, string>; query?: string }): Promise<KernelClient>;
  kernelProcesses(): number;
  /** Breaks every WebSocket without a word, as a network does. */
  cutSockets(): void;
}

/** A WebSocket client that keeps what it receives. */
export class KernelClient implements AsyncDisposable {
  readonly socket: WebSocket;
  readonly received: ChannelMessage[] = [];
  readonly session: string;
  #wake = Promise.withResolvers<void>();
  #count = 0;
  closeCode: number | null = null;

  constructor(socket: WebSocket, session: string) {
    this.socket = socket;
    this.session = session;
    socket.on('message', (bytes: Buffer, isBinary: boolean) => {
      if (!isBinary) this.received.push(JSON.parse(bytes.toString('utf8')));
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    });
    socket.on('close', (code) => {
      this.closeCode = code;
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    });
  }

  message(channel: string, type: string, content: object): ChannelMessage {
    this.#count += 1;
    const header = { msg_id: `${this.session}-${this.#count}`, msg_type: type, session: this.session, username: 'u', date: '2026-01-01T00:00:00Z', version: '5.4' };
    return { channel, header, parent_header: {}, metadata: {}, content, buffers: [] };
  }

  send(channel: string, type: string, content: object): string {
    const message = this.message(channel, type, content);
    this.socket.send(JSON.stringify(message));
    return message.header.msg_id;
  }

  execute(code: string, extra: object = {}): string {
    return this.send('shell', 'execute_request', { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false, stop_on_error: true, ...extra });
  }

  /** The first message that fits, now or later. */
  async until(fits: (message: ChannelMessage) => boolean): Promise<ChannelMessage> {
    for (;;) {
      const found = this.received.find(fits);
      if (found !== undefined) return found;
      if (this.closeCode !== null) throw new Error(`closed with ${this.closeCode}`);
      await this.#woken();
    }
  }

  /** Resolves at the next message or the close. */
  async #woken(): Promise<void> {
    const seen = (): string => this.received.slice(-20).map(({ header, content }) => content.execution_state ?? header.msg_type).join(', ');
    await within(this.#wake.promise, BOUND_MS, () => `no further message; the last ones: ${seen()}`);
  }

  /** Resolves when the request is idle; everything that belongs to it. */
  async done(id: string): Promise<ChannelMessage[]> {
    const isMine = (message: ChannelMessage): boolean => message.parent_header.msg_id === id;
    await this.until((message) => isMine(message) && message.header.msg_type === 'execute_reply');
    await this.until((message) => isMine(message) && message.content.execution_state === 'idle');
    return this.received.filter(isMine);
  }

  async closed(): Promise<number> {
    while (this.closeCode === null) await this.#woken();
    return this.closeCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await this.closed();
  }
}

export async function openNotebookService(): Promise<NotebookService> {
  const bench = await openBench();
  const ids = createIds(systemClock);
  const execution = { bwrap: null, laneNetwork: { mode: 'off' as const }, preload: 'auto' as const, poolMb: 0, kernelGateway: null };
  const guard = createGuard({
    config: { programDir: PROGRAM, homeDir: bench.path('.host-home'), python: { runtimeRoot: null, python: process.env.SIDECAR_PYTHON ?? null, launchPython: null }, execution },
    stateDir: bench.path('.state'), clock: systemClock, ids, log: silentLog,
  });
  const notebook = createNotebooks({
    guard, store: bench.store, config: { execution }, clock: systemClock, ids, log: silentLog, foldersOf: (id) => bench.sessions.pathsOf(id),
    files: bench.sessions.files, scratchDir: bench.path('.scratch'), redact: (text) => text, random: () => 0.5, times: PATIENT,
  });
  const report = { isStopping: () => false, uptimeMs: () => 1, version: '1', noteError: () => {} } as unknown as ApiDeps['report']; // proof: nothing else is asked here
  const server = await createServer({
    sessions: bench.sessions, report, notebook, execution: null, catalogue: {} as ApiDeps['catalogue'], // proof: no listing is asked for here
    guard: { token: TOKEN, mode: 'token', allowedOrigins: ['app://desk'], desktopOrigins: [] }, language: 'en', workbenchDir: null,
    clock: systemClock, ids, log: silentLog,
  });
  const { url, port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const sockets = new Set<Socket>(); // left when a socket is closed
  const onSocket = (opened: unknown): void => {
    const { socket } = opened as { socket: Socket };
    if (socket.localPort !== port) return;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  subscribe('net.server.socket', onSocket);
  const call: NotebookService['call'] = async (method, path, body, headers = {}) => {
    const response = await fetch(url + path, {
      method, headers: { authorization: `Bearer ${TOKEN}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text };
  };
  return {
    url, call, cutSockets: () => { for (const socket of sockets) socket.destroy(); }, kernelProcesses: () => guard.children().byLane.notebook,
    newSession: async () => (await bench.sessions.create({ chapter_id: CHAPTER })).session_id,
    connect: async (kernelId, { session = ids.uuid(), protocols = [], headers = { authorization: `Bearer ${TOKEN}` }, query = '' } = {}) => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/jupyter/api/kernels/${kernelId}/channels?session_id=${session}${query}`, protocols, { headers });
      const client = new KernelClient(socket, session);
      await new Promise<void>((resolve, reject) => {
        socket.once('open', resolve);
        socket.once('error', reject);
        socket.once('unexpected-response', (_request, response) => reject(new Error(`status ${response.statusCode}`)));
      });
      return client;
    },
    [Symbol.asyncDispose]: async () => {
      unsubscribe('net.server.socket', onSocket);
      await notebook.stop();
      await server.close(100);
      await guard.stop();
      await bench[Symbol.asyncDispose]();
    },
  };
}
