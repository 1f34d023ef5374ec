import { anyJson, number, oneOf, text } from './columns.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { RevisionRow } from './store-rows.ts';
import { columnList, readRow } from './table.ts';
import type { Table } from './table.ts';

const KEPT_PER_KIND = 20;
const table: Table<RevisionRow> = {
  name: 'revisions',
  columns: {
    session_id: text, kind: oneOf<RevisionRow['kind']>('digest', 'notes', 'long_term'), revision: number, body: anyJson, created_at: text,
  },
};
const PUT = 'INSERT OR REPLACE INTO revisions (session_id, kind, revision, body, created_at) VALUES (?, ?, ?, ?, ?)';
const PRUNE = `DELETE FROM revisions WHERE session_id = ?1 AND kind = ?2 AND revision <= (
  SELECT revision FROM revisions WHERE session_id = ?1 AND kind = ?2 ORDER BY revision DESC LIMIT 1 OFFSET ${KEPT_PER_KIND})`;

/** Earlier versions of what the memo agent rewrites; the newest twenty of each kind. */
export function createRevisionRepository({ database, onDamage }: StoreContext): Store['revisions'] {
  return {
    insert: (row) => database.transaction(() => {
      database.run(PUT, row.session_id, row.kind, row.revision, anyJson.encode(row.body), row.created_at);
      database.run(PRUNE, row.session_id, row.kind);
    }),
    latest: (sessionId, kind) => {
      const sql = `SELECT ${columnList(table)} FROM revisions WHERE session_id = ? AND kind = ? ORDER BY revision DESC LIMIT 1`;
      const raw = database.get(sql, sessionId, kind);
      return raw === null ? null : readRow(table, raw, onDamage);
    },
  };
}
