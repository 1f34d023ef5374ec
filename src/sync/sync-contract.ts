import type { Clock, Log } from '../config/index.ts';
import type { SessionState } from '../contracts/index.ts';
import type { BackendRow, Store } from '../store/index.ts';
import type { Timers } from './timers.ts';

/** What a create or reattach says about the backend. */
export interface BackendHint { backendUrl?: string | undefined; token?: string | undefined }

/**
 * `off`: the session has no backend. `on`: it has one. `backend_changed`: another origin was named; the first one stays and sync
 * pauses until that is named again. `refused`: the address may not be used; nothing changed.
 */
export type AttachOutcome = 'off' | 'on' | 'backend_changed' | 'refused';

export interface SyncStatus {
  pending: number;
  oldest_at: string | null;
  paused_reason: BackendRow['paused'];
  dead_letters: number;
}

/** Carries the outbox to the backends. Nothing here waits for the network except `stop`, which ends the calls first. */
export interface Sync {
  /** Fixes the backend of a stored session at its first use and takes the token. Never throws for what the hint holds. */
  attach(sessionId: string, hint: BackendHint): AttachOutcome;
  /** Takes a newer token for a session's backend; it serves all sessions of the same user there. */
  setToken(sessionId: string, token: string): void;
  /** Says that rows were committed. */
  kick(): void;
  status(): SyncStatus;
  /** Ends running calls and resolves when nothing of it is left; what was not answered stays in the outbox. */
  stop(): Promise<void>;
}

export interface SyncDeps {
  store: Store;
  clock: Clock;
  log: Log;
  /** Origins that may be used; null = any that is safe. */
  backendOrigins: readonly string[] | null;
  /** 0 ≤ x < 1, for jitter. */
  random(): number;
  /** Markdown about the learner's errors for the memory of a session that is queued again; none unless given. */
  errorSummary?: (state: SessionState) => string;
  fetch?: typeof fetch;
  timers?: Timers;
}
