import { standingItems } from '../orchestration/index.ts';
import { turnItem } from '../store/index.ts';
import type { Store } from '../store/index.ts';

/** Replaces a session's outbox by everything that it has committed; nothing before the first turn. Joins a transaction. */
export function requeueSession(store: Store, sessionId: string, at: string): void {
  store.transaction(() => {
    const session = store.sessions.get(sessionId);
    const turns = store.history.list(sessionId);
    store.outbox.deleteOf(sessionId);
    if (session === null || turns.length === 0) return;
    for (const turn of turns) store.outbox.enqueue(sessionId, turnItem(session.chapter_id, turn), at);
    for (const item of standingItems(session)) store.outbox.enqueue(sessionId, item, at);
  });
}
