import type { RunAnswer } from '../../contracts/index.ts';
import type { ExitFacts, GuardId, GuardState, LaneLimits, LimitHit } from '../guard/index.ts';

/** Why a program ended; the closed set of every result and record. */
export const REASONS = [
  'ok', 'output_limit', 'error', 'syntax_error', 'exit', 'timeout', 'cpu_limit', 'memory_limit', 'disk_limit', 'process_limit',
  'sandbox_denied', 'cancelled', 'crashed', 'killed', 'worker_lost', 'guard_unavailable', 'python_unavailable',
] as const;
export type Reason = (typeof REASONS)[number];
export type Outcome = RunAnswer['outcome'];

export const HINTS = [
  'no_input', 'shadowed_module', 'missing_package', 'network_off', 'outside_workspace', 'figure_not_shown', 'encoding', 'memory',
  'dev_stdout',
] as const;
export type Hint = (typeof HINTS)[number];

export type StreamName = 'stdout' | 'stderr';

/** How much of each output stream is kept, and when a flood ends the run. */
export interface OutputLimits {
  unit: 'characters' | 'bytes';
  head: number;
  tail: number;
  /** Bytes of both streams together. */
  ceilingBytes: number;
}

/** One program for one worker. */
export interface WorkerJob {
  executionId: string;
  /** Exactly one of `code` and `path` is set; `path` is workspace-relative. */
  code: string | null;
  path: string | null;
  argv: readonly string[];
  stdin: string;
  seed: number | null;
  wallMs: number;
  limits: LaneLimits;
  output: OutputLimits;
  /** True when figures are kept in the workspace. */
  keepsFigures: boolean;
  /** True when the network of the lane is really off, so that its errors can be named. */
  isNetworkOff: boolean;
}

/** What went wrong inside the program, as the worker said it. */
export interface ProgramError { type: string; message: string; line: number | null }

export type StepName = 'queued' | 'claimed' | 'started' | 'interrupt' | 'kill' | 'gone';

/** The end of a run: host facts first, the worker's words only where they agree with them. */
export interface RunReport {
  /** The program was running when its worker was lost. */
  hasBegun?: boolean;
  reason: Reason;
  outcome: Outcome;
  success: boolean;
  returncode: number;
  signal: string | null;
  /** Sentence for the person, without language where there is none. */
  message: string;
  error: ProgramError | null;
  hints: Hint[];
  stdout: string;
  stderr: string;
  truncated: { stdout: boolean; stderr: boolean };
  dropped: { stdout: number; stderr: number };
  usage: { cpu_ms: number | null; peak_bytes: number | null };
  guards: Readonly<Record<GuardId, GuardState>> | null;
  warnings: string[];
  durationMs: number;
  figuresLeftOut: number;
  /** Characters of figures that their font lacks. */
  missingGlyphs: number;
  pid: number | null;
}

/** Host facts that a reason is made of. */
export interface EndFacts {
  stopped: 'cancelled' | 'timeout' | 'ceiling' | null;
  limit: LimitHit | null;
  exit: Pick<ExitFacts, 'code' | 'killed' | 'refusedForks'>;
  /** Signal that ended the program, counted only without a trailer that agrees with the exit status. */
  signal: NodeJS.Signals | null;
  trailer: Trailer | null;
  isOutputCut: boolean;
}

/** The worker's own last words. */
export interface Trailer {
  reason: Reason;
  error: ProgramError | null;
  exit_code: number;
  cpu_ms: number | null;
  peak_bytes: number | null;
  /** `missing_glyphs`: characters of figures that their font lacks. */
  figures: { saved: number; left_out: number; missing_glyphs: number };
  hints: Hint[];
}
