import { TurnOutcomeSchema, TurnUsageSchema } from '../contracts/index.ts';
import type { TurnKind } from '../contracts/index.ts';
import { blankOutcome } from './blank-values.ts';
import { json, nullableJson, number, oneOf, text } from './columns.ts';
import type { RawRow } from './database.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { HistoryRow } from './store-rows.ts';
import { columnList, insertRow, readRow, updateRow } from './table.ts';
import type { Table } from './table.ts';

const table: Table<HistoryRow> = {
  name: 'history',
  columns: {
    session_id: text, turn_index: number, turn_id: text, kind: oneOf<TurnKind>('student', 'greeting', 'task_skipped'), user_message: text,
    companion_response: text, turn_outcome: json(TurnOutcomeSchema, blankOutcome), token_usage: nullableJson(TurnUsageSchema),
    created_at: text,
  },
};
const SELECT = `SELECT ${columnList(table)} FROM history WHERE session_id = ?`;

/** Committed turns. A damaged outcome reads as one that claims nothing; the texts stay. */
export function createHistoryRepository({ database, onDamage }: StoreContext): Store['history'] {
  const read = (raw: RawRow): HistoryRow => readRow(table, raw, onDamage);
  return {
    insert: (row) => insertRow({ database, table }, row),
    list: (sessionId) => database.all(`${SELECT} ORDER BY turn_index`, sessionId).map(read),
    tail: (sessionId, count) => database.all(`${SELECT} ORDER BY turn_index DESC LIMIT ?`, sessionId, count).map(read).reverse(),
    updateUsage: (sessionId, turnIndex, usage) => {
      updateRow({ database, table }, { session_id: sessionId, turn_index: turnIndex }, { token_usage: usage });
    },
    replaceAll: (sessionId, rows) => database.transaction(() => {
      database.run('DELETE FROM history WHERE session_id = ?', sessionId);
      for (const row of rows) insertRow({ database, table }, row);
    }),
  };
}
