import type { SessionListItem } from '../contracts/index.ts';
import { discoverSessions } from './discover.ts';
import type { SessionsContext } from './session-context.ts';

/** All sessions, newest use first, after folders that the app restored were taken in. */
export async function listSessions(
  context: SessionsContext, query: { chapter_id?: string | undefined; limit?: number | undefined },
): Promise<SessionListItem[]> {
  await discoverSessions(context);
  const rows = context.store.sessions.list({
    ...(query.chapter_id === undefined ? {} : { chapterId: query.chapter_id }), ...(query.limit === undefined ? {} : { limit: query.limit }),
  });
  return rows.map((row) => ({ ...row, busy: context.engine.isBusy(row.session_id) }));
}
