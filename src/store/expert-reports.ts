import { jsonObject, number, text } from './columns.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { ExpertReportRow } from './store-rows.ts';
import { columnList, insertRow, readRow } from './table.ts';
import type { Table } from './table.ts';

const table: Table<ExpertReportRow> = {
  name: 'expert_reports',
  columns: {
    session_id: text, report_id: text, consultation_id: text, turn_index: number, expert_id: text, created_at: text, body: jsonObject,
  },
};
const SELECT = `SELECT ${columnList(table)} FROM expert_reports WHERE session_id = ?`;

/** What experts reported. */
export function createExpertReportRepository({ database, onDamage }: StoreContext): Store['expertReports'] {
  return {
    insert: (row) => insertRow({ database, table }, row),
    get: (sessionId, reportId) => {
      const raw = database.get(`${SELECT} AND report_id = ?`, sessionId, reportId);
      return raw === null ? null : readRow(table, raw, onDamage);
    },
    list: (sessionId) => database.all(`${SELECT} ORDER BY rowid DESC`, sessionId).map((raw) => readRow(table, raw, onDamage)),
  };
}
