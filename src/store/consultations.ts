import { jsonObject, nullableText, number, text } from './columns.ts';
import type { RawRow } from './database.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { ConsultationRow } from './store-rows.ts';
import { columnList, insertRow, readRow, updateRow } from './table.ts';
import type { Table } from './table.ts';

const table: Table<ConsultationRow> = {
  name: 'consultations',
  columns: {
    session_id: text, consultation_id: text, turn_id: text, turn_index: number, expert_id: text, status: text, created_at: text,
    ended_at: nullableText, body: jsonObject,
  },
};
const SELECT = `SELECT ${columnList(table)} FROM consultations`;
const COUNT_UP = `INSERT INTO counters (session_id, name, value) VALUES (?, 'consultation', 1)
  ON CONFLICT (session_id, name) DO UPDATE SET value = value + 1 RETURNING value`;

/** Consultations of experts. Their ids count up in a row of their own, so a discarded one is never given again. */
export function createConsultationRepository({ database, onDamage }: StoreContext): Store['consultations'] {
  const read = (raw: RawRow): ConsultationRow => readRow(table, raw, onDamage);
  return {
    mintId: (sessionId) => database.transaction(() => {
      const raw = database.get(COUNT_UP, sessionId);
      return `consult_${String(raw?.value).padStart(4, '0')}`;
    }),
    insert: (row) => insertRow({ database, table }, row),
    update: ({ sessionId, consultationId }, change) => {
      updateRow({ database, table }, { session_id: sessionId, consultation_id: consultationId }, change);
    },
    get: (sessionId, consultationId) => {
      const raw = database.get(`${SELECT} WHERE session_id = ? AND consultation_id = ?`, sessionId, consultationId);
      return raw === null ? null : read(raw);
    },
    list: (sessionId) => database.all(`${SELECT} WHERE session_id = ? ORDER BY rowid`, sessionId).map(read),
    ofTurn: (turnId) => database.all(`${SELECT} WHERE turn_id = ? ORDER BY rowid`, turnId).map(read),
    open: () => database.all(`${SELECT} WHERE ended_at IS NULL OR status = 'answered' ORDER BY rowid`).map(read),
  };
}
