import type { StreamEvent } from '../../contracts/index.ts';

/** A reader of a session's stream. Yields encoded frames in order; ends after the terminal frame when it follows one turn. */
export interface Subscription extends AsyncDisposable {
  /** Encoded frames. Ends when the reader is closed, dropped for lagging, the session is deleted, or the followed turn is over. */
  readonly frames: AsyncIterable<string>;
  /** Aborted when the reader was dropped for lagging behind its bound. */
  readonly dropped: AbortSignal;
  close(): void;
}

/** The live event streams of all sessions: mints frame ids, keeps what may be resumed, feeds subscribers from bounded queues. */
export interface StreamHub {
  /** Appends one event of a turn, or of the session when `turnId` is null. Synchronous; never waits for readers. */
  emit(sessionId: string, turnId: string | null, event: StreamEvent): void;
  /** Follows one turn from its `start` frame to its terminal frame, running or kept. */
  followTurn(sessionId: string, turnId: string): Subscription;
  /** Follows the session from after `lastEventId`, else from the running turn's start, else live. Throws TOO_MANY_SUBSCRIBERS. */
  follow(sessionId: string, lastEventId: string | null): Subscription;
  /** Ends every cursor of a session with one last event. */
  reset(sessionId: string, event: StreamEvent | null): void;
  /** Ends all streams with `server_shutdown`. */
  close(): void;
}
