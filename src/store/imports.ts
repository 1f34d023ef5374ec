import { anyJson } from './columns.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';

const KEPT_ARCHIVES = 3;
const PRUNE = `DELETE FROM import_archives WHERE session_id = ?1 AND id <= (
  SELECT id FROM import_archives WHERE session_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ${KEPT_ARCHIVES})`;

/** What was last imported from a session's folder, and what those imports replaced. */
export function createImportRepository({ database }: StoreContext): Store['imports'] {
  return {
    get: (sessionId) => {
      const raw = database.get('SELECT fingerprint, at FROM imports WHERE session_id = ?', sessionId);
      return raw === null ? null : { fingerprint: String(raw.fingerprint), at: String(raw.at) };
    },
    put: (sessionId, fingerprint, at) => {
      database.run('INSERT OR REPLACE INTO imports (session_id, fingerprint, at) VALUES (?, ?, ?)', sessionId, fingerprint, at);
    },
    archive: (sessionId, body, at) => database.transaction(() => {
      database.run('INSERT INTO import_archives (session_id, body, at) VALUES (?, ?, ?)', sessionId, anyJson.encode(body), at);
      database.run(PRUNE, sessionId);
    }),
  };
}
