import { freemem, totalmem } from 'node:os';
import type { Clock, Log } from '../../../config/index.ts';
import type { KernelConnection } from '../connection/kernel-connection.ts';

const KERNEL_MB = 100;
/** Share of the memory that must be available before a spare is made. */
const LEAST_FREE = 0.15;
/** A spare that is alive answers within this, also on a busy machine. */
const PROBE_MS = 2_000;
const IDLE_MS = 600_000;
const MAX_AGE_MS = 6 * 3_600_000;

export interface KernelPoolOptions {
  /** 0 = no pool. */
  poolMb: number;
  start(sessionId: string, signal: AbortSignal, isSpare: boolean): Promise<KernelConnection>;
  clock: Clock;
  log: Log;
}

interface Spare { connection: KernelConnection; sinceMs: number; usedMs: number }

/** Keeps one ready kernel per session of interest, within a memory budget; the least recently used session loses first. */
export class KernelPool {
  readonly #options: KernelPoolOptions;
  readonly #spares = new Map<string, Spare>(); // left by claim, age, budget, session end and stop
  readonly #stop = new AbortController();
  #filling: Promise<void> = Promise.resolve();
  readonly #wanted = new Set<string>(); // sessions whose spare is to be made
  #making: { sessionId: string; done: Promise<void> } | null = null;

  constructor(options: KernelPoolOptions) {
    this.#options = options;
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

  /** Makes a spare in the background, one at a time. */
  warm(sessionId: string): void {
    const room = Math.floor(this.#options.poolMb / KERNEL_MB);
    const spare = this.#spares.get(sessionId);
    if (spare !== undefined) spare.usedMs = this.#options.clock.monotonicMs();
    if (freemem() < LEAST_FREE * totalmem()) return;
    if (room < 1 || spare !== undefined || this.#wanted.has(sessionId) || this.#stop.signal.aborted) return;
    this.#wanted.add(sessionId);
    this.#filling = this.#filling.then(async () => {
      this.#making = { sessionId, done: this.#fill(sessionId, room) };
      await this.#making.done;
      this.#making = null;
    });
  }

  /** Ends what is idle too long or too old. */
  async tidy(): Promise<void> {
    const now = this.#options.clock.monotonicMs();
    const old = [...this.#spares].filter(([, spare]) => now - spare.usedMs > IDLE_MS || now - spare.sinceMs > MAX_AGE_MS);
    for (const [sessionId] of old) await this.drop(sessionId);
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
    await Promise.all([...this.#spares.keys()].map((sessionId) => this.drop(sessionId)));
    await this.#filling;
  }

  async #fill(sessionId: string, room: number): Promise<void> {
    if (!this.#wanted.has(sessionId) || this.#stop.signal.aborted) return;
    try {
      const connection = await this.#options.start(sessionId, this.#stop.signal, true);
      if (!this.#wanted.has(sessionId) || this.#stop.signal.aborted) return void await connection.kill('cancelled', 'not needed');
      const now = this.#options.clock.monotonicMs();
      this.#spares.set(sessionId, { connection, sinceMs: now, usedMs: now });
      void connection.gone.then(() => { if (this.#spares.get(sessionId)?.connection === connection) this.#spares.delete(sessionId); });
      await this.#shrinkTo(room);
    } catch (error) {
      this.#options.log.debug({ error: String(error) }, 'no spare kernel');
    } finally {
      this.#wanted.delete(sessionId);
    }
  }

  async #shrinkTo(room: number): Promise<void> {
    while (this.#spares.size > room) {
      const [oldest] = [...this.#spares].sort(([, left], [, right]) => left.usedMs - right.usedMs);
      if (oldest !== undefined) await this.drop(oldest[0]);
    }
  }
}
