import type { Clock } from '../../../config/index.ts';
import { createDeadline } from '../../guard/index.ts';
import type { Deadline } from '../../guard/index.ts';
import { parentIdOf } from '../connection/jupyter-message.ts';
import type { JsonObject, JupyterMessage } from '../connection/jupyter-message.ts';
import type { KernelConnection, KernelGoneFacts } from '../connection/kernel-connection.ts';
import { reasonOfError } from './execute-task.ts';
import type { ExecuteTask, TaskEnd } from './execute-task.ts';

/** Times of the interrupt ladder and of the watch; tests shorten them. */
export interface TaskTimes { ladderStepMs: number; pingMs: number; settleMs: number; inputMs: number }
export const TASK_TIMES: TaskTimes = { ladderStepMs: 5_000, pingMs: 1_000, settleMs: 2_000, inputMs: 300_000 };

const MISSED_PINGS = 3;
/** A cell that awaits is told by the latter. */
const INTERRUPTS = new Set(['KeyboardInterrupt', 'CancelledError']);

export interface TaskTools {
  clock: Clock;
  times: TaskTimes;
  /** Programs have no network here, and errors that tell of none mean that. */
  isNetworkOff: boolean;
  onResponsive(isResponsive: boolean): void;
  /** The kernel has said anew what it holds while this request runs. */
  onMemory(connection: KernelConnection, task: ExecuteTask): void;
}

/** One execute request inside a kernel: done when reply and idle have come, in any order, or when the kernel is gone. */
export class RunningTask {
  readonly end: Promise<TaskEnd>;
  readonly #connection: KernelConnection;
  readonly #task: ExecuteTask;
  readonly #tools: TaskTools;
  readonly #ended = Promise.withResolvers<TaskEnd>();
  readonly #subscriptions = new DisposableStack();
  #deadline: Deadline | null = null;
  #settle: NodeJS.Timeout | null = null;
  #ladder: NodeJS.Timeout | null = null;
  #input: NodeJS.Timeout | null = null;
  #reply: JsonObject | null = null;
  #isIdle = false;
  #isOver = false;
  #stop: 'cancelled' | 'timeout' | null = null;
  #missed = 0;
  #messageCount = 0;

  constructor(connection: KernelConnection, task: ExecuteTask, tools: TaskTools) {
    this.#connection = connection;
    this.#task = task;
    this.#tools = tools;
    this.end = this.#ended.promise;
  }

  /** Hands the request over. */
  start(): void {
    const { header } = this.#task.message;
    this.#subscriptions.use(this.#connection.onMessage((message) => {
      if (parentIdOf(message) === header.msg_id) this.#take(message);
    }));
    this.#subscriptions.use(this.#connection.onNativeText((text) => this.#task.onNativeText(text)));
    this.#subscriptions.use(this.#connection.onDropped((dropped) => {
      if (dropped.parentId === header.msg_id) this.#task.onDropped(dropped);
    }));
    void this.#connection.gone.then((facts) => this.#finishGone(facts));
    this.#limitTime();
    this.#watch();
    this.#task.onStart();
    this.#connection.send(this.#task.message).catch(() => undefined); // A kernel that is gone ends the task through `gone`.
  }

  /** Interrupts, again after a step, and ends the tree after another; resolves when the request is over. */
  async interrupt(why: 'cancelled' | 'timeout'): Promise<void> {
    this.#stop ??= why;
    if (this.#ladder === null && !this.#isOver) this.#climb(0);
    await this.end;
  }

  /** A client answered an input request. */
  answered(): void {
    if (this.#input !== null) clearTimeout(this.#input);
    this.#input = null;
    if (!this.#isOver && this.#stop === null) this.#limitTime();
  }

  #climb(step: number): void {
    if (step === 2) return void this.#connection.kill(this.#stop ?? 'cancelled', 'interrupt_ignored');
    void this.#connection.interrupt();
    this.#ladder = setTimeout(() => this.#climb(step + 1), this.#tools.times.ladderStepMs);
  }

  #take(message: JupyterMessage): void {
    this.#messageCount += 1;
    this.#task.onMessage(message);
    const { channel, header, content } = message;
    if (channel === 'shell' && header.msg_type === 'execute_reply') this.#reply ??= content;
    if (channel === 'iopub' && header.msg_type === 'status' && content.execution_state === 'idle') this.#isIdle = true;
    if (channel === 'stdin' && header.msg_type === 'input_request') this.#waitForInput();
    if (this.#reply === null && !this.#isIdle) return;
    if (this.#reply !== null && this.#isIdle) return this.#finishSoon();
    // One of the two is missing: an interrupt can swallow a reply, and idle may be late.
    this.#settle ??= setTimeout(() => this.#finishQuiet(this.#messageCount), this.#tools.times.settleMs);
  }

  /** Idle comes behind all output: only silence shows that it will not come. Behind idle a thread may print for ever. */
  #finishQuiet(seen: number): void {
    setImmediate(() => setImmediate(() => {
      if (this.#isOver) return;
      if (this.#isIdle || this.#messageCount === seen) return this.#finishDone();
      this.#settle = setTimeout(() => this.#finishQuiet(this.#messageCount), this.#tools.times.settleMs);
    }));
  }

  #waitForInput(): void {
    this.#deadline?.cancel();
    this.#input = setTimeout(() => void this.interrupt('cancelled'), this.#tools.times.inputMs);
  }

  #limitTime(): void {
    const { timeoutMs } = this.#task;
    this.#deadline?.cancel();
    if (timeoutMs !== null) this.#deadline = createDeadline(this.#tools.clock, timeoutMs, () => void this.interrupt('timeout'));
  }

  /** Native text of the cell may be in its pipe: everything written before idle is readable by now. */
  #finishSoon(): void {
    setImmediate(() => setImmediate(() => this.#finishDone()));
  }

  /** An interrupt that we did not ask for, or no reply: somebody may be ending the process. Then the loss is told, not its echo. */
  #finishDone(): void {
    const isAnswered = this.#reply?.status === 'ok' || (this.#reply?.status === 'error' && !INTERRUPTS.has(String(this.#reply.ename)));
    if (isAnswered || this.#stop !== null || this.#isOver) return this.#conclude();
    void this.#connection.isAlive().then(() => this.#conclude());
  }

  #conclude(): void {
    const reply = this.#reply;
    const status = reply?.status;
    const end = { how: 'done' as const, detail: '', reply, isLate: !this.#isIdle, stderrTail: '' };
    if (this.#stop === 'timeout') return this.#finish({ ...end, reason: 'timeout' });
    if (status === 'ok') return this.#finish({ ...end, reason: 'ok' });
    if (status === 'error') {
      const [ename, evalue] = [String(reply?.ename ?? ''), String(reply?.evalue ?? '')];
      const wasStopped = this.#stop !== null && INTERRUPTS.has(ename);
      return this.#finish({ ...end, reason: wasStopped ? 'cancelled' : reasonOfError(ename, evalue, this.#tools.isNetworkOff) });
    }
    this.#finish({ ...end, reason: 'cancelled', detail: reply === null ? 'no_reply' : 'aborted' });
  }

  #finishGone({ reason, detail, stderrTail }: KernelGoneFacts): void {
    this.#finish({ how: 'gone', reason: this.#stop === 'timeout' && reason === 'cancelled' ? 'timeout' : reason, detail, reply: null, isLate: false, stderrTail });
  }

  #finish(end: TaskEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#subscriptions.dispose();
    this.#deadline?.cancel();
    for (const timer of [this.#settle, this.#ladder, this.#input]) if (timer !== null) clearTimeout(timer);
    this.#ended.resolve(end);
    // The meter takes its new starting point between cells: within one it would count what was just written as old.
    if (end.how === 'done') setImmediate(() => this.#connection.settleCell());
  }

  #watch(): void {
    const { pingMs } = this.#tools.times;
    const next = (): void => { setTimeout(() => void ask(), pingMs).unref(); };
    const ask = async (): Promise<void> => {
      if (this.#isOver) return;
      const isAnswered = await this.#connection.ping(pingMs);
      if (this.#isOver) return;
      this.#missed = isAnswered ? 0 : this.#missed + 1;
      if (this.#missed === MISSED_PINGS) this.#tools.onResponsive(false);
      if (isAnswered) {
        this.#tools.onResponsive(true);
        this.#tools.onMemory(this.#connection, this.#task);
      }
      next();
    };
    next();
  }
}
