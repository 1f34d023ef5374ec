import { jsonObject, text } from './columns.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { SystemEventRow } from './store-rows.ts';
import { columnList, insertRow, readRow } from './table.ts';
import type { Table } from './table.ts';

const KEPT_PER_SESSION = 1_000;
const table: Table<SystemEventRow> = {
  name: 'system_events',
  columns: { session_id: text, timestamp: text, event_type: text, message: text, details: jsonObject },
};
const SELECT = `SELECT ${columnList(table)} FROM system_events WHERE session_id = ? ORDER BY id DESC LIMIT ?`;
const PRUNE = `DELETE FROM system_events WHERE session_id = ?1 AND id <= (
  SELECT id FROM system_events WHERE session_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ${KEPT_PER_SESSION})`;

/** What the program did for a session beside its turns; the newest thousand, listed oldest first. */
export function createSystemEventRepository({ database, onDamage }: StoreContext): Store['systemEvents'] {
  return {
    insert: (row) => database.transaction(() => {
      insertRow({ database, table }, row);
      database.run(PRUNE, row.session_id);
    }),
    list: (sessionId, limit) => database.all(SELECT, sessionId, limit).map((raw) => readRow(table, raw, onDamage)).reverse(),
  };
}
