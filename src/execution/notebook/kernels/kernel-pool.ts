import type { Clock, Log } from '../../../config/index.ts';
import type { KernelConnection } from '../connection/kernel-connection.ts';

const KERNEL_MB = 100;
/** Share of the memory that must be available before a spare is made, and below which none is kept. */
const LEAST_FREE = 0.15;
/** A spare that is alive answers within this, also on a busy machine. */
const PROBE_MS = 2_000;
const IDLE_MS = 600_000;
const MAX_AGE_MS = 6 * 3_600_000;
const RETRY_MS = 250;
/** The cell that took a spare comes first: the next one is made when it is likely to be over. */
const REFILL_MS = 400;

/** The memory that spare kernels share with idle workers. */
export interface SpareBudget {
  /** 0 = no pool. */
  poolMb: number;
  /** What the others hold of it. */
  otherMb(): number;
  /** Ends one of the others that was used before this time; false = there is none. */
  releaseOther(usedBefore: number): boolean;
  /** Share of the machine's memory that is available, 0 to 1. */
  freeMemory(): number;
  /** False while something more urgent wants the processor. */
  mayFill(): boolean;
}

export interface KernelPoolOptions extends SpareBudget {
  start(sessionId: string, signal: AbortSignal, isSpare: boolean): Promise<KernelConnection>;
  clock: Clock;
  log: Log;
}

interface Spare { connection: KernelConnection; sinceMs: number; usedMs: number }

/** Keeps one ready kernel per session of interest, within a memory budget; the least recently used session loses first. */
export class KernelPool {
  readonly #options: KernelPoolOptions;
  readonly #spares = new Map<string, Spare>(); // left by claim, age, budget, session end and stop
  readonly #wanted = new Map<string, number>(); // sessions whose spare is to be made, with their last use; left by the fill
  readonly #stop = new AbortController();
  #making: { sessionId: string; done: Promise<void> } | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: KernelPoolOptions) {
    this.#options = options;
  }

  /** What the spares hold of the budget, the one that is being made included. */
  get heldMb(): number {
    return (this.#spares.size + (this.#making === null ? 0 : 1)) * KERNEL_MB;
  }

  get isFilling(): boolean {
    return this.#making !== null;
  }

  /** A spare if one lives or is being made, else a new process. */
  async claim(sessionId: string, signal: AbortSignal): Promise<KernelConnection> {
    if (this.#making?.sessionId === sessionId) await this.#making.done;
    else this.#wanted.delete(sessionId); // Still waiting for its turn: the caller is first.
    const spare = this.#spares.get(sessionId);
    this.#spares.delete(sessionId);
    if (spare !== undefined) {
      if (await spare.connection.ping(PROBE_MS)) return spare.connection;
      await spare.connection.kill('worker_lost', 'silent');
    }
    return await this.#options.start(sessionId, AbortSignal.any([signal, this.#stop.signal]), false);
  }

  /** Makes a spare in the background, one at a time; at once, or when the spare before it has been put to use. */
  warm(sessionId: string, when: 'now' | 'later' = 'now'): void {
    if (this.#stop.signal.aborted || this.#options.poolMb < KERNEL_MB) return;
    this.touch(sessionId);
    if (this.#spares.has(sessionId) || this.#making?.sessionId === sessionId) return;
    this.#wanted.set(sessionId, this.#options.clock.monotonicMs());
    if (when === 'now') this.#pump();
    else this.#pumpAfter(REFILL_MS);
  }

  /** The session is in use: its spare is not idle. */
  touch(sessionId: string): void {
    const spare = this.#spares.get(sessionId);
    if (spare !== undefined) spare.usedMs = this.#options.clock.monotonicMs();
  }

  /** Ends what is idle too long or too old, and everything when memory is short. */
  async tidy(): Promise<void> {
    const now = this.#options.clock.monotonicMs();
    const isShort = this.#options.freeMemory() < LEAST_FREE;
    const old = [...this.#spares].filter(([, spare]) => isShort || now - spare.usedMs > IDLE_MS || now - spare.sinceMs > MAX_AGE_MS);
    await Promise.all(old.map(([sessionId]) => this.drop(sessionId)));
  }

  /** Ends the spare of the session that was used longest ago, if that was before this time. */
  releaseOldest(usedBefore: number): boolean {
    const [oldest] = [...this.#spares].sort(([, left], [, right]) => left.usedMs - right.usedMs);
    if (oldest === undefined || oldest[1].usedMs >= usedBefore) return false;
    void this.drop(oldest[0]);
    return true;
  }

  /** Ends the spare of a session, also one that is being made. */
  async release(sessionId: string): Promise<void> {
    this.#wanted.delete(sessionId);
    if (this.#making?.sessionId === sessionId) await this.#making.done;
    await this.drop(sessionId);
  }

  async drop(sessionId: string): Promise<void> {
    const spare = this.#spares.get(sessionId);
    this.#spares.delete(sessionId);
    await spare?.connection.kill('cancelled', 'not needed');
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the pool is stopped'));
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#wanted.clear();
    await Promise.all([...this.#spares.keys()].map((sessionId) => this.drop(sessionId)));
    await this.#making?.done;
  }

  /** Starts one fill if something is wanted. */
  #pump(): void {
    if (this.#making !== null || this.#stop.signal.aborted) return;
    const [next] = [...this.#wanted].sort(([, left], [, right]) => right - left);
    if (next === undefined) return;
    if (!this.#options.mayFill()) return this.#pumpAfter(RETRY_MS);
    const [sessionId, usedMs] = next;
    if (!this.#makeRoom(usedMs)) this.#wanted.clear(); // The others were used longer ago.
    else this.#making = { sessionId, done: this.#fill(sessionId, usedMs) };
  }

  #pumpAfter(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#pump();
    }, ms).unref();
  }

  /** Ends what was used longer ago, until one more fits. False when it does not. */
  #makeRoom(usedMs: number): boolean {
    if (this.#options.freeMemory() < LEAST_FREE) return false;
    const { poolMb, otherMb, releaseOther } = this.#options;
    while (this.heldMb + KERNEL_MB + otherMb() > poolMb) {
      if (!this.releaseOldest(usedMs) && !releaseOther(usedMs)) return false;
    }
    return true;
  }

  async #fill(sessionId: string, usedMs: number): Promise<void> {
    try {
      const connection = await this.#options.start(sessionId, this.#stop.signal, true);
      if (!this.#wanted.has(sessionId) || this.#stop.signal.aborted) await connection.kill('cancelled', 'not needed');
      else this.#keep(sessionId, { connection, sinceMs: this.#options.clock.monotonicMs(), usedMs });
    } catch (error) {
      this.#options.log.debug({ error: String(error) }, 'no spare kernel');
    } finally {
      this.#wanted.delete(sessionId);
      this.#making = null;
    }
    this.#pump();
  }

  #keep(sessionId: string, spare: Spare): void {
    this.#spares.set(sessionId, spare);
    void spare.connection.gone.then(() => { if (this.#spares.get(sessionId) === spare) this.#spares.delete(sessionId); });
  }
}
