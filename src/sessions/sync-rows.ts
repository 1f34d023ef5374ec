import { standingItems } from '../orchestration/index.ts';
import { turnItem } from '../store/index.ts';
import type { SessionRow, Store } from '../store/index.ts';

/** Prefixes of the ids of imported turns; they say whether the backend has them already. */
export const IMPORTED_TURN = { restored: 'trn_restored_', predecessor: 'trn_predecessor_' } as const;

/** Queues what the backend keeps of a session beside its turns: memory and report. Nothing before the first turn. */
export function queueStanding(store: Store, row: SessionRow, at: string): void {
  if (store.backends.get(row.session_id) === null || row.state.turn_index === 0) return;
  for (const item of standingItems(row)) store.outbox.enqueue(row.session_id, item, at);
}

/** Queues everything that the backend can know of a session; turns that came from it are left out. */
export function queueWholeSession(store: Store, row: SessionRow, at: string): void {
  if (store.backends.get(row.session_id) === null) return;
  for (const turn of store.history.list(row.session_id)) {
    if (!turn.turn_id.startsWith(IMPORTED_TURN.restored)) store.outbox.enqueue(row.session_id, turnItem(row.chapter_id, turn), at);
  }
  queueStanding(store, row, at);
}
