import { WebSocket } from 'ws';
import type { RawData } from 'ws';
import { GUARD_IDS } from '../../guard/index.ts';
import type { Reason } from '../../worker/index.ts';
import { parentIdOf } from '../connection/jupyter-message.ts';
import type { JupyterMessage } from '../connection/jupyter-message.ts';
import { KernelGone } from '../connection/kernel-connection.ts';
import type { DroppedOutput, KernelConnection, KernelGoneFacts, KernelInfo } from '../connection/kernel-connection.ts';
import { Listeners } from '../connection/listeners.ts';
import type { MessageMaker } from '../connection/new-message.ts';
import { KernelStartFailure } from '../connection/pipe-connection.ts';
import { decodeDefault, encodeDefault } from '../connection/wire-default.ts';
import { V1_PROTOCOL, WireError, decodeV1, encodeV1 } from '../connection/wire-v1.ts';
import type { GatewayClient } from './gateway-client.ts';

const MESSAGE_BYTES = 64 * 1024 * 1024;
const ASK_EVERY_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const GIVE_UP_MS = 120_000;
const LOOK_EVERY_MS = 3_000;

export interface GatewayKernelOptions {
  client: GatewayClient;
  environment: Readonly<Record<string, string>>;
  make: MessageMaker;
  session: string;
  signal: AbortSignal;
  /** 0..1, spreads the attempts of many clients. */
  random(): number;
}

/** Starts a kernel behind a gateway and waits until it answers on shell and iopub. Throws GatewayError or KernelStartFailure. */
export async function startGatewayKernel(options: GatewayKernelOptions): Promise<GatewayConnection> {
  const id = await options.client.start(options.environment, options.signal);
  const connection = new GatewayConnection(id, options);
  try {
    await connection.begin(options.signal);
    return connection;
  } catch (error) {
    await connection.kill('worker_lost', 'the remote kernel did not get ready');
    throw error;
  }
}

/** A kernel on another machine. A lost socket is opened again under the same name; the gateway replays what was missed. */
export class GatewayConnection implements KernelConnection {
  readonly id: string;
  readonly origin = 'gateway';
  readonly pid = null;
  readonly gone: Promise<KernelGoneFacts>;
  readonly #options: GatewayKernelOptions;
  readonly #messages = new Listeners<JupyterMessage>();
  readonly #texts = new Listeners<string>();
  readonly #drops = new Listeners<DroppedOutput>();
  readonly #lost = Promise.withResolvers<KernelGoneFacts>();
  #socket: WebSocket | null = null;
  #waiting: JupyterMessage[] = [];
  #info: KernelInfo | null = null;
  #kernelSession: string | null = null;
  #isGone = false;
  #lostAtMs: number | null = null;
  #attempt = 0;
  #lookedAtMs = performance.now();

  constructor(id: string, options: GatewayKernelOptions) {
    this.id = id;
    this.#options = options;
    this.gone = this.#lost.promise;
  }

  get info(): KernelInfo {
    if (this.#info === null) throw new Error('the kernel is not ready');
    return this.#info;
  }

  /** Opens the socket, then asks until both channels have answered. */
  async begin(signal: AbortSignal): Promise<void> {
    const ready = Promise.withResolvers<void>();
    let hasIopub = false;
    let reply: JupyterMessage | null = null;
    using _listening = this.#messages.add((message) => {
      if (message.channel === 'iopub') hasIopub = true;
      if (message.header.msg_type === 'kernel_info_reply') reply = message;
      if (!hasIopub || reply === null) return;
      this.#info = { python: pythonOf(reply), ipykernel: '', reply: reply.content, guards: REMOTE_GUARDS, warnings: [], limits: null };
      ready.resolve();
    });
    const asking = setInterval(() => this.#ask(), ASK_EVERY_MS);
    const fail = (): void => ready.reject(new KernelStartFailure({ reason: 'worker_lost', detail: 'gateway', stderrTail: '', exitCode: null, signal: null }));
    signal.addEventListener('abort', fail, { once: true });
    void this.gone.then((facts) => ready.reject(new KernelStartFailure(facts)));
    this.#open();
    await ready.promise.finally(() => {
      clearInterval(asking);
      signal.removeEventListener('abort', fail);
    });
  }

  settleCell(): void {} // Its disk is its operator's.

  send(message: JupyterMessage): Promise<void> {
    if (this.#isGone) return Promise.reject(new KernelGone('the kernel is gone'));
    const socket = this.#socket;
    if (socket === null || socket.readyState !== socket.OPEN) this.#waiting.push(message);
    else socket.send(socket.protocol === V1_PROTOCOL ? encodeV1(message) : encodeDefault(message));
    return Promise.resolve();
  }

  onMessage(listener: (message: JupyterMessage) => void): Disposable { return this.#messages.add(listener); }
  onNativeText(listener: (text: string) => void): Disposable { return this.#texts.add(listener); }
  onDropped(listener: (dropped: DroppedOutput) => void): Disposable { return this.#drops.add(listener); }

  async interrupt(): Promise<void> {
    await this.#options.client.interrupt(this.id).catch(() => undefined); // The ladder asks again, then ends the kernel.
  }

  /** The socket's own answer: the far kernel has no ping of ours. */
  async ping(timeoutMs: number): Promise<boolean> {
    this.#lookNowAndThen();
    const socket = this.#socket;
    if (socket === null || socket.readyState !== socket.OPEN) return false;
    const answered = Promise.withResolvers<boolean>();
    const onPong = (): void => answered.resolve(true);
    const timer = setTimeout(() => answered.resolve(false), timeoutMs);
    socket.once('pong', onPong);
    socket.ping();
    return await answered.promise.finally(() => {
      clearTimeout(timer);
      socket.off('pong', onPong);
    });
  }

  async shutdown(): Promise<void> {
    await this.kill('cancelled', 'shutdown');
  }

  async kill(reason: Reason, detail: string): Promise<void> {
    if (this.#isGone) return;
    this.#end(reason, detail);
    await this.#options.client.end(this.id).catch(() => undefined); // Gone already, or culled by its gateway later.
  }

  #ask(): void {
    if (this.#socket?.readyState === WebSocket.OPEN) void this.send(this.#options.make('shell', 'kernel_info_request', {}));
  }

  #open(): void {
    const { url, headers } = this.#options.client.socketOf(this.id, this.#options.session);
    const socket = new WebSocket(url, [V1_PROTOCOL], { headers, maxPayload: MESSAGE_BYTES, perMessageDeflate: false, followRedirects: false, handshakeTimeout: 30_000 });
    this.#socket = socket;
    socket.on('open', () => {
      this.#lostAtMs = null;
      this.#attempt = 0;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const message of waiting) void this.send(message);
      this.#ask();
    });
    socket.on('message', (bytes: RawData, isBinary: boolean) => this.#receive(socket, { bytes: toBuffer(bytes), isBinary }));
    socket.on('error', () => undefined); // `close` follows.
    socket.once('close', () => { if (this.#socket === socket && !this.#isGone) void this.#reopen(); });
  }

  #receive(socket: WebSocket, { bytes, isBinary }: { bytes: Buffer; isBinary: boolean }): void {
    try {
      const message = socket.protocol === V1_PROTOCOL ? decodeV1(bytes) : decodeDefault(bytes, isBinary);
      if (this.#hasOtherProcess(message)) return this.#end('worker_lost', 'restarted elsewhere');
      if (isReplaced(message)) return void this.kill('worker_lost', 'restarted elsewhere');
      this.#messages.tell(message);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      void this.kill('worker_lost', 'protocol');
    }
  }

  /** The kernel's own session id is one per process; status messages of the gateway itself carry another. */
  #hasOtherProcess({ channel, header, parent_header: parent }: JupyterMessage): boolean {
    if (channel !== 'shell' || header.session === '' || parentIdOf({ parent_header: parent }) === '') return false;
    this.#kernelSession ??= header.session;
    return this.#kernelSession !== header.session;
  }

  /** A Jupyter server keeps the socket open after its kernel was deleted, so only its REST side tells. */
  #lookNowAndThen(): void {
    if (performance.now() - this.#lookedAtMs < LOOK_EVERY_MS) return;
    this.#lookedAtMs = performance.now();
    this.#options.client.look(this.id).then((there) => {
      if (there === 'gone') this.#end('worker_lost', 'culled');
    }, () => undefined); // A gateway that is away is seen by the socket.
  }

  async #reopen(): Promise<void> {
    const { client, random } = this.#options;
    this.#lostAtMs ??= performance.now();
    if (performance.now() - this.#lostAtMs > GIVE_UP_MS) return this.#end('worker_lost', 'unreachable');
    const pauseMs = Math.min(LONGEST_PAUSE_MS, 1_000 * 2 ** this.#attempt) * (0.5 + random() / 2);
    this.#attempt += 1;
    await new Promise<void>((resolve) => { setTimeout(resolve, pauseMs).unref(); });
    if (this.#isGone) return;
    const there = await client.look(this.id).catch(() => 'unknown');
    if (there === 'gone') return this.#end('worker_lost', 'culled');
    if (!this.#isGone) this.#open();
  }

  #end(reason: Reason, detail: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#socket?.close();
    this.#lost.resolve({ reason, detail, stderrTail: '', exitCode: null, signal: null });
  }
}

/** Nothing of ours guards a remote kernel but time, output and the interrupt rules. */
const OURS: readonly string[] = ['wall_time', 'output', 'interrupt'];
export const REMOTE_GUARDS = Object.fromEntries(GUARD_IDS.map((id) => [id, OURS.includes(id) ? 'enforced' : 'absent'])) as KernelInfo['guards'];

/** The gateway says that the process ended: it starts another one by itself, or gives up. We start our own. */
function isReplaced({ channel, header, content }: JupyterMessage): boolean {
  if (channel !== 'iopub' || header.msg_type !== 'status') return false;
  return content.execution_state === 'restarting' || content.execution_state === 'autorestarting' || content.execution_state === 'dead';
}

function pythonOf({ content }: JupyterMessage): string {
  const { version } = (content.language_info ?? {}) as { version?: unknown }; // proof: read as unknown
  return typeof version === 'string' ? version : '';
}

function toBuffer(bytes: RawData): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Array.isArray(bytes) ? Buffer.concat(bytes) : Buffer.from(bytes);
}
