import type { JupyterMessage } from '../connection/jupyter-message.ts';
import { KernelGone } from '../connection/kernel-connection.ts';
import type { KernelConnection, KernelGoneFacts, KernelInfo } from '../connection/kernel-connection.ts';
import { Listeners } from '../connection/listeners.ts';
import { KernelStartFailure } from '../connection/pipe-connection.ts';
import { KernelDisplays } from '../cells/display-index.ts';
import type { ExecuteTask } from '../cells/execute-task.ts';
import { TaskQueue } from '../cells/task-queue.ts';
import { CrashCount } from './crash-count.ts';
import type { KernelEvent, KernelOptions, LifeState } from './kernel-contract.ts';

const GRACE_MS = 300;

/** A kernel with a stable id over all its processes: start, restart, crash, end, and the queue of its cells. */
export class Kernel {
  readonly id: string;
  readonly sessionId: string | null;
  readonly path: string;
  readonly queue: TaskQueue;
  readonly displays = new KernelDisplays();
  readonly #options: KernelOptions;
  readonly #messages = new Listeners<JupyterMessage>();
  readonly #events = new Listeners<KernelEvent>();
  readonly #stop = new AbortController();
  #state: LifeState = 'none';
  #connection: KernelConnection | null = null;
  #starting: Promise<KernelConnection> | null = null;
  readonly #crashes: CrashCount;
  #executionCount = 0;
  #startedAt: string | null = null;
  #stateLost: boolean;
  #lastActivity: Date;
  #idleMs = 0;
  #isExpected = false;
  /** The end of the process before this one, which nobody waits for but the next end. */
  #ending: Promise<void> = Promise.resolve();
  /** Open sockets of clients. */
  clients = 0;

  constructor(options: KernelOptions) {
    this.#options = options;
    this.id = options.id;
    this.sessionId = options.sessionId;
    this.path = options.path;
    this.#stateLost = options.hasOldState;
    this.#crashes = new CrashCount(options.clock);
    this.#lastActivity = options.clock.now();
    this.queue = new TaskQueue({
      clock: options.clock, times: options.times, isNetworkOff: options.isNetworkOff,
      connect: async () => {
        await options.prepare();
        const connection = await this.connect();
        return await connection.isThere() ? connection : await this.connect();
      },
      onBusy: () => { if (this.#connection !== null) this.#setState('busy'); },
      onIdle: () => { if (this.#state === 'busy' || this.#state === 'unresponsive') this.#setState('idle'); },
      onResponsive: (isResponsive) => {
        if (this.#state === 'busy' && !isResponsive) this.#setState('unresponsive');
        if (this.#state === 'unresponsive' && isResponsive) this.#setState('busy');
      },
      onMemory: (connection, task) => this.#watchMemory(connection, task),
    });
  }

  get state(): LifeState { return this.#state; }
  get info(): KernelInfo | null { return this.#connection?.info ?? null; }
  get connection(): KernelConnection | null { return this.#connection; }
  get executionCount(): number { return this.#executionCount; }
  get startedAt(): string | null { return this.#startedAt; }
  get lastActivity(): Date { return this.#lastActivity; }
  get isNetworkOff(): boolean { return this.#options.isNetworkOff; }

  /** It has a process, or is about to have one. */
  get hasProcess(): boolean {
    return this.#connection !== null || this.#starting !== null || this.#state === 'restarting' || (this.#state !== 'dead' && this.queue.isBusy);
  }
  /** It has a process that nobody would miss right now. */
  get isUnused(): boolean { return this.#state === 'idle' && this.#connection !== null && !this.queue.isBusy && this.clients === 0; }

  onMessage(listener: (message: JupyterMessage) => void): Disposable { return this.#messages.add(listener); }
  onEvent(listener: (event: KernelEvent) => void): Disposable { return this.#events.add(listener); }

  /** The process to talk to, started when there is none. Throws KernelStartFailure, also for a kernel that is dead. */
  async connect(): Promise<KernelConnection> {
    if (this.#state === 'dead') throw new KernelStartFailure({ reason: 'worker_lost', detail: 'dead', stderrTail: '', exitCode: null, signal: null });
    if (this.#connection !== null) return this.#connection;
    this.#starting ??= this.#start().finally(() => { this.#starting = null; });
    return await this.#starting;
  }

  /** Queues an execute request. Throws QUEUE_FULL. */
  execute(task: ExecuteTask): void {
    this.#touch();
    this.queue.add(task);
  }

  /** Sends anything that is no execute request. Throws KernelGone. */
  async send(message: JupyterMessage): Promise<void> {
    this.#touch();
    await (await this.connect()).send(message);
  }

  /** Interrupts the running cell; resolves after it has ended. Without one it has no effect. */
  async interrupt(): Promise<void> {
    await this.queue.interrupt('cancelled');
  }

  /** A new process with an empty namespace under the same id; the running cell and waiting ones end as cancelled. */
  async restart(options: { clears: boolean }): Promise<void> {
    this.#touch();
    this.#crashes.forget();
    this.queue.cancelWaiting('restarted');
    await this.#ending; // At most one old process beside the new one.
    const old = this.#release();
    this.#setState('restarting');
    this.#events.tell({ type: 'restarting' });
    const isBusy = this.queue.isBusy;
    const fresh = this.connect();
    this.#ending = (isBusy ? old?.kill('cancelled', 'restarted') : old?.shutdown(GRACE_MS)) ?? Promise.resolve();
    if (options.clears) this.displays.clear();
    this.#stateLost = false;
    // A running cell ends with its process; an idle process ends while the new one is in use.
    await Promise.all([fresh, isBusy ? this.#ending : null]);
  }

  /** Ends the process but keeps the kernel: the next cell starts a new one. */
  async park(): Promise<void> {
    const old = this.#release();
    this.#stateLost = this.#stateLost || this.#executionCount > 0;
    this.#executionCount = 0;
    this.#setState('none');
    await Promise.all([this.#ending, old?.shutdown(GRACE_MS)]);
  }

  /** Ends the kernel for good. */
  async end(): Promise<void> {
    this.#stop.abort(new KernelGone('the kernel was ended'));
    this.queue.cancelWaiting('ended');
    const starting = this.#starting;
    const old = this.#release();
    this.#setState('dead');
    await Promise.all([this.#ending, this.queue.isBusy ? old?.kill('cancelled', 'ended') : old?.shutdown(GRACE_MS)]);
    await starting?.catch(() => undefined); // Ended by the signal.
  }

  /** The sentence about a process that comes near its memory limit. */
  get memoryWarning(): string | null { return this.#connection === null ? null : this.#options.memory.text; }

  /** A client asked the process itself to end, to come back or not: that is no crash. */
  expectEnd(): void {
    this.#isExpected = true;
  }

  /** A process was lost with its namespace, and no cell has said so yet. */
  get hasLostState(): boolean { return this.#stateLost; }

  /** True once for the first cell after a process was lost with its namespace. */
  takeStateLost(): boolean {
    const wasLost = this.#stateLost;
    this.#stateLost = false;
    return wasLost;
  }

  /** Adds waking time; returns how long nothing has happened. */
  addIdle(ms: number): number {
    this.#idleMs = this.queue.isBusy || this.#state === 'starting' ? 0 : this.#idleMs + ms;
    return this.#idleMs;
  }

  async #start(): Promise<KernelConnection> {
    if (this.#state !== 'restarting') this.#setState('starting');
    this.#events.tell({ type: 'starting' });
    try {
      const connection = await this.#options.launch(this.#stop.signal);
      if (this.#stop.signal.aborted) {
        await connection.kill('cancelled', 'ended');
        this.#stop.signal.throwIfAborted();
      }
      this.#adopt(connection);
      return connection;
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#setState('none');
      throw error;
    }
  }

  #adopt(connection: KernelConnection): void {
    this.#connection = connection;
    this.#options.memory.clear();
    this.#executionCount = 0;
    this.#startedAt = this.#options.clock.now().toISOString();
    // What a process says while it ends is nobody's news any more.
    connection.onMessage((message) => { if (this.#connection === connection) this.#hear(message); });
    void connection.gone.then((facts) => this.#lost(connection, facts));
    this.#setState(this.queue.isBusy ? 'busy' : 'idle');
    this.#events.tell({ type: 'started' });
  }

  #release(): KernelConnection | null {
    const old = this.#connection;
    this.#connection = null;
    return old;
  }

  #hear(message: JupyterMessage): void {
    const { header, content } = message;
    if (header.msg_type === 'execute_input' && typeof content.execution_count === 'number') this.#executionCount = content.execution_count;
    this.#touch();
    this.#messages.tell(message);
  }

  /** The process ended without our wish. */
  #lost(connection: KernelConnection, facts: KernelGoneFacts): void {
    if (this.#connection !== connection) return;
    this.#release();
    this.#stateLost = this.#stateLost || this.#executionCount > 0;
    if (facts.detail === 'culled') return this.#setCulled(facts);
    const isAsked = this.#isExpected;
    this.#isExpected = false;
    // A kernel that we had to end ourselves has not crashed.
    const delayMs = isAsked || facts.detail === 'interrupt_ignored' ? 0 : this.#crashes.add();
    const willRestart = delayMs !== null;
    this.#options.log.warn({ kernel: this.id, reason: facts.reason, detail: facts.detail, willRestart }, 'a kernel was lost');
    this.#setState(willRestart ? 'restarting' : 'dead');
    this.#events.tell({ type: 'lost', facts, willRestart, isAsked });
    if (delayMs === null) return;
    setTimeout(() => this.#restartAfterLoss(), delayMs).unref();
  }

  /** Somebody else ended it on purpose: that is no crash, and the next cell starts another. */
  #setCulled(facts: KernelGoneFacts): void {
    this.#executionCount = 0;
    this.#setState('none');
    this.#events.tell({ type: 'lost', facts, willRestart: true, isAsked: false });
  }

  #restartAfterLoss(): void {
    if (this.#state !== 'restarting' || this.#stop.signal.aborted) return;
    this.connect().catch((error: unknown) => this.#options.log.warn({ kernel: this.id, error: String(error) }, 'a kernel could not be restarted'));
  }

  /** Tells the running cell, and whoever follows it, when the limit is near. */
  #watchMemory(connection: KernelConnection, task: ExecuteTask): void {
    const text = this.#options.memory.note(connection.memoryBytes, connection.info.limits?.memoryBytes ?? null);
    if (text === null) return;
    const message = this.#options.makeMessage('iopub', 'stream', { name: 'stderr', text: `[sidecar] ${text}\n` });
    const told = { ...message, parent_header: task.message.header };
    task.onMessage(told);
    this.#messages.tell(told);
  }

  #touch(): void {
    this.#idleMs = 0;
    this.#lastActivity = this.#options.clock.now();
  }

  #setState(state: LifeState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#events.tell({ type: 'state', state });
  }
}
