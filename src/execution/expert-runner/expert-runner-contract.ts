import type { Clock, Config, Ids, Log } from '../../config/index.ts';
import type { Language } from '../../contracts/index.ts';
import type { Store } from '../../store/index.ts';
import type { ExecutionGuard } from '../guard/index.ts';
import type { Reason, RunReport, WorkerPool } from '../worker/index.ts';

export interface ExpertRunnerDeps {
  guard: ExecutionGuard;
  pool: WorkerPool;
  store: Store;
  config: Pick<Config, 'execution'>;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Private folder of this service, in which consultations get their workspaces. */
  workDir: string;
  /** Another time from the interrupt to the kill, for tests. */
  stopGraceMs?: number;
}

/** A file that an expert may read. `source` is a path of the host that nobody but the host can change. */
export interface ExpertInput { name: string; bytes: Uint8Array }

/** A file of `out/`, kept with its hash. `path` is relative to `out/`. */
export interface ExpertArtifact { path: string; size_bytes: number; mime: string; sha256: string }

export interface ExpertWorkspaceRequest {
  sessionId: string;
  consultationId: string;
  /** Already chosen and sorted by the caller; at most 10 files and 20 MB. */
  inputs: readonly ExpertInput[];
}

/** The workspace of one consultation: `inputs/` read-only, `out/` writable. Disposing keeps nothing. */
export interface ExpertWorkspace extends AsyncDisposable {
  readonly sessionId: string;
  readonly consultationId: string;
  readonly folder: string;
  /** Files of `out/` now. */
  artifacts(): Promise<ExpertArtifact[]>;
  /** Copies the files of `out/` to a folder of the host and returns them. */
  keepArtifacts(folder: string): Promise<ExpertArtifact[]>;
}

/** One call of a tool that runs in the lane. */
export interface ExpertCall {
  workspace: ExpertWorkspace;
  expertId: string;
  turnIndex: number | null;
  code: string;
  argv?: readonly string[];
  stdin?: string;
  /** At most 20 s. */
  timeoutMs?: number;
  language: Language;
  signal: AbortSignal;
  /** Told once the call is recorded, before its process begins. */
  onStart?(executionId: string): void;
}

/** What came of a call. Paths of the host read `/workspace`. */
export interface ExpertCallResult {
  executionId: string;
  ok: boolean;
  reason: Reason;
  exitCode: number;
  stdout: string;
  stderr: string;
  message: string;
  hints: RunReport['hints'];
  error: RunReport['error'];
  durationMs: number;
  truncated: RunReport['truncated'];
  guards: RunReport['guards'];
  /** Files of `out/` that are new or changed. */
  files: ExpertArtifact[];
}

/** The expert lane: one guarded, fresh, deterministic process per call. */
export interface ExpertRunner {
  /** What keeps the lane from running, or null. Tools of the lane are offered to models only when null. */
  refusal(): Promise<string | null>;
  openWorkspace(request: ExpertWorkspaceRequest): Promise<ExpertWorkspace>;
  /** Throws EXECUTION_UNAVAILABLE, and LANE_REFUSED with the missing guards before any process starts. */
  run(call: ExpertCall): Promise<ExpertCallResult>;
  /** Ends calls and workers of a session's consultations. */
  endSession(sessionId: string): Promise<void>;
  /** Removes workspaces that an earlier process left. */
  recover(): Promise<void>;
  stop(): Promise<void>;
}
