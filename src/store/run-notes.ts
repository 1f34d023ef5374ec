import { flag, oneOf, text } from './columns.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { RunNote } from './store-rows.ts';
import { columnList, insertRow, readRow } from './table.ts';
import type { Table } from './table.ts';

const KEPT_PER_SESSION = 50;
const table: Table<RunNote> = {
  name: 'run_notes',
  columns: {
    session_id: text, execution_id: text, lane: oneOf<RunNote['lane']>('user', 'notebook'), at: text, ok: flag, code: text, stdout: text,
    stderr: text,
  },
};
const SELECT = `SELECT ${columnList(table)} FROM run_notes WHERE session_id = ? ORDER BY id DESC LIMIT ?`;
const PRUNE = `DELETE FROM run_notes WHERE session_id = ?1 AND id <= (
  SELECT id FROM run_notes WHERE session_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ${KEPT_PER_SESSION})`;

/** The learner's newest runs, listed oldest first. */
export function createRunNoteRepository({ database, onDamage }: StoreContext): Store['runNotes'] {
  return {
    insert: (note) => database.transaction(() => {
      insertRow({ database, table }, note);
      database.run(PRUNE, note.session_id);
    }),
    recent: (sessionId, count) => database.all(SELECT, sessionId, count).map((raw) => readRow(table, raw, onDamage)).reverse(),
  };
}
