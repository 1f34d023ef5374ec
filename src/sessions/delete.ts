import { SidecarError } from '../contracts/index.ts';
import type { SessionsContext } from './session-context.ts';
import { discard, sessionPaths, setAside } from './session-folder.ts';
import { requireSession } from './session-lookup.ts';

const LOCK_WAIT_MS = 3_000;

/** Removes a session with everything it has. `force` cancels a running turn and gives up what was not sent yet. */
export async function deleteSession(context: SessionsContext, sessionId: string, { force }: { force: boolean }): Promise<void> {
  const { store, engine, settings } = context;
  requireSession(store, sessionId);
  if (!force && engine.isBusy(sessionId)) throw new SidecarError('SESSION_BUSY', 'a turn is running');
  if (!force && store.outbox.pendingOf(sessionId) > 0) throw new SidecarError('SYNC_PENDING', 'rows wait in the outbox');
  if (force) await engine.cancel(sessionId);
  using _lease = await engine.lockWithin(sessionId, LOCK_WAIT_MS, context.closing);
  requireSession(store, sessionId);
  await context.lanes.end(sessionId);
  const folder = await context.files.queue.run(sessionId, async () => store.transaction(() => {
    store.sessions.delete(sessionId);
    // Last, so that a refused deletion leaves the folder where it is; a restored folder would come back otherwise.
    return setAside(settings.sessionsDir, sessionPaths(settings.sessionsDir, sessionId).folder, context.ids);
  }));
  context.hub.reset(sessionId, null);
  context.problems.clear(sessionId);
  await discard(folder);
}
