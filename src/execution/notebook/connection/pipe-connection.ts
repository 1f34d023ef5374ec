import { Writable } from 'node:stream';
import { explainStartFailure } from '../../guard/index.ts';
import type { ExecutionGuard, GuardedChild, WorkspaceSpec } from '../../guard/index.ts';
import type { Reason } from '../../worker/index.ts';
import { readBridgeControl } from './bridge-control.ts';
import type { BridgeControl } from './bridge-control.ts';
import { reasonOfExit } from './exit-reason.ts';
import { FRAME_KIND, FrameError, FrameReader, encodeControl } from './frame-codec.ts';
import type { Frame } from './frame-codec.ts';
import { frameOfMessage, messageOfFrame } from './jupyter-message.ts';
import type { JupyterMessage } from './jupyter-message.ts';
import { KernelGone } from './kernel-connection.ts';
import type { DroppedOutput, KernelConnection, KernelGoneFacts, KernelInfo } from './kernel-connection.ts';
import { Listeners } from './listeners.ts';
import { StderrTail } from './stderr-tail.ts';

const READY_MS = 30_000;
const SHUTDOWN_EXTRA_MS = 300;
/** Last words of a dead kernel may still be in its pipes; more than this many turns of the event loop they do not take. */
const LAST_WORDS_MS = 50;
const LAST_WORDS_TURNS = 256;

/** What a kernel is started with. */
export interface PipeKernelOptions {
  id: string;
  guard: ExecutionGuard;
  workspace: WorkspaceSpec;
  signal: AbortSignal;
  /** Silent code before `ready`. */
  init: readonly string[];
  caps: { text_bytes: number; rich_bytes: number; message_bytes: number };
}

/** The kernel never got ready. */
export class KernelStartFailure extends Error {
  override readonly name = 'KernelStartFailure';
  readonly facts: KernelGoneFacts;

  constructor(facts: KernelGoneFacts) {
    super(facts.detail);
    this.facts = facts;
  }
}

/** Starts a kernel in the notebook lane and waits until it answers. Throws what `spawnGuarded` throws, or KernelStartFailure. */
export async function startPipeKernel(options: PipeKernelOptions): Promise<PipeConnection> {
  const child = await options.guard.spawnGuarded({
    lane: 'notebook', program: { script: 'kernel.py', matplotlibBackend: 'module://matplotlib_inline.backend_inline' },
    workspace: options.workspace, options: { signal: options.signal },
  });
  const connection = new PipeConnection(options.id, child);
  try {
    await connection.begin(options, AbortSignal.any([options.signal, AbortSignal.timeout(READY_MS)]));
    return connection;
  } catch (error) {
    await connection.kill('worker_lost', 'the kernel did not get ready');
    options.signal.throwIfAborted();
    options.guard.noteWorkerLost();
    throw error;
  }
}

/** A kernel process behind its own stdio pipes. */
export class PipeConnection implements KernelConnection {
  readonly id: string;
  readonly origin = 'pipe';
  readonly gone: Promise<KernelGoneFacts>;
  readonly child: GuardedChild;
  readonly #reader = new FrameReader();
  readonly #messages = new Listeners<JupyterMessage>();
  readonly #texts = new Listeners<string>();
  readonly #drops = new Listeners<DroppedOutput>();
  readonly #controls = new Listeners<BridgeControl>();
  readonly #stderr = new StderrTail();
  #info: KernelInfo | null = null;
  #ended: { reason: Reason; detail: string } | null = null;
  #isGone = false;
  #hasSaidBye = false;
  #pingId = 0;
  #chunkCount = 0;
  #memoryBytes: number | null = null;

  constructor(id: string, child: GuardedChild) {
    this.id = id;
    this.child = child;
    child.stdin.on('error', () => {}); // A kernel that is gone shows itself by `exited`.
    child.stdout.on('data', (chunk: Buffer) => this.#receive(chunk));
    child.stderr.on('data', (chunk: Buffer) => this.#hear(chunk));
    this.gone = this.#watch();
  }

  get pid(): number {
    return this.child.pid;
  }

  get memoryBytes(): number | null {
    return this.#memoryBytes;
  }

  get info(): KernelInfo {
    if (this.#info === null) throw new Error('the kernel is not ready');
    return this.#info;
  }

  /** Says `start` and waits for `ready`. */
  async begin({ init, caps }: Pick<PipeKernelOptions, 'init' | 'caps'>, signal: AbortSignal): Promise<void> {
    const rlimits = this.child.arm({});
    const ready = Promise.withResolvers<void>();
    const hello = { python: '', ipykernel: '' };
    using _listening = this.#controls.add((control) => {
      if (control.op === 'hello') Object.assign(hello, { python: control.python, ipykernel: control.ipykernel });
      else if (control.op === 'fatal') ready.reject(new KernelStartFailure(this.#failure(control.error)));
      else if (control.op === 'ready') {
        this.#info = { ...hello, reply: control.content, guards: this.child.guards, warnings: this.child.warnings, limits: rlimits };
        ready.resolve();
      }
    });
    const onAbort = (): void => ready.reject(new KernelStartFailure(this.#failure('the kernel did not get ready in time')));
    signal.addEventListener('abort', onAbort, { once: true });
    void this.gone.then((facts) => ready.reject(new KernelStartFailure(facts)));
    this.#write(encodeControl('start', { cwd: this.child.guest.workspace, env: {}, limits: caps, rlimits, init }));
    await ready.promise.finally(() => signal.removeEventListener('abort', onAbort));
  }

  settleCell(): void {
    if (!this.#isGone) this.child.arm({});
  }

  send(message: JupyterMessage): Promise<void> {
    if (this.#isGone || this.#ended !== null) return Promise.reject(new KernelGone('the kernel is gone'));
    this.#write(frameOfMessage(message));
    return Promise.resolve();
  }

  onMessage(listener: (message: JupyterMessage) => void): Disposable {
    return this.#messages.add(listener);
  }

  onNativeText(listener: (text: string) => void): Disposable {
    return this.#texts.add(listener);
  }

  onDropped(listener: (dropped: DroppedOutput) => void): Disposable {
    return this.#drops.add(listener);
  }

  interrupt(): Promise<void> {
    if (!this.#isGone) this.#write(encodeControl('interrupt'));
    return Promise.resolve();
  }

  async ping(timeoutMs: number): Promise<boolean> {
    if (this.#isGone) return false;
    this.#pingId += 1;
    const id = this.#pingId;
    const answered = Promise.withResolvers<boolean>();
    using _listening = this.#controls.add((control) => { if (control.op === 'pong' && control.id === id) answered.resolve(true); });
    const timer = setTimeout(() => answered.resolve(false), timeoutMs);
    void this.gone.then(() => answered.resolve(false));
    this.#write(encodeControl('ping', { id }));
    return await answered.promise.finally(() => clearTimeout(timer));
  }

  isThere(): Promise<boolean> { return Promise.resolve(!this.#isGone); } // The end of a child is seen at once.
  isAlive(): Promise<boolean> { return this.isThere(); }

  async shutdown(graceMs: number): Promise<void> {
    if (!this.#isGone && graceMs > 0) {
      this.#ended ??= { reason: 'cancelled', detail: 'shutdown' };
      this.#write(encodeControl('shutdown', { restart: false, grace_ms: graceMs }));
      const timer = Promise.withResolvers<void>();
      const timeout = setTimeout(timer.resolve, graceMs + SHUTDOWN_EXTRA_MS);
      await Promise.race([this.child.exited, timer.promise]).finally(() => clearTimeout(timeout));
    }
    await this.kill('cancelled', 'shutdown');
  }

  async kill(reason: Reason, detail: string): Promise<void> {
    this.#ended ??= { reason, detail };
    await this.child.kill();
  }

  #write(bytes: Buffer): void {
    const { stdin } = this.child;
    if (stdin instanceof Writable && (stdin.destroyed || stdin.writableEnded)) return;
    stdin.write(bytes);
  }

  #receive(chunk: Buffer): void {
    this.#chunkCount += 1;
    if (this.#ended?.detail === 'protocol') return;
    try {
      for (const frame of this.#reader.push(chunk)) this.#take(frame);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      void this.kill('worker_lost', 'protocol');
    }
  }

  #take(frame: Frame): void {
    if (frame.kind === FRAME_KIND.message) return this.#messages.tell(messageOfFrame(frame));
    const control = readBridgeControl(frame.parts[0]);
    if (control.op === 'dropped') this.#drops.tell({ parentId: control.parent_id, ...control });
    if (control.op === 'pong') this.#memoryBytes = control.rss_bytes === 0 ? null : control.rss_bytes;
    if (control.op === 'bye') this.#hasSaidBye = true;
    this.#controls.tell(control);
  }

  #hear(chunk: Buffer): void {
    this.#chunkCount += 1;
    const text = this.#stderr.push(chunk);
    if (text !== '') this.#texts.tell(text);
  }

  async #watch(): Promise<KernelGoneFacts> {
    const exit = await this.child.exited;
    await this.#readLastWords();
    this.#isGone = true;
    const found = reasonOfExit(exit, this.child.backend, this.#hasSaidBye);
    const early = this.#info === null ? explainStartFailure(exit, this.#stderr.text) : null;
    await this.child.gone;
    const cause = this.#causeOf(exit.limit !== null) ?? (early === null ? found : { reason: early.reason, detail: early.detail });
    return { ...cause, stderrTail: this.#stderr.text, exitCode: exit.code, signal: found.signal };
  }

  /** On a busy machine the time may be over before this process had its turn to read: what had come by then is read first. */
  async #readLastWords(): Promise<void> {
    await new Promise<void>((resolve) => { setTimeout(resolve, LAST_WORDS_MS).unref(); });
    for (let turn = 0, before = -1; turn < LAST_WORDS_TURNS && this.#chunkCount > before; turn += 2) {
      before = this.#chunkCount;
      for (let each = 0; each < 2; each += 1) await new Promise<void>((resolve) => { setImmediate(resolve); });
    }
  }

  /** A limit of the guard beats what we meant to do; otherwise our own intent explains the end. */
  #causeOf(hasLimit: boolean): { reason: Reason; detail: string } | null {
    return hasLimit ? null : this.#ended;
  }

  #failure(detail: string): KernelGoneFacts {
    return { reason: 'worker_lost', detail, stderrTail: this.#stderr.text, exitCode: null, signal: null };
  }
}
