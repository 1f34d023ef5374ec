import type { SessionState } from '../contracts/index.ts';
import { memoryItem, reportItem, turnItem } from '../store/index.ts';
import type { Store } from '../store/index.ts';

/** Replaces a session's outbox by everything that it has committed; nothing before the first turn. Joins a transaction. */
export function requeueSession(
  store: Store, sessionId: string, { at, errorSummary }: { at: string; errorSummary: (state: SessionState) => string },
): void {
  store.transaction(() => {
    const session = store.sessions.get(sessionId);
    const turns = store.history.list(sessionId);
    store.outbox.deleteOf(sessionId);
    if (session === null || turns.length === 0) return;
    for (const turn of turns) store.outbox.enqueue(sessionId, turnItem(session.chapter_id, turn), at);
    store.outbox.enqueue(sessionId, memoryItem(session, errorSummary(session.state)), at);
    if (session.report_md !== '') store.outbox.enqueue(sessionId, reportItem(session), at);
  });
}
