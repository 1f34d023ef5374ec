import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../../config/index.ts';
import type { Lane } from '../../contracts/index.ts';
import type { ChildTree } from './child-tree.ts';
import type { Backend, ChildPaths, ExitFacts, GuardedChild, GuardId, GuardState, KillFacts, LaneLimits, LimitHit } from './guard-contract.ts';
import { agreeLimits } from './lane-limits.ts';

const POLL_MS = 1;
const ASK_AGAIN_MS = 500;
const GONE_MS = 2_000;

/** Meters of one child, system by system. */
export interface ChildMeters {
  arm(limits: LaneLimits): void;
  finish(): { hit: LimitHit | null; usage: Pick<ExitFacts, 'cpuMs' | 'peakBytes' | 'peakProcesses' | 'refusedForks'> };
}

/** Parts of a child that has just been started. */
export interface ProcessParts {
  id: string;
  lane: Lane;
  backend: Backend;
  process: ChildProcess;
  stdio: { stdin: Writable; stdout: Readable; stderr: Readable };
  paths: { host: ChildPaths; guest: ChildPaths };
  guards: Record<GuardId, GuardState>;
  warnings: readonly string[];
  limits: { held: LaneLimits; caps: LaneLimits };
  tree: ChildTree;
  meters: ChildMeters;
  /** The launcher's word about the main process, if there is one; it comes before the launcher ends. */
  reportedExit(): { code: number | null; signal: NodeJS.Signals | null } | null;
  clock: Clock;
  /** Removes run folder, group and ledger line, once nothing of the tree lives. */
  cleanUp(): Promise<void>;
}

/** One running child: owns its meters, its limits and its end. */
export class GuardedProcess implements GuardedChild {
  readonly id: string;
  readonly pid: number;
  readonly lane: Lane;
  readonly backend: Backend;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly host: ChildPaths;
  readonly guest: ChildPaths;
  readonly guards: Readonly<Record<GuardId, GuardState>>;
  readonly warnings: readonly string[];
  readonly exited: Promise<ExitFacts>;
  readonly empty: Promise<KillFacts>;
  readonly gone: Promise<KillFacts>;
  readonly #parts: ProcessParts;
  readonly #startedMs: number;
  readonly #listeners = new Set<(hit: LimitHit) => void>(); // emptied by the first hit
  #limits: LaneLimits;
  #limit: LimitHit | null = null;
  #killedAtMs: number | null = null;

  constructor(parts: ProcessParts) {
    this.#parts = parts;
    this.id = parts.id;
    this.pid = parts.process.pid ?? 0;
    this.lane = parts.lane;
    this.backend = parts.backend;
    ({ stdin: this.stdin, stdout: this.stdout, stderr: this.stderr } = parts.stdio);
    ({ host: this.host, guest: this.guest } = parts.paths);
    this.guards = parts.guards;
    this.warnings = parts.warnings;
    this.#limits = parts.limits.held;
    this.#startedMs = parts.clock.monotonicMs();
    this.exited = new Promise((resolve) => parts.process.once('exit', (code, signal) => resolve(this.#readExit(code, signal))));
    this.empty = this.exited.then(() => this.#waitUntilEmpty());
    this.gone = this.empty.then(async (facts) => {
      await this.#parts.cleanUp();
      return facts;
    });
  }

  get limit(): LimitHit | null { return this.#limit; }

  isAlive(): boolean {
    return this.#isRunning() && !this.#parts.tree.isDoomed();
  }

  onLimit(listener: (hit: LimitHit) => void): void {
    if (this.#limit === null) this.#listeners.add(listener);
    else listener(this.#limit);
  }

  arm(limits: Partial<LaneLimits>): LaneLimits {
    this.#limits = agreeLimits(this.#parts.limits.caps, this.#limits, limits);
    if (this.#isRunning()) {
      this.#parts.meters.arm(this.#limits);
      this.#parts.tree.holdMounts();
    }
    return this.#limits;
  }

  kill(): Promise<KillFacts> {
    if (this.#killedAtMs === null && this.#isRunning()) {
      this.#killedAtMs = this.#parts.clock.monotonicMs();
      this.#parts.tree.kill();
      const again = setTimeout(() => this.#parts.tree.kill(), ASK_AGAIN_MS);
      void this.exited.then(() => clearTimeout(again));
    }
    return this.gone;
  }

  /** Notes a broken limit, tells who listens and ends the tree. Only the first counts. */
  hit(hit: LimitHit): void {
    if (this.#limit !== null || !this.#isRunning()) return;
    this.#limit = hit;
    for (const listener of this.#listeners) listener(hit);
    this.#listeners.clear();
    void this.kill();
  }

  #isRunning(): boolean {
    return this.#parts.process.exitCode === null && this.#parts.process.signalCode === null;
  }

  #readExit(code: number | null, signal: NodeJS.Signals | null): ExitFacts {
    const { hit, usage } = this.#parts.meters.finish();
    this.#limit ??= hit;
    this.#listeners.clear();
    const end = this.#parts.reportedExit() ?? { code, signal };
    const lifetimeMs = Math.round(this.#parts.clock.monotonicMs() - this.#startedMs);
    return { ...end, limit: this.#limit, killed: this.#killedAtMs !== null, ...usage, lifetimeMs };
  }

  /** What the main process left running is ended too. */
  async #waitUntilEmpty(): Promise<KillFacts> {
    const { tree, clock } = this.#parts;
    const start = this.#killedAtMs ?? clock.monotonicMs();
    const until = clock.monotonicMs() + GONE_MS;
    let isEmpty = tree.isEmpty();
    while (!isEmpty && clock.monotonicMs() < until) {
      tree.kill();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      isEmpty = tree.isEmpty();
    }
    const tookMs = Math.round(clock.monotonicMs() - start);
    tree.close();
    return { proven: isEmpty && tree.givesProof, tookMs, survivors: isEmpty ? 0 : 1 };
  }
}
