import type { ReattachRequest } from '../contracts/index.ts';
import type { Endpoint, SidecarClient } from '../client/index.ts';
import type { RestartLimits } from './restart-policy.ts';
import type { HealthLimits } from './watch-health.ts';

export type SupervisorState = 'stopped' | 'starting' | 'ready' | 'stopping' | 'backoff' | 'failed';

export interface SupervisorLimits {
  /** From the spawn to the first line. */
  startMs: number;
  contractMs: number;
  reattachMs: number;
  health: HealthLimits;
  restart: RestartLimits;
  /** After this long without a crash the earlier ones are forgotten. */
  stableMs: number;
  /** From the end of stdin to SIGTERM, and from there to SIGKILL. */
  stopInputMs: number;
  stopTermMs: number;
}

export interface SupervisorOptions {
  /** The Node that comes with the program. */
  node: string;
  /** Arguments of that Node before the program; usually none. */
  nodeArgs?: readonly string[];
  /** The program's entry file. */
  program: string;
  /** Further flags of `serve`. */
  serveArgs?: readonly string[];
  cwd?: string;
  /** Settings of the sidecar, added to the few variables that it needs to run at all. */
  environment?: Readonly<Record<string, string>>;
  limits?: Partial<SupervisorLimits>;
  /** Told about each change of state. */
  onChange?: (status: SupervisorStatus) => void;
  /** Told when a session could not be taken up again after a restart; the restart goes on. */
  onReattachFailure?: (sessionId: string, error: unknown) => void;
}

/** Why there is no sidecar. `code` is that of its `fatal` line, or one of ours. */
export interface SupervisorProblem { code: string; message: string; exitCode: number | null; stderr: string }

export interface SupervisorStatus { state: SupervisorState; endpoint: Endpoint | null; pid: number | null; version: string | null; problem: SupervisorProblem | null }

/** Keeps one sidecar running. */
export interface Supervisor {
  status(): SupervisorStatus;
  /** Always speaks to the present sidecar; calls wait while it restarts. */
  readonly client: SidecarClient;
  /** Resolves when the sidecar is ready; rejects with SupervisorError when it gives up or is stopped. */
  start(): Promise<Endpoint>;
  /** Resolves when the process is gone; never rejects. */
  stop(): Promise<void>;
  /** The session is reattached after each restart; `request` brings its newest context and token. */
  markOpen(sessionId: string, request?: () => ReattachRequest): void;
  markClosed(sessionId: string): void;
}

/** There is no sidecar, and why. */
export class SupervisorError extends Error {
  override readonly name = 'SupervisorError';
  readonly problem: SupervisorProblem;

  constructor(problem: SupervisorProblem) {
    super(`${problem.code}: ${problem.message}`);
    this.problem = problem;
  }
}

/** The limits of a desktop app. */
export const DEFAULT_LIMITS: SupervisorLimits = {
  startMs: 10_000, contractMs: 2500, reattachMs: 20_000, stableMs: 60_000, stopInputMs: 3000, stopTermMs: 2000,
  health: { everyMs: 5000, timeoutMs: 2000, misses: 3 },
  restart: { backoffMs: 500, backoffMaxMs: 15_000, crashes: 5, crashWindowMs: 60_000 },
};
