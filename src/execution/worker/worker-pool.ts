import type { Clock, Log } from '../../config/index.ts';
import type { ExecutionGuard } from '../guard/index.ts';
import { GuardUnavailable } from '../guard/index.ts';
import { startWorker } from './start-worker.ts';
import type { ReadyWorker, WorkerSpec } from './start-worker.ts';

/** What an idle worker counts against the pool. */
const WORKER_MB = 70;
const IDLE_MS = 10 * 60_000;
const MAX_AGE_MS = 6 * 60 * 60_000;
/** Runs that come faster than this get a second worker. */
const FAST_MS = 5_000;
const SWEEP_MS = 30_000;
const RETRY_MS = 250;
const REFILL_MS = 60;
const FAILED_PAUSE_MS = 30_000;

export interface WorkerPoolDeps {
  guard: ExecutionGuard;
  clock: Clock;
  log: Log;
  poolMb: number;
  /** Memory that other idle processes hold against the same budget, such as kernels. */
  otherMb(): number;
  /** Share of the machine's memory that is free, 0 to 1. */
  freeMemory(): number;
  /** False while a turn waits for its first text. */
  mayFill(): boolean;
  /** Finds out what `runtimeStamp` looks at; called before a worker is kept. */
  learnRuntime(): Promise<void>;
  /** Changes when packages of the runtime change. */
  runtimeStamp(): string;
}

export interface Claimed { worker: ReadyWorker; start: 'warm' | 'cold' }

interface Idle { worker: ReadyWorker; readyAt: number; stamp: string }
interface Group { spec: WorkerSpec; wanted: number; usedAt: number; pausedUntil: number; idle: Idle[] }

/** Warm single-use workers. A worker serves one run of the group it was made for and is never given back. */
export class WorkerPool {
  readonly #deps: WorkerPoolDeps;
  /** Entries leave by `end`, after ten idle minutes, and when memory is short. */
  readonly #groups = new Map<string, Group>();
  readonly #stopping = new AbortController();
  #filling: { group: string; done: Promise<void>; abort: AbortController } | null = null;
  #retry: NodeJS.Timeout | null = null;
  #sweep: NodeJS.Timeout | null = null;

  constructor(deps: WorkerPoolDeps) {
    this.#deps = deps;
  }

  /** Keeps `count` workers ready for a group from now on. */
  want(spec: WorkerSpec, count: number): void {
    this.#remember(spec, count);
    this.#pump();
  }

  /**
   * A ready worker of the group, else a fresh one with the same guards. `isFresh` passes over the ready ones. A fresh one imports nothing
   * beforehand, because the program may need less; but in the expert lane it does, since only what is there already can be seeded.
   */
  async claim(spec: WorkerSpec, options: { signal: AbortSignal; isFresh: boolean }): Promise<Claimed> {
    const now = this.#deps.clock.monotonicMs();
    const isFast = now - (this.#groups.get(spec.group)?.usedAt ?? Number.NEGATIVE_INFINITY) < FAST_MS;
    const worker = options.isFresh ? null : this.#take(spec);
    const known = this.#groups.get(spec.group)?.wanted ?? 1;
    this.#remember(spec, spec.lane === 'expert' ? known : isFast ? 2 : 1);
    if (worker !== null) return { worker, start: 'warm' };
    const signal = AbortSignal.any([options.signal, this.#stopping.signal]);
    const isBare = options.isFresh || spec.lane !== 'expert';
    const cold = await startWorker(this.#deps.guard, isBare ? { ...spec, preload: [] } : spec, { signal });
    return { worker: cold, start: 'cold' };
  }

  /** Fills what a run has used up; called when the run is over, and a moment later, so that the fill does not slow its answer. */
  refill(): void {
    this.#pumpAfter(REFILL_MS);
  }

  /** Ends the workers of a group; resolves when their processes are gone. */
  async end(groupId: string): Promise<void> {
    const group = this.#groups.get(groupId);
    this.#groups.delete(groupId);
    // Taken out first: what is ended on purpose is no loss.
    const idle = group?.idle.splice(0) ?? [];
    await Promise.all(idle.map(({ worker }) => worker.child.kill()));
    if (this.#filling?.group !== groupId) return;
    this.#filling.abort.abort(new Error('the group is over'));
    await this.#filling.done;
  }

  idleCount(groupId?: string): number {
    const groups = groupId === undefined ? [...this.#groups.values()] : [this.#groups.get(groupId)];
    return groups.reduce((sum, group) => sum + (group?.idle.length ?? 0), 0);
  }

  /** Fills now what can be filled, and resolves when nothing is being filled any more. */
  async settled(): Promise<void> {
    this.#pump();
    while (this.#filling !== null) await this.#filling.done;
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the pool is stopping'));
    if (this.#sweep !== null) clearInterval(this.#sweep);
    if (this.#retry !== null) clearTimeout(this.#retry);
    await Promise.all([...this.#groups.keys()].map((id) => this.end(id)));
    await this.#filling?.done;
  }

  #remember(spec: WorkerSpec, wanted: number): void {
    if (this.#stopping.signal.aborted || this.#deps.poolMb < WORKER_MB) return;
    const group = this.#groups.get(spec.group);
    const usedAt = this.#deps.clock.monotonicMs();
    if (group === undefined) this.#groups.set(spec.group, { spec, wanted, usedAt, pausedUntil: 0, idle: [] });
    else Object.assign(group, { spec, usedAt, wanted });
    this.#sweep ??= unref(setInterval(() => this.#endIdle(), SWEEP_MS));
  }

  #take(spec: WorkerSpec): ReadyWorker | null {
    const group = this.#groups.get(spec.group);
    if (group === undefined) return null;
    this.#dropStale(group, spec);
    for (let idle = group.idle.shift(); idle !== undefined; idle = group.idle.shift()) {
      if (idle.worker.child.isAlive()) return idle.worker;
    }
    return null;
  }

  /** Workers of another workspace, another runtime or a bygone age are ended. */
  #dropStale(group: Group, spec: WorkerSpec): void {
    const now = this.#deps.clock.monotonicMs();
    const stamp = this.#deps.runtimeStamp();
    const isGood = (idle: Idle): boolean =>
      idle.stamp === stamp && now - idle.readyAt < MAX_AGE_MS && idle.worker.spec.workspace.folder === spec.workspace.folder;
    for (const idle of group.idle.filter((each) => !isGood(each))) void idle.worker.child.kill();
    group.idle = group.idle.filter(isGood);
  }

  #endIdle(): void {
    const now = this.#deps.clock.monotonicMs();
    for (const [id, group] of this.#groups) {
      this.#dropStale(group, group.spec);
      if (now - group.usedAt >= IDLE_MS) void this.end(id);
    }
    this.#pump();
  }

  /** Starts one fill if something is missing; one at a time. */
  #pump(): void {
    if (this.#filling !== null || this.#stopping.signal.aborted) return;
    const now = this.#deps.clock.monotonicMs();
    const hungry = [...this.#groups.values()].filter((group) => group.idle.length < group.wanted && group.pausedUntil <= now)
      .sort((left, right) => right.usedAt - left.usedAt)[0];
    if (hungry === undefined) return;
    if (!this.#deps.mayFill()) return this.#pumpAfter(RETRY_MS);
    if (!this.#makeRoom(hungry)) return;
    const abort = new AbortController();
    this.#filling = { group: hungry.spec.group, abort, done: this.#fill(hungry, AbortSignal.any([abort.signal, this.#stopping.signal])) };
  }

  #pumpAfter(ms: number): void {
    if (this.#stopping.signal.aborted) return;
    this.#retry ??= unref(setTimeout(() => {
      this.#retry = null;
      this.#pump();
    }, ms));
  }

  /** Ends idle workers of groups that were used longer ago, until one more fits. False when it does not. */
  #makeRoom(hungry: Group): boolean {
    if (this.#deps.freeMemory() < 0.15) {
      this.#endOldest(hungry);
      return false;
    }
    const isFull = (): boolean => (this.idleCount() + 1) * WORKER_MB + this.#deps.otherMb() > this.#deps.poolMb;
    while (isFull()) if (!this.#endOldest(hungry)) return false;
    return true;
  }

  #endOldest(than: Group): boolean {
    const oldest = [...this.#groups.values()].filter((group) => group !== than && group.idle.length > 0 && group.usedAt <= than.usedAt)
      .sort((left, right) => left.usedAt - right.usedAt)[0];
    const idle = oldest?.idle.shift();
    if (oldest === undefined || idle === undefined) return false;
    oldest.wanted = oldest.idle.length;
    void idle.worker.child.kill();
    return true;
  }

  async #fill(group: Group, signal: AbortSignal): Promise<void> {
    try {
      await this.#deps.learnRuntime();
      const worker = await startWorker(this.#deps.guard, group.spec, { signal });
      this.#keep(group, { worker, readyAt: this.#deps.clock.monotonicMs(), stamp: this.#deps.runtimeStamp() });
    } catch (error) {
      group.pausedUntil = this.#deps.clock.monotonicMs() + FAILED_PAUSE_MS;
      const isExpected = signal.aborted || error instanceof GuardUnavailable;
      if (!isExpected) this.#deps.log.warn({ err: error, lane: group.spec.lane }, 'no worker could be made ready');
    } finally {
      this.#filling = null;
    }
    this.#pump();
  }

  #keep(group: Group, idle: Idle): void {
    if (this.#stopping.signal.aborted || this.#groups.get(group.spec.group) !== group || group.idle.length >= group.wanted) {
      void idle.worker.child.kill();
      return;
    }
    group.idle.push(idle);
    void this.#watch(group, idle);
  }

  /** A worker that dies unasked while it waits is replaced. */
  async #watch(group: Group, idle: Idle): Promise<void> {
    await idle.worker.child.exited;
    const index = group.idle.indexOf(idle);
    if (index < 0) return;
    group.idle.splice(index, 1);
    this.#deps.guard.noteWorkerLost();
    this.#pump();
  }
}

function unref(timer: NodeJS.Timeout): NodeJS.Timeout {
  return timer.unref();
}
