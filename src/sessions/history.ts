import type { HistoryTurn } from '../contracts/index.ts';
import type { Store } from '../store/index.ts';
import { requireSession } from './session-lookup.ts';

/** Committed turns by number; texts are verbatim. */
export function readHistory(store: Store, sessionId: string): HistoryTurn[] {
  requireSession(store, sessionId);
  return store.history.list(sessionId).map((turn) => ({
    turn_index: turn.turn_index, user_message: turn.user_message, companion_response: turn.companion_response,
    turn_outcome: turn.turn_outcome, ...(turn.token_usage === null ? {} : { token_usage: turn.token_usage }), kind: turn.kind,
    created_at: turn.created_at,
  }));
}
