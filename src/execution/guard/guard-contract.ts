import type { Readable, Writable } from 'node:stream';
import type { Clock, Config, Ids, Log } from '../../config/index.ts';
import type { Lane } from '../../contracts/index.ts';

export const GUARD_IDS = [
  'files_write', 'files_read', 'network', 'environment', 'memory', 'cpu', 'processes', 'open_files', 'disk', 'output', 'wall_time',
  'signals', 'kill_tree', 'parent_death', 'interrupt',
] as const;

/** One enforced property; `signals` are those to processes outside the tree. */
export type GuardId = (typeof GUARD_IDS)[number];
export type GuardState = 'enforced' | 'degraded' | 'absent';

export interface Guard {
  state: GuardState;
  /** Who keeps it, such as `bwrap+seccomp` or `launcher`. */
  by: string;
  reason: string | null;
  /** One command that closes the gap. */
  fix: string | null;
  /** How far a watched limit can be passed before the run ends. */
  overshoot: string | null;
  tested: 'passed' | 'failed' | 'not_testable';
}

export type Backend = 'bwrap' | 'landlock' | 'seatbelt' | 'appcontainer' | 'low_integrity' | 'srt' | 'remote' | 'none';

export interface LaneCapability {
  available: boolean;
  reason: string | null;
  backend: Backend;
  network: 'off' | 'hosts';
  guards: Record<GuardId, Guard>;
  /** What the lane needs; it is refused without. */
  minimum: GuardId[];
  warnings: string[];
}

/** What really holds here, lane by lane, as the self-test saw it. */
export interface CapabilityReport {
  platform: string;
  arch: string;
  os_release: string;
  python: string | null;
  policy_version: number;
  tested_at: string;
  took_ms: number;
  lanes: Record<Lane, LaneCapability>;
}

/** Limits of one child. All sizes in bytes, all times in milliseconds. */
export interface LaneLimits {
  /** Processor time of the tree from `arm` on; null = only the wall time counts. */
  cpuMs: number | null;
  memoryBytes: number;
  processes: number;
  /** Processes and threads together. */
  threads: number;
  openFiles: number;
  fileBytes: number;
  disk: DiskLimits;
  temporaryBytes: number;
}

/** What a run may add to its folders, and what may be there in all. */
export interface DiskLimits {
  runBytes: number;
  runEntries: number;
  totalBytes: number;
  totalEntries: number;
  depth: number;
}

/** Folders of one child, as real absolute paths of the host. */
export interface WorkspaceSpec {
  /** User, notebook: the session's workspace. Expert: the folder that holds `inputs/` and `out/`. */
  folder: string;
  /** The session's private home, made when missing; null in the expert lane, whose home is in `out/`. */
  home: string | null;
  /** Packages installed under a `hosts:` policy; last on the import path. */
  packages: string | null;
  /** Whose it is; names the package of an AppContainer. */
  sessionId: string;
}

/** A program of `python/sidecar_rt`. It gets one argument: the run folder as it sees it. */
export interface ProgramSpec {
  script: 'worker.py' | 'kernel.py' | 'selftest.py';
  /** Value of `MPLBACKEND`. */
  matplotlibBackend: string;
}

export interface SpawnOptions {
  /** Limits until `arm`; default: the lane's. */
  limits?: LaneLimits;
  /** Ends the wait for the report and the start, not the child. */
  signal?: AbortSignal;
}

export type LimitKind = 'memory' | 'cpu' | 'processes' | 'disk' | 'volume';

/** A limit that the host, the kernel or the launcher saw broken. */
export interface LimitHit {
  kind: LimitKind;
  /** What was measured, in the unit of the limit. */
  value: number;
  /** What was allowed. */
  limit: number;
  detail: string;
}

/** How the main process ended. Host facts: nothing here was said by the guest. */
export interface ExitFacts {
  /** As the system says it; bwrap reports a signal n of the program as 128 + n. */
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The first limit that was hit. */
  limit: LimitHit | null;
  /** True when `kill` or a limit ended it. */
  killed: boolean;
  cpuMs: number | null;
  peakBytes: number | null;
  peakProcesses: number | null;
  /** How often the system refused a new process or thread; null where it does not count. */
  refusedForks: number | null;
  lifetimeMs: number;
}

/** A tree that was ended: how long it took until nothing of it lived. `proven` is false where the system gives no proof. */
export interface KillFacts { proven: boolean; tookMs: number; survivors: number }

/** The child's folders, seen from both sides. */
export interface ChildPaths { workspace: string; runFolder: string; home: string; temporary: string }

/** One running, guarded program and its tree. */
export interface GuardedChild {
  readonly id: string;
  readonly pid: number;
  readonly lane: Lane;
  readonly backend: Backend;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly host: ChildPaths;
  readonly guest: ChildPaths;
  /** States of the guards that were on when it was started. */
  readonly guards: Readonly<Record<GuardId, GuardState>>;
  readonly warnings: readonly string[];
  /** The main process has ended; pipes may still hold text. Never rejects. */
  readonly exited: Promise<ExitFacts>;
  /** After `exited`: no process of the tree lives. Never rejects. */
  readonly empty: Promise<KillFacts>;
  /** After `empty`: run folder and cgroup are removed too. Never rejects. */
  readonly gone: Promise<KillFacts>;
  /**
   * Starts the meters and sets this run's limits, never above the lane's caps; call it right before the job is sent. The answer is
   * what holds; the program applies the rlimits among it (`guarded.limit(…)` of the bootstrap) before it runs code of others.
   */
  arm(limits: Partial<LaneLimits>): LaneLimits;
  /** False as soon as its end can be seen, also before `exited` tells of it. Asked before it is given work. */
  isAlive(): boolean;
  /** The limit that was hit so far. */
  readonly limit: LimitHit | null;
  /** Called at most once, just before the guard ends the tree for it. */
  onLimit(listener: (hit: LimitHit) => void): void;
  /** Ends the tree at once and resolves when it is gone. Idempotent. */
  kill(): Promise<KillFacts>;
}

/** A guard that was enforced failed at the start of this child. Nothing is retried in a weaker form. */
export class GuardUnavailable extends Error {
  override readonly name = 'GuardUnavailable';
  readonly reason: 'guard_unavailable' | 'python_unavailable';

  constructor(reason: 'guard_unavailable' | 'python_unavailable', detail: string, options: { cause?: unknown } = {}) {
    super(detail, options);
    this.reason = reason;
  }
}

/** Where Python is, or what was looked for in vain. */
export type PythonSearch = { found: true; runtime: PythonRuntime } | { found: false; reason: string; fix: string };

/** An interpreter that has what the lanes need. */
export interface PythonRuntime {
  executable: string;
  version: string;
  /** Folders the interpreter reads: prefix and base prefix, links resolved. */
  roots: string[];
  packages: Record<string, string>;
  origin: string;
}

export interface GuardDependencies {
  config: Pick<Config, 'programDir' | 'homeDir' | 'python' | 'execution'>;
  /** Private folder of this service: reports, ledger of children, run folders. */
  stateDir: string;
  /** False leaves control groups alone, as on a machine where they are not ours; default: used where they can be. */
  useCgroups?: boolean;
  clock: Clock;
  ids: Ids;
  log: Log;
}

/** The one door to child processes that run Python. */
export interface ExecutionGuard {
  /** Runs the self-test, or takes its cached result. Called in the background after the start; `fresh` forces a new test. */
  probe(options?: { fresh?: boolean; signal?: AbortSignal }): Promise<CapabilityReport>;
  /** The report if there is one by now. */
  report(): CapabilityReport | null;
  python(): Promise<PythonSearch>;
  /**
   * Starts Python in a lane. Throws `EXECUTION_UNAVAILABLE` without Python, `LANE_REFUSED` below the lane's minimum (before any
   * process starts), `GuardUnavailable` when a part fails at the start.
   */
  spawnGuarded(request: SpawnRequest): Promise<GuardedChild>;
  /** Makes matplotlib's slow font cache once, so that no run pays for it; false where it could not be made. For the background. */
  prepareFonts(): Promise<boolean>;
  /** Ends what an earlier host left behind; before the first spawn at the latest. */
  sweep(): Promise<{ killed: number; removed: number }>;
  /** Children alive now, and those of which only folders are left, which are being removed. */
  children(): { live: number; leaving: number; byLane: Record<Lane, number> };
  /** Tells the guard that a worker vanished; three in a minute make it test again. */
  noteWorkerLost(): void;
  /** Ends every tree and the meters. */
  stop(): Promise<void>;
}

/** What `spawnGuarded` needs to know. */
export interface SpawnRequest { lane: Lane; program: ProgramSpec; workspace: WorkspaceSpec; options?: SpawnOptions }
