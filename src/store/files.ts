import { nullableText, number, oneOf, text } from './columns.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { FileOriginRow } from './store-rows.ts';
import { columnList, readRow } from './table.ts';
import type { Table } from './table.ts';

const table: Table<FileOriginRow> = {
  name: 'files',
  columns: {
    session_id: text, area: oneOf<FileOriginRow['area']>('workspace', 'upload'), name: text,
    origin: oneOf<FileOriginRow['origin']>('bundle', 'user', 'upload'), sha256: nullableText, size_bytes: number, created_at: text,
    turn_index: number,
  },
};
const PUT = 'INSERT OR REPLACE INTO files (session_id, area, name, origin, sha256, size_bytes, created_at, turn_index) VALUES (?, ?, ?, ?, ?, ?, ?, ?)';
const RENAME = "UPDATE OR REPLACE files SET name = ? WHERE session_id = ? AND area = 'workspace' AND name = ?";
const BELOW = "session_id = ? AND area = 'workspace' AND substr(name, 1, length(?)) = ?";

/** Where the files of a session came from. */
export function createFileRepository({ database, onDamage }: StoreContext): Store['files'] {
  return {
    put: (row) => {
      database.run(PUT, row.session_id, row.area, row.name, row.origin, row.sha256, row.size_bytes, row.created_at, row.turn_index);
    },
    list: (sessionId, area) => {
      const sql = `SELECT ${columnList(table)} FROM files WHERE session_id = ? AND area = ? ORDER BY name`;
      return database.all(sql, sessionId, area).map((raw) => readRow(table, raw, onDamage));
    },
    remove: (sessionId, area, name) => {
      const folder = `${name}/`;
      const sql = 'DELETE FROM files WHERE session_id = ? AND area = ? AND (name = ? OR substr(name, 1, length(?)) = ?)';
      database.run(sql, sessionId, area, name, folder, folder);
    },
    rename: (sessionId, from, to) => database.transaction(() => {
      database.run(RENAME, to, sessionId, from);
      const folder = `${from}/`;
      for (const raw of database.all(`SELECT name FROM files WHERE ${BELOW}`, sessionId, folder, folder)) {
        const name = String(raw.name);
        database.run(RENAME, `${to}/${name.slice(folder.length)}`, sessionId, name);
      }
    }),
  };
}
