import { SidecarError } from '../../../contracts/index.ts';
import type { KernelConnection } from '../connection/kernel-connection.ts';
import type { ExecuteTask, TaskEnd } from './execute-task.ts';
import { RunningTask } from './run-task.ts';
import type { TaskTools } from './run-task.ts';

const QUEUE_LIMIT = 20;

export interface TaskQueueOptions extends TaskTools {
  /** The kernel to run on, started if need be. */
  connect(): Promise<KernelConnection>;
  onIdle(): void;
  onBusy(): void;
}

/** One execute request at a time is in the kernel; the others wait here, where they can be taken out again. */
export class TaskQueue {
  readonly #options: TaskQueueOptions;
  #waiting: ExecuteTask[] = [];
  #running: RunningTask | null = null;
  #current: ExecuteTask | null = null;

  constructor(options: TaskQueueOptions) {
    this.#options = options;
  }

  get isBusy(): boolean {
    return this.#current !== null;
  }

  get running(): { task: ExecuteTask; run: RunningTask } | null {
    return this.#current === null || this.#running === null ? null : { task: this.#current, run: this.#running };
  }

  /** Throws QUEUE_FULL. */
  add(task: ExecuteTask): void {
    if (this.#waiting.length >= QUEUE_LIMIT) throw new SidecarError('QUEUE_FULL', 'too many cells are waiting');
    this.#waiting.push(task);
    if (this.#current === null) void this.#work();
  }

  /** Ends what waits; the running request is ended by whoever ends the kernel. */
  cancelWaiting(detail: string): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const task of waiting) task.onEnd(endedUnrun('cancelled', detail));
  }

  /** Interrupts the running request, if there is one. */
  async interrupt(why: 'cancelled' | 'timeout'): Promise<void> {
    await this.#running?.interrupt(why);
  }

  async #work(): Promise<void> {
    for (let task = this.#waiting.shift(); task !== undefined; task = this.#waiting.shift()) {
      this.#current = task;
      this.#options.onBusy();
      const end = await this.#run(task);
      this.#current = null;
      this.#running = null;
      task.onEnd(end);
      if (hasFailed(end) && task.stopOnError) this.#skipWaiting();
    }
    this.#options.onIdle();
  }

  async #run(task: ExecuteTask): Promise<TaskEnd> {
    try {
      const connection = await this.#options.connect();
      this.#running = new RunningTask(connection, task, this.#options);
      this.#running.start();
      return await this.#running.end;
    } catch (error) {
      return endOfFailedStart(error);
    }
  }

  /** After an error the cells that were already waiting are not run, unless they said otherwise. */
  #skipWaiting(): void {
    const skipped = this.#waiting.filter((task) => task.stopOnError);
    this.#waiting = this.#waiting.filter((task) => !task.stopOnError);
    for (const task of skipped) task.onEnd(endedUnrun('skipped', 'skipped after an error'));
  }
}

/** An interrupt is no error: the cells behind it go on. */
function hasFailed({ how, reason }: TaskEnd): boolean {
  return (how === 'done' || how === 'gone') && reason !== 'ok' && reason !== 'cancelled';
}

function endedUnrun(how: 'skipped' | 'cancelled', detail: string): TaskEnd {
  return { how, reason: 'cancelled', detail, reply: null, isLate: false, stderrTail: '' };
}

function endOfFailedStart(error: unknown): TaskEnd {
  const detail = error instanceof Error ? error.message : 'the kernel could not be started';
  return { how: 'gone', reason: 'worker_lost', detail, reply: null, isLate: false, stderrTail: '', ...startFacts(error) };
}

/** What a failed start knows of its cause. */
function startFacts(error: unknown): Partial<TaskEnd> {
  if (!(error instanceof Error)) return {};
  const { facts } = error as { facts?: Partial<TaskEnd> }; // proof: read as optional
  if (facts === undefined) return {};
  return {
    ...(facts.reason === undefined ? {} : { reason: facts.reason }), ...(facts.detail === undefined ? {} : { detail: facts.detail }),
    ...(facts.stderrTail === undefined ? {} : { stderrTail: facts.stderrTail }),
  };
}
