import type { Clock, Log } from '../config/index.ts';
import type { BackendRow, Store } from '../store/index.ts';
import type { Timers } from './timers.ts';

export interface SyncStatus {
  pending: number;
  oldest_at: string | null;
  paused_reason: BackendRow['paused'];
  dead_letters: number;
}

/** Carries the outbox to the backends. Nothing here waits for the network except `stop`, which ends the calls first. */
export interface Sync {
  /**
   * Takes the token that came with a create or reattach; it serves all sessions of the same user at that backend. False when nothing
   * changed: no backend, another backend than the stored one, a token that was here before or that no header can carry.
   */
  setToken(sessionId: string, token: string): boolean;
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
  fetch?: typeof fetch;
  timers?: Timers;
}
