import { nullableText, oneOf, text } from './columns.ts';
import type { Column } from './columns.ts';
import type { RawRow } from './database.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { BackendRow } from './store-rows.ts';
import { columnList, readRow } from './table.ts';
import type { Table } from './table.ts';

const paused: Column<BackendRow['paused']> = oneOf('token', 'denied', 'backend_changed', null);
type StoredBackend = Required<BackendRow>;
const table: Table<StoredBackend> = {
  name: 'backends',
  columns: { session_id: text, origin: text, url: text, bid: nullableText, paused, user_hash: nullableText },
};
const SELECT = `SELECT ${columnList(table)} FROM backends`;
const PUT = `
  INSERT INTO backends (session_id, origin, url, bid, paused, user_hash) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (session_id) DO UPDATE SET origin = excluded.origin, url = excluded.url, bid = excluded.bid, paused = excluded.paused,
    user_hash = excluded.user_hash`;

/** Where each session is synced to; fixed at its first use. */
export function createBackendRepository({ database, onDamage }: StoreContext): Store['backends'] {
  const read = (raw: RawRow): BackendRow => readRow(table, raw, onDamage);
  return {
    put: (row) => {
      database.run(PUT, row.session_id, row.origin, row.url, row.bid, row.paused, row.user_hash ?? null);
    },
    get: (sessionId) => {
      const raw = database.get(`${SELECT} WHERE session_id = ?`, sessionId);
      return raw === null ? null : read(raw);
    },
    all: () => database.all(`${SELECT} ORDER BY session_id`).map(read),
    pause: (match, reason) => {
      if ('sessionId' in match) {
        database.run('UPDATE backends SET paused = ? WHERE session_id = ?', reason, match.sessionId);
      } else if (match.userHash === undefined) {
        database.run('UPDATE backends SET paused = ? WHERE origin = ? AND paused IS NULL', reason, match.origin);
      } else {
        const sql = 'UPDATE backends SET paused = ? WHERE origin = ? AND paused IS NULL AND (user_hash IS NULL OR user_hash IS ?)';
        database.run(sql, reason, match.origin, match.userHash);
      }
    },
    resume: ({ origin, userHash }) => {
      const sql = "UPDATE backends SET paused = NULL WHERE origin = ? AND paused = 'token' AND (user_hash IS NULL OR user_hash IS ?)";
      database.run(sql, origin, userHash);
    },
  };
}
