import { number, text } from './columns.ts';
import type { RawRow } from './database.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { MemoJobRow } from './store-rows.ts';
import { columnList, readRow } from './table.ts';
import type { Table } from './table.ts';

const table: Table<MemoJobRow> = {
  name: 'memo_jobs',
  columns: { session_id: text, from_turn: number, to_turn: number, turn_id: text, attempts: number, created_at: text },
};
const SELECT = `SELECT ${columnList(table)} FROM memo_jobs`;
/** The merged job is a new one: it covers both ranges, answers for the newest turn and starts without failed attempts. */
const ENQUEUE = `
  INSERT INTO memo_jobs (session_id, from_turn, to_turn, turn_id, attempts, created_at) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (session_id) DO UPDATE SET from_turn = min(from_turn, excluded.from_turn), to_turn = max(to_turn, excluded.to_turn),
    turn_id = excluded.turn_id, attempts = excluded.attempts`;

/** At most one waiting memo job a session. */
export function createMemoJobRepository({ database, onDamage }: StoreContext): Store['memoJobs'] {
  const read = (raw: RawRow): MemoJobRow => readRow(table, raw, onDamage);
  return {
    enqueue: (job) => {
      database.run(ENQUEUE, job.session_id, job.from_turn, job.to_turn, job.turn_id, job.attempts, job.created_at);
    },
    get: (sessionId) => {
      const raw = database.get(`${SELECT} WHERE session_id = ?`, sessionId);
      return raw === null ? null : read(raw);
    },
    all: () => database.all(`${SELECT} ORDER BY created_at, session_id`).map(read),
    setAttempts: (sessionId, attempts) => {
      database.run('UPDATE memo_jobs SET attempts = ? WHERE session_id = ?', attempts, sessionId);
    },
    finish: (sessionId, toTurn) => database.transaction(() => {
      database.run('DELETE FROM memo_jobs WHERE session_id = ? AND to_turn <= ?', sessionId, toTurn);
      database.run('UPDATE memo_jobs SET from_turn = ? WHERE session_id = ? AND from_turn <= ?', toTurn + 1, sessionId, toTurn);
    }),
  };
}
