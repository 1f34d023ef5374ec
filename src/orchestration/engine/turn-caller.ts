import type { Caller } from './model-calls.ts';
import type { RunningTurn } from './running-turn.ts';

/** A running turn as the one who calls a model. */
export function callerOf(turn: RunningTurn, signal: AbortSignal = turn.signal): Caller {
  return {
    sessionId: turn.identity.sessionId, turnId: turn.identity.turnId, signal,
    countAttempt: (row) => turn.countAttempt(row),
    notice: (code, agent) => turn.notice(code, agent),
  };
}
