import type { Clock, Log } from '../../config/index.ts';
import type { ExecutionGuard } from '../guard/index.ts';
import { GuardUnavailable } from '../guard/index.ts';
import { gapsOf, heldMb, idleOf, kindsFor, takeOldest, wantedOf, WORKER_MB } from './pool-groups.ts';
import type { Gap, Group, Idle, WorkerKind } from './pool-groups.ts';
import type { WorkerNeed } from './program-needs.ts';
import { startWorker } from './start-worker.ts';
import type { ReadyWorker, WorkerSpec } from './start-worker.ts';
import { WorkerEndings } from './worker-endings.ts';

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
  /** Ends one of those that was used before this time; false = there is none. */
  releaseOther(usedBefore: number): boolean;
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

/** Warm single-use workers. A worker serves one run of the group it was made for and is never given back. */
export class WorkerPool {
  readonly #deps: WorkerPoolDeps;
  /** Entries leave by `end`, after ten idle minutes, and when memory is short. */
  readonly #groups = new Map<string, Group>();
  readonly #holds: (() => boolean)[] = [];
  readonly #endings = new WorkerEndings();
  readonly #stopping = new AbortController();
  #filling: { group: string; kind: WorkerKind; done: Promise<void>; abort: AbortController } | null = null;
  #retry: NodeJS.Timeout | null = null;
  #sweep: NodeJS.Timeout | null = null;

  constructor(deps: WorkerPoolDeps) {
    this.#deps = deps;
  }

  /** Keeps workers ready for a group from now on: `count` of those that have imported what it needs. */
  want(spec: WorkerSpec, count: number): void {
    this.#remember(spec, wantedOf(spec, 'loaded', count));
    this.#pump();
  }

  /** Makes nothing new ready while `isBusy` says so: what a waiting program could have had would be made for nobody. */
  holdWhile(isBusy: () => boolean): void {
    this.#holds.push(isBusy);
  }

  /**
   * A ready worker of the group, else a fresh one with the same guards. A fresh one imports nothing beforehand, because the program may
   * need less; but in the expert lane it does, since only what is there already can be seeded.
   */
  async claim(spec: WorkerSpec, options: { signal: AbortSignal; need: WorkerNeed }): Promise<Claimed> {
    const now = this.#deps.clock.monotonicMs();
    const isFast = now - (this.#groups.get(spec.group)?.usedAt ?? Number.NEGATIVE_INFINITY) < FAST_MS;
    const kinds = kindsFor(options.need);
    const worker = this.#take(spec, kinds);
    const known = this.#groups.get(spec.group)?.wanted;
    this.#remember(spec, spec.lane === 'expert' && known !== undefined ? known : wantedOf(spec, kinds[0] ?? 'loaded', isFast ? 2 : 1));
    if (worker !== null) return { worker, start: 'warm' };
    const signal = AbortSignal.any([options.signal, this.#stopping.signal]);
    const cold = await startWorker(this.#deps.guard, spec.lane === 'expert' ? spec : { ...spec, preload: [] }, { signal });
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
    for (const { worker } of group?.idle.splice(0) ?? []) void this.#endings.end(worker);
    if (this.#filling?.group === groupId) {
      this.#filling.abort.abort(new Error('the group is over'));
      await this.#filling.done;
    }
    await this.#endings.settled(groupId);
  }

  idleCount(groupId?: string): number {
    const groups = groupId === undefined ? [...this.#groups.values()] : [this.#groups.get(groupId)];
    return groups.reduce((sum, group) => sum + (group?.idle.length ?? 0), 0);
  }

  /** What the idle workers hold of the budget, the one that is being started included. */
  get heldMb(): number {
    return heldMb(this.#groups.values()) + (this.#filling === null ? 0 : WORKER_MB[this.#filling.kind]);
  }

  get isFilling(): boolean {
    return this.#filling !== null;
  }

  /** Ends an idle worker of the group that was used longest ago, if that was before this time. */
  releaseOldest(usedBefore: number): boolean {
    return this.#endOldest({ usedAt: usedBefore });
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
    await this.#endings.settled();
  }

  #remember(spec: WorkerSpec, wanted: Group['wanted']): void {
    if (this.#stopping.signal.aborted || this.#deps.poolMb < WORKER_MB.bare) return;
    const group = this.#groups.get(spec.group);
    const usedAt = this.#deps.clock.monotonicMs();
    if (group === undefined) this.#groups.set(spec.group, { spec, wanted, usedAt, pausedUntil: 0, idle: [] });
    else Object.assign(group, { spec, usedAt, wanted });
    this.#sweep ??= unref(setInterval(() => this.#endIdle(), SWEEP_MS));
  }

  #take(spec: WorkerSpec, kinds: readonly WorkerKind[]): ReadyWorker | null {
    const group = this.#groups.get(spec.group);
    if (group === undefined) return null;
    this.#dropStale(group, spec);
    for (const kind of kinds) {
      for (const idle of group.idle.filter((each) => each.kind === kind)) {
        group.idle.splice(group.idle.indexOf(idle), 1);
        if (idle.worker.child.isAlive()) return idle.worker;
      }
    }
    return null;
  }

  /** Workers of another workspace, another runtime or a bygone age are ended. */
  #dropStale(group: Group, spec: WorkerSpec): void {
    const now = this.#deps.clock.monotonicMs();
    const stamp = this.#deps.runtimeStamp();
    const isGood = (idle: Idle): boolean =>
      idle.stamp === stamp && now - idle.readyAt < MAX_AGE_MS && idle.worker.spec.workspace.folder === spec.workspace.folder;
    for (const idle of group.idle.filter((each) => !isGood(each))) void this.#endings.end(idle.worker);
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

  /** Starts one fill if something is missing and fits; one at a time. */
  #pump(): void {
    if (this.#filling !== null || this.#stopping.signal.aborted) return;
    const gaps = gapsOf(this.#groups.values(), this.#deps.clock.monotonicMs());
    if (gaps.length === 0) return;
    if (!this.#deps.mayFill() || this.#holds.some((isBusy) => isBusy())) return this.#pumpAfter(RETRY_MS);
    const isShort = this.#deps.freeMemory() < 0.15;
    if (isShort && gaps[0] !== undefined) this.#endOldest(gaps[0].group);
    const gap = isShort ? undefined : gaps.find((each) => this.#makeRoom(each));
    if (gap === undefined) return;
    const abort = new AbortController();
    this.#filling = { group: gap.group.spec.group, kind: gap.kind, abort, done: this.#fill(gap, AbortSignal.any([abort.signal, this.#stopping.signal])) };
  }

  #pumpAfter(ms: number): void {
    if (this.#stopping.signal.aborted) return;
    this.#retry ??= unref(setTimeout(() => {
      this.#retry = null;
      this.#pump();
    }, ms));
  }

  /** Ends idle workers of groups that were used longer ago, then others that share the budget, until this one fits. False when it does not. */
  #makeRoom({ group, kind }: Gap): boolean {
    const room = (): number => this.#deps.poolMb - this.#deps.otherMb() - WORKER_MB[kind] - heldMb(this.#groups.values());
    while (room() < 0) if (!this.#endOldest(group) && !this.#deps.releaseOther(group.usedAt)) return false;
    return true;
  }

  #endOldest(than: Pick<Group, 'usedAt'>): boolean {
    const idle = takeOldest(this.#groups.values(), than);
    if (idle !== null) void this.#endings.end(idle.worker);
    return idle !== null;
  }

  async #fill({ group, kind }: Gap, signal: AbortSignal): Promise<void> {
    try {
      await this.#deps.learnRuntime();
      const spec = kind === 'bare' ? { ...group.spec, preload: [] } : group.spec;
      const worker = await startWorker(this.#deps.guard, spec, { signal });
      this.#keep(group, { worker, kind, readyAt: this.#deps.clock.monotonicMs(), stamp: this.#deps.runtimeStamp() });
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
    const isMissing = this.#groups.get(group.spec.group) === group && idleOf(group, idle.kind) < group.wanted[idle.kind];
    if (this.#stopping.signal.aborted || !isMissing) return void this.#endings.end(idle.worker);
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
