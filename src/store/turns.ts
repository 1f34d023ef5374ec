import { AgentErrorSchema, JudgementSchema } from '../contracts/index.ts';
import type { TurnEnd, TurnKind } from '../contracts/index.ts';
import { anyJson, nullableJson, nullableNumber, nullableText, number, oneOf, text } from './columns.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { TurnRow } from './store-rows.ts';
import { columnList, insertRow, readRow, updateRow } from './table.ts';
import type { Table } from './table.ts';

const table: Table<TurnRow> = {
  name: 'turns',
  columns: {
    turn_id: text, session_id: text, client_turn_id: nullableText, turn_index: number,
    kind: oneOf<TurnKind>('student', 'greeting', 'task_skipped'), message: text, base_revision: number, phase: text,
    end: oneOf<TurnEnd | null>('complete', 'cancelled', 'failed', 'interrupted', null), judgement: nullableJson(JudgementSchema),
    decision: anyJson, staged_plan: anyJson, lease_pid: nullableNumber, lease_started_at: nullableText, accepted_at: text,
    ended_at: nullableText, error: nullableJson(AgentErrorSchema),
  },
};
const SELECT = `SELECT ${columnList(table)} FROM turns`;

/** Turns from acceptance to end. */
export function createTurnRepository({ database, onDamage }: StoreContext): Store['turns'] {
  return {
    insert: (row) => insertRow({ database, table }, row),
    get: (turnId) => {
      const raw = database.get(`${SELECT} WHERE turn_id = ?`, turnId);
      return raw === null ? null : readRow(table, raw, onDamage);
    },
    findByClientId: (sessionId, clientTurnId) => {
      const raw = database.get(`${SELECT} WHERE session_id = ? AND client_turn_id = ? ORDER BY rowid DESC LIMIT 1`, sessionId, clientTurnId);
      return raw === null ? null : readRow(table, raw, onDamage);
    },
    update: (turnId, change) => {
      updateRow({ database, table }, { turn_id: turnId }, change);
    },
    open: () => database.all(`${SELECT} WHERE "end" IS NULL ORDER BY rowid`).map((raw) => readRow(table, raw, onDamage)),
  };
}
