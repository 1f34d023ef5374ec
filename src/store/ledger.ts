import { LedgerRowSchema } from '../contracts/index.ts';
import type { LedgerRow } from '../contracts/index.ts';
import { json, nullableText, number, text } from './columns.ts';
import type { RawRow } from './database.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import { columnList, insertRow, readRow } from './table.ts';
import type { Table } from './table.ts';

interface StoredCall { session_id: string; turn_id: string | null; at: string; tokens: number; body: LedgerRow | null }

const table: Table<StoredCall> = {
  name: 'ledger',
  columns: { session_id: text, turn_id: nullableText, at: text, tokens: number, body: json<LedgerRow | null>(LedgerRowSchema, () => null) },
};
const SELECT = `SELECT ${columnList(table)} FROM ledger`;

/** Model calls, one row an attempt. A damaged row is left out of lists; its tokens still count. */
export function createLedgerRepository({ database, onDamage }: StoreContext): Store['ledger'] {
  const read = (raws: RawRow[]): LedgerRow[] => raws.map((raw) => readRow(table, raw, onDamage).body).filter((row) => row !== null);
  return {
    insert: (row) => insertRow({ database, table }, {
      session_id: row.session_id, turn_id: row.turn_id, at: row.at, tokens: row.usage.input_tokens + row.usage.output_tokens, body: row,
    }),
    ofTurn: (turnId) => read(database.all(`${SELECT} WHERE turn_id = ? ORDER BY id`, turnId)),
    ofSession: (sessionId) => read(database.all(`${SELECT} WHERE session_id = ? ORDER BY id`, sessionId)),
    tokensSince: (at, sessionId) => {
      const sql = `SELECT coalesce(sum(tokens), 0) AS tokens FROM ledger WHERE at >= ? ${sessionId === undefined ? '' : 'AND session_id = ?'}`;
      return Number(database.get(sql, at, ...(sessionId === undefined ? [] : [sessionId]))?.tokens ?? 0);
    },
  };
}
