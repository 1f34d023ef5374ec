import type { Clock, Ids } from '../../config/index.ts';
import type { SessionRow, Store } from '../../store/index.ts';
import type { KeyedQueue } from '../keyed-queue.ts';
import type { SessionPaths } from '../session-folder.ts';

/** What the file operations of sessions work with. */
export interface FilesContext {
  store: Store;
  clock: Clock;
  ids: Ids;
  sessionsDir: string;
  /** Changes of one session's files, one after the other. */
  queue: KeyedQueue;
  /** The session, or SESSION_NOT_FOUND. */
  require(sessionId: string): SessionRow;
  /** Its folders, made again when they are missing. */
  folders(sessionId: string): Promise<SessionPaths>;
}
