import { anyJson, nullableNumber, nullableText, number, oneOf, text } from './columns.ts';
import type { RawRow } from './database.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { JobRow } from './store-rows.ts';
import { columnList, insertRow, readRow, updateRow } from './table.ts';
import type { Table } from './table.ts';

const table: Table<JobRow> = {
  name: 'jobs',
  columns: {
    job_id: text, session_id: text, state: oneOf<JobRow['state']>('queued', 'running', 'succeeded', 'failed', 'cancelled', 'lost'),
    created_at: number, started_at: nullableNumber, ended_at: nullableNumber, execution_id: nullableText, request: anyJson, result: anyJson,
    events: text,
  },
};
const SELECT = `SELECT ${columnList(table)} FROM jobs`;
const SELECT_LIST = SELECT.replace('"events"', "'' AS events");
const PRUNE = `DELETE FROM jobs WHERE session_id = ?1 AND state NOT IN ('queued', 'running') AND id <= (
  SELECT id FROM jobs WHERE session_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`;

/** Background runs. */
export function createJobRepository({ database, onDamage }: StoreContext): Store['jobs'] {
  const read = (raw: RawRow): JobRow => readRow(table, raw, onDamage);
  return {
    insert: (row) => insertRow({ database, table }, row),
    update: (jobId, change) => {
      updateRow({ database, table }, { job_id: jobId }, change);
    },
    get: (jobId) => {
      const raw = database.get(`${SELECT} WHERE job_id = ?`, jobId);
      return raw === null ? null : read(raw);
    },
    list: (sessionId, limit) => database.all(`${SELECT_LIST} WHERE session_id = ? ORDER BY id DESC LIMIT ?`, sessionId, limit).map(read),
    open: () => database.all(`${SELECT} WHERE state IN ('queued', 'running') ORDER BY id`).map(read),
    prune: (sessionId, keep) => {
      database.run(PRUNE, sessionId, keep);
    },
  };
}
