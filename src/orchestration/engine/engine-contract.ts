import type { CancelAnswer, TurnKind } from '../../contracts/index.ts';

/** An accepted turn; its frames are followed through the hub. */
export interface TurnTicket { turnId: string; turnIndex: number; kind: TurnKind; /** A repeat of a turn that exists already. */ joined: boolean }

/** The right to change one session; released by disposing. */
export interface SessionLease extends Disposable { readonly sessionId: string }

/** The one path of a turn, and the lock that everything which changes a session takes. */
export interface TurnEngine {
  /**
   * Accepts a message: takes the session's lock, stores the turn row and emits `start` before it returns.
   * Throws SESSION_BUSY, SESSION_ENDED, SESSION_NOT_FOUND, SHUTTING_DOWN. Message rules were checked by the caller.
   */
  start(sessionId: string, message: { text: string; clientTurnId: string | null }): TurnTicket;
  /** Cancels the running turn, answers when the lock is free again (≤ 2 s). */
  cancel(sessionId: string): Promise<CancelAnswer>;
  isBusy(sessionId: string): boolean;
  /** Takes the session's lock at once or throws SESSION_BUSY. */
  lock(sessionId: string): SessionLease;
  /** Waits for the session's lock up to `waitMs`, else throws SESSION_BUSY. */
  lockWithin(sessionId: string, waitMs: number, signal: AbortSignal): Promise<SessionLease>;
  /** One `final_report` call: the narrative, or null when the model failed, is offline-less or took over 20 s. */
  writeFinalNarrative(sessionId: string, signal: AbortSignal): Promise<string | null>;
  /** At start-up: open turns become interrupted or get their `complete` frame, memo jobs are queued again. */
  recover(): void;
  /** Ends running turns with SHUTTING_DOWN and memo work; resolves when all is quiet. */
  stop(): Promise<void>;
  running(): number;
  /** True while some turn has shown nothing yet; work in the background holds back then. */
  isWaiting(): boolean;
}
