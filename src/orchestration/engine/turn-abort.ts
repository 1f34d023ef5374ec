/** Why a running turn ends before its commit. */
export type AbortCause = 'cancelled' | 'deadline' | 'shutdown';

/** The reason of a turn's abort signal: an outcome, not a failure. */
export class TurnAbort extends Error {
  override readonly name = 'TurnAbort';
  readonly abortCause: AbortCause;

  constructor(abortCause: AbortCause) {
    super(`turn ended: ${abortCause}`);
    this.abortCause = abortCause;
  }
}

/** The cause when a signal was aborted by `TurnAbort`, else null. */
export function abortCauseOf(signal: AbortSignal): AbortCause | null {
  if (!signal.aborted) return null;
  return signal.reason instanceof TurnAbort ? signal.reason.abortCause : 'shutdown';
}
