import type { Clock, Ids, Log } from '../config/index.ts';
import type { Language } from '../contracts/index.ts';
import type { ContentResolver } from '../content/index.ts';
import type { TurnEngine, TurnStreamHub } from '../orchestration/index.ts';
import type { Store } from '../store/index.ts';

/** Where the backend tokens of sessions go. They are kept in memory only, by whoever implements this. */
export interface SyncTokens {
  /** Takes a session's newer token; may tell whether it differs from the one it had. */
  setToken(sessionId: string, token: string): boolean | void;
  /** Something may be ready to be sent. */
  kick(): void;
}

/** What runs on behalf of sessions and must end with them. */
export interface SessionLanes {
  /** Ends kernels and jobs of a session; resolves when its processes are gone. */
  end(sessionId: string): Promise<void>;
}

/** Settings of the process that sessions use. */
export interface SessionSettings {
  sessionsDir: string;
  maxInputLength: number;
  maxAttemptsBeforeUnlock: number;
  batchErrorLogEveryNTurns: number;
  /** Language of the service, told to people where no chapter says otherwise. */
  language: Language;
  /** The shipped app gets its fixed Chinese greeting whatever the chapter's language is. */
  isDesktopMode: boolean;
  /** Origins that sync may use; null = any that is https or loopback. */
  backendOrigins: readonly string[] | null;
}

/** Everything that sessions are made of. */
export interface SessionsDeps {
  store: Store;
  engine: TurnEngine;
  hub: TurnStreamHub;
  content: ContentResolver;
  syncTokens: SyncTokens;
  lanes: SessionLanes;
  clock: Clock;
  ids: Ids;
  log: Log;
  settings: SessionSettings;
  /** True once shutdown has begun. */
  isStopping(): boolean;
}
