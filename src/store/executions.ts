import type { SQLInputValue } from 'node:sqlite';
import type { Lane } from '../contracts/index.ts';
import { jsonObject, nullableNumber, nullableText, oneOf, text } from './columns.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { ExecutionRow, ExecutionTexts } from './store-rows.ts';
import { columnList, insertRow, readRow, updateRow } from './table.ts';
import type { Columns, Table } from './table.ts';

const columns: Columns<ExecutionRow> = {
  execution_id: text, session_id: text, lane: oneOf<Lane>('user', 'expert', 'notebook'),
  kind: oneOf<ExecutionRow['kind']>('run', 'job', 'stream', 'cell', 'skill'), started_at: text, ended_at: nullableText,
  turn_index: nullableNumber, job_id: nullableText, consultation_id: nullableText, body: jsonObject,
};
const table: Table<ExecutionRow> = { name: 'executions', columns };
const fullTable: Table<ExecutionRow & ExecutionTexts> = { name: 'executions', columns: { ...columns, code: text, stdout: text, stderr: text } };
const SELECT = `SELECT ${columnList(table)} FROM executions`;
const PRUNE = `DELETE FROM executions WHERE session_id = ?1 AND ended_at IS NOT NULL AND id <= (
  SELECT id FROM executions WHERE session_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`;

/** Runs, cells and expert calls. Lists leave code and output aside. */
export function createExecutionRepository({ database, onDamage }: StoreContext): Store['executions'] {
  return {
    insert: (row, texts = {}) => insertRow({ database, table: fullTable }, { code: '', stdout: '', stderr: '', ...texts, ...row }),
    close: (executionId, { ended_at, body, texts = {} }) => {
      updateRow({ database, table: fullTable }, { execution_id: executionId }, { ended_at, body, ...texts });
    },
    get: (executionId) => {
      const raw = database.get(`SELECT ${columnList(fullTable)} FROM executions WHERE execution_id = ?`, executionId);
      return raw === null ? null : readRow(fullTable, raw, onDamage);
    },
    list: (sessionId, filter) => {
      const conditions = ['session_id = ?'];
      const values: SQLInputValue[] = [sessionId];
      const add = (condition: string, value: SQLInputValue | undefined): void => {
        if (value === undefined) return;
        conditions.push(condition);
        values.push(value);
      };
      add('lane = ?', filter.lane);
      add('turn_index = ?', filter.turnIndex);
      add('consultation_id = ?', filter.consultationId);
      add('id < (SELECT id FROM executions WHERE execution_id = ?)', filter.before);
      const raws = database.all(`${SELECT} WHERE ${conditions.join(' AND ')} ORDER BY id DESC LIMIT ?`, ...values, filter.limit);
      return raws.map((raw) => readRow(table, raw, onDamage));
    },
    open: () => database.all(`${SELECT} WHERE ended_at IS NULL ORDER BY id`).map((raw) => readRow(table, raw, onDamage)),
    prune: (sessionId, keep) => {
      database.run(PRUNE, sessionId, keep);
    },
  };
}
