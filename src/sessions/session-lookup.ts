import { DEVICE_NAME, SESSION_ID_PATTERN, SidecarError } from '../contracts/index.ts';
import type { SessionRow, Store } from '../store/index.ts';

/** True for what may be a session's id and a folder name on every system. */
export function isSessionId(text: string): boolean {
  return SESSION_ID_PATTERN.test(text) && !DEVICE_NAME.test(text);
}

/** The session of an id. Throws SESSION_NOT_FOUND, also for what can be no id. */
export function requireSession(store: Store, sessionId: string): SessionRow {
  const row = isSessionId(sessionId) ? store.sessions.get(sessionId) : null;
  if (row === null) throw sessionNotFound();
  return row;
}

/** The refusal of an unknown session. */
export function sessionNotFound(): SidecarError {
  return new SidecarError('SESSION_NOT_FOUND', 'no such session');
}
