import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../../config/index.ts';
import type { Reason } from '../../worker/index.ts';
import { parentIdOf } from '../connection/jupyter-message.ts';
import type { JupyterMessage } from '../connection/jupyter-message.ts';
import { KernelGone } from '../connection/kernel-connection.ts';
import type { DroppedOutput, KernelConnection, KernelGoneFacts, KernelInfo } from '../connection/kernel-connection.ts';
import { Listeners } from '../connection/listeners.ts';
import type { MessageMaker } from '../connection/new-message.ts';
import { KernelStartFailure } from '../connection/pipe-connection.ts';
import { V1_PROTOCOL } from '../connection/wire-v1.ts';
import type { GatewayClient, RemoteState } from './gateway-client.ts';
import type { GatewayError } from './gateway-error.ts';
import { GatewaySocket, MESSAGE_BYTES } from './gateway-socket.ts';
import type { SocketEnd } from './gateway-socket.ts';
import type { GatewayTimes } from './gateway-times.ts';
import { MessageWatch } from './message-watch.ts';
import { OpenCell } from './open-cell.ts';
import { LAST_WORDS, REMOTE_GUARDS } from './remote-facts.ts';
import type { RemoteKernels } from './remote-kernels.ts';

const WAITING_LIMIT = 1_000;
const TOO_LONG_LIMIT = 3;

export interface GatewayKernelOptions {
  client: GatewayClient;
  kernels: Pick<RemoteKernels, 'end' | 'forget'>;
  make: MessageMaker;
  /** Name of our socket; under it the gateway keeps what we miss. */
  session: string;
  clock: Clock;
  times: GatewayTimes;
  /** 0..1, spreads the attempts of many clients. */
  random(): number;
  /** The socket is open for the first time. */
  onConnected(): void;
}

/** A kernel on another machine. A lost socket is opened again under the same name; the gateway replays what was missed. */
export class GatewayConnection implements KernelConnection {
  readonly id: string;
  readonly origin = 'gateway';
  readonly pid = null;
  readonly memoryBytes = null;
  readonly gone: Promise<KernelGoneFacts>;
  readonly #options: GatewayKernelOptions;
  readonly #messages = new Listeners<JupyterMessage>();
  readonly #texts = new Listeners<string>();
  readonly #drops = new Listeners<DroppedOutput>();
  readonly #errors = new Listeners<GatewayError>();
  readonly #lost = Promise.withResolvers<KernelGoneFacts>();
  readonly #watch: MessageWatch;
  readonly #cell: OpenCell;
  #socket: GatewaySocket | null = null;
  #waiting: JupyterMessage[] = [];
  #info: KernelInfo | null = null;
  #isGone = false;
  #lostAtMs: number | null = null;
  #attempt = 0;
  #framings: readonly string[] = [V1_PROTOCOL];
  #tooLong = 0;
  #lookedAtMs: number;

  constructor(id: string, options: GatewayKernelOptions) {
    this.id = id;
    this.#options = options;
    this.#watch = new MessageWatch(options.session);
    this.#cell = new OpenCell(options.clock, options.times.silenceMs);
    this.#lookedAtMs = options.clock.monotonicMs();
    this.gone = this.#lost.promise;
  }

  get info(): KernelInfo {
    if (this.#info === null) throw new Error('the kernel is not ready');
    return this.#info;
  }

  /** Opens the socket, then asks until shell and iopub have answered. Throws GatewayError when it is refused, KernelStartFailure when the kernel is lost. */
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
    using _refusals = this.#errors.add((error) => { if (error.status !== 0 && error.status < 500 || error.problem === 'untrusted') ready.reject(error); });
    const asking = setInterval(() => this.#ask('shell'), this.#options.times.askMs);
    const onAbort = (): void => ready.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    void this.gone.then((facts) => ready.reject(new KernelStartFailure(facts)));
    this.#open();
    await ready.promise.finally(() => {
      clearInterval(asking);
      signal.removeEventListener('abort', onAbort);
    });
  }

  settleCell(): void {} // Its disk is its operator's.

  send(message: JupyterMessage): Promise<void> {
    if (this.#isGone) return Promise.reject(new KernelGone('the kernel is gone'));
    this.#watch.note(message);
    this.#cell.sent(message);
    if (this.#socket?.isOpen === true) this.#socket.send(message);
    else if (this.#waiting.length < WAITING_LIMIT) this.#waiting.push(message);
    else return Promise.reject(new KernelGone('the gateway is out of reach'));
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
    const { clock, times } = this.#options;
    if (clock.monotonicMs() - this.#lookedAtMs >= times.lookMs) void this.#look();
    if (this.#cell.isExposed) this.#ask('control');
    if (this.#cell.isSilent) this.#lose(this.#socket?.isOpen === true ? 'silent' : 'unreachable');
    return await this.#socket?.ping(timeoutMs) ?? false;
  }

  async isThere(): Promise<boolean> {
    const { clock, times } = this.#options;
    const isFresh = this.#socket?.isOpen === true && clock.monotonicMs() - this.#cell.heardAtMs < times.lookMs;
    if (!isFresh) await Promise.race([this.#look(), pause(times.confirmMs, undefined, { ref: false })]);
    return !this.#isGone;
  }

  /** A control channel answers while nothing ends the process; only REST knows a kernel that is gone already. */
  async isAlive(): Promise<boolean> {
    const { clock, times } = this.#options;
    const startMs = clock.monotonicMs();
    let isAnswered = false;
    const asked = this.#options.make('control', 'kernel_info_request', {});
    using _listening = this.#messages.add((message) => { if (parentIdOf(message) === asked.header.msg_id && message.channel === 'control') isAnswered = true; });
    void this.send(asked).catch(() => undefined); // A kernel that is gone is seen below.
    while (!this.#isGone && !isAnswered && clock.monotonicMs() - startMs < times.confirmMs) {
      if (await this.#look() === 'gone') break;
      if (!isAnswered) await Promise.race([this.gone, pause(times.askMs / 2, undefined, { ref: false })]);
    }
    return !this.#isGone;
  }

  async shutdown(): Promise<void> {
    await this.kill('cancelled', 'shutdown');
  }

  async kill(reason: Reason, detail: string): Promise<void> {
    if (this.#isGone) return;
    this.#end(reason, detail);
    await this.#options.kernels.end(this.id);
  }

  #ask(channel: 'shell' | 'control'): void {
    if (this.#socket?.isOpen === true) this.#socket.send(this.#options.make(channel, 'kernel_info_request', {}));
  }

  #open(): void {
    const socket: GatewaySocket = new GatewaySocket({ ...this.#options.client.socketOf(this.id, this.#options.session), framings: this.#framings }, {
      opened: () => {
        if (this.#isGone) return socket.close();
        this.#options.onConnected();
        this.#lostAtMs = null;
        this.#attempt = 0;
        this.#ask('shell');
        for (const message of this.#waiting.splice(0)) socket.send(message);
      },
      message: (message) => { if (!this.#isGone && this.#socket === socket) this.#receive(message); },
      closed: (end) => { if (!this.#isGone && this.#socket === socket) void this.#reopen(end); },
    });
    this.#socket = socket;
  }

  #receive(message: JupyterMessage): void {
    const verdict = this.#watch.judge(message);
    if (verdict === 'repeat') return;
    if (verdict === 'news' || verdict === 'cut') {
      this.#cell.heard(message);
      this.#messages.tell(message);
      if (verdict === 'cut') this.#drops.tell({ parentId: parentIdOf(message), stream: 'unknown', bytes: 0, messages: 1, tail: '' });
    } else this.#lose(verdict);
  }

  /** Asks REST for the kernel. A Jupyter server keeps the socket open after its kernel was deleted, so only this tells. */
  async #look(): Promise<RemoteState | 'unknown'> {
    this.#lookedAtMs = this.#options.clock.monotonicMs();
    const state = await this.#options.client.look(this.id).catch(() => 'unknown' as const); // A gateway that is away is seen by the socket.
    if (state === 'gone') {
      this.#options.kernels.forget(this.id);
      this.#end('worker_lost', 'culled');
    } else this.#cell.seen(state);
    return state;
  }

  async #reopen({ error, fault }: SocketEnd): Promise<void> {
    const { clock, random, times } = this.#options;
    if (fault === 'framing' && this.#framings.length > 0) {
      this.#framings = [];
      return this.#open();
    }
    if (error !== null) this.#errors.tell(error);
    this.#cell.exposed();
    if (fault === 'too_long') this.#dropLong();
    if (fault === 'protocol' || this.#tooLong >= TOO_LONG_LIMIT) return this.#lose('protocol');
    this.#lostAtMs ??= clock.monotonicMs();
    if (await this.#look() === 'gone') return;
    if (clock.monotonicMs() - this.#lostAtMs > times.giveUpMs) return this.#lose('unreachable');
    const pauseMs = Math.min(times.longestPauseMs, times.firstPauseMs * 2 ** this.#attempt) * (0.5 + random() / 2);
    this.#attempt += 1;
    await Promise.race([this.gone, pause(pauseMs, undefined, { ref: false })]);
    if (!this.#isGone && await this.#look() !== 'gone' && !this.#isGone) this.#open();
  }

  /** A message over the bound is lost output of the cell that runs; the rest comes through a new socket. */
  #dropLong(): void {
    this.#tooLong += 1;
    this.#drops.tell({ parentId: this.#cell.id, stream: 'rich', bytes: MESSAGE_BYTES, messages: 1, tail: '' });
  }

  /** It is of no use any more; what is left of it on the gateway goes. */
  #lose(detail: string): void {
    if (this.#isGone) return;
    this.#end('worker_lost', detail);
    void this.#options.kernels.end(this.id);
  }

  #end(reason: Reason, detail: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#waiting = [];
    this.#socket?.close();
    this.#lost.resolve({ reason, detail, stderrTail: LAST_WORDS[detail] ?? '', exitCode: null, signal: null });
  }
}

function pythonOf({ content }: JupyterMessage): string {
  const { version } = (content.language_info ?? {}) as { version?: unknown }; // proof: read as unknown
  return typeof version === 'string' ? version : '';
}
