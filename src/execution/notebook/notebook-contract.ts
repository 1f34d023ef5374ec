import type { Clock, Config, Ids, Log } from '../../config/index.ts';
import type { CellAnswer, CellRequest } from '../../contracts/index.ts';
import type { Store } from '../../store/index.ts';
import type { ExecutionGuard } from '../guard/index.ts';
import type { TaskTimes } from './cells/run-task.ts';
import type { GatewayStart, GatewayState } from './gateway/gateway.ts';
import type { GatewayTimes } from './gateway/gateway-times.ts';
import type { AskTimes } from './kernels/ask-kernel.ts';
import type { JupyterKernels } from './kernels/jupyter-kernels.ts';
import type { KernelPool, SpareBudget } from './kernels/kernel-pool.ts';

/** Folders of a session, as real absolute paths. */
export interface NotebookFolders { folder: string; workspace: string; uploads: string; home: string }

/** A workspace file with its tag, and the way to replace it at once. */
export interface NotebookFiles {
  readRaw(sessionId: string, name: string): Promise<{ bytes: Uint8Array; etag: string }>;
  writeBytes(sessionId: string, name: string, change: { bytes: Uint8Array; ifMatch: string | null; maxBytes?: number }): Promise<{ size_bytes: number; etag: string }>;
}

export interface NotebooksDeps {
  guard: ExecutionGuard;
  store: Store;
  config: Pick<Config, 'execution'>;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Throws SESSION_NOT_FOUND. */
  foldersOf(sessionId: string): NotebookFolders | Promise<NotebookFolders>;
  files: NotebookFiles;
  /** Private folder for kernels that belong to no session. */
  scratchDir: string;
  /** Takes secrets out of what goes into prompts. */
  redact(text: string): string;
  /** 0..1; spreads attempts to reach a gateway again. */
  random(): number;
  /** How spare kernels share memory and processor with what else is kept ready; default: they have the pool for themselves. */
  spares?: Partial<Omit<SpareBudget, 'poolMb'>>;
  /** Other times, for tests. */
  times?: Partial<TaskTimes & AskTimes>;
  gatewayTimes?: Partial<GatewayTimes>;
}

/** Encoded frames of one cell. Leaving neither stops nor slows it. */
export interface CellFrames extends AsyncDisposable { readonly frames: AsyncIterable<string>; readonly dropped: AbortSignal }

export interface NotebookStatus {
  state: 'none' | 'starting' | 'idle' | 'busy' | 'dead';
  /** The exact state. */
  detail: string;
  execution_count: number;
  python: string | null;
  started_at: string | null;
  guards: unknown;
  warnings: readonly string[];
  kernel_id: string | null;
  origin: 'pipe' | 'gateway';
  /** What the kernel sees of the workspace; `none` = its own files only. */
  files: 'local' | 'shared' | 'none';
  state_lost: boolean;
  /** How the gateway was at the last call, and the steps of this session's last start there; null without one. */
  gateway: (GatewayState & { start: GatewayStart | null }) | null;
}

export interface CursorRequest { code: string; cursor_pos: number }

/** Notebooks of sessions: one kernel each for these routes, started on first use. Unknown sessions: SESSION_NOT_FOUND. */
export interface Notebooks {
  /** Runs a cell to its end, whoever still listens. Throws EXECUTION_UNAVAILABLE, LANE_REFUSED, QUEUE_FULL, NOTEBOOK_INVALID, FILE_NOT_FOUND. */
  runCell(sessionId: string, request: CellRequest): Promise<CellAnswer>;
  streamCell(sessionId: string, request: CellRequest): Promise<CellFrames>;
  /** Resolves after the running cell has ended. */
  interrupt(sessionId: string): Promise<{ success: boolean }>;
  restart(sessionId: string): Promise<{ success: boolean; status: string }>;
  reset(sessionId: string): Promise<{ success: true }>;
  /** Answers the one open input request. Throws KERNEL_NOT_FOUND when it is not open. */
  input(sessionId: string, answer: { request_id: string; value: string }): Promise<void>;
  status(sessionId: string): NotebookStatus;
  /** Throws KERNEL_BUSY when the kernel cannot answer within a second. */
  complete(sessionId: string, request: CursorRequest): Promise<{ matches: string[]; cursor_start: number; cursor_end: number }>;
  inspect(sessionId: string, request: CursorRequest): Promise<{ found: boolean; data: Record<string, unknown> }>;
  isComplete(sessionId: string, code: string): Promise<{ status: string; indent: string }>;
  /** Makes a kernel ready for a session that is of interest. Never throws. */
  prepare(sessionId: string): void;
  /** Ends kernels of a session; resolves when their processes are gone. */
  endSession(sessionId: string): Promise<void>;
  /** Ends what has been idle for too long; called by a timer. */
  cull(): Promise<void>;
  /** Ends remote kernels that an earlier process left, in the background. */
  recover(): void;
  /** How the gateway of the kernels is right now; null where they run here. Never throws. */
  gateway(): Promise<GatewayState | null>;
  active(): { kernels: number; busy: number };
  /** The spare kernels, for what shares the budget with them. */
  readonly spares: Pick<KernelPool, 'heldMb' | 'isFilling' | 'releaseOldest'>;
  stop(): Promise<void>;
  /** What `/jupyter` speaks to. */
  readonly jupyter: JupyterKernels;
}
