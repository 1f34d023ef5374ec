import { anyJson, nullableNumber, nullableText, number, oneOf, text } from './columns.ts';
import type { Database, RawRow } from './database.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { OutboxKind, OutboxRow } from './store-rows.ts';
import { columnList, readRow } from './table.ts';
import type { Table } from './table.ts';

const table: Table<OutboxRow> = {
  name: 'outbox',
  columns: {
    id: number, session_id: text, kind: oneOf<OutboxKind>('turn', 'memory', 'report'), turn_index: nullableNumber, body: anyJson,
    state: oneOf<'pending' | 'dead'>('pending', 'dead'), attempts: number, next_at: number, error: nullableText, created_at: text,
  },
};
const COLUMNS = columnList(table);
const RANK: Record<OutboxKind, number> = { turn: 0, memory: 1, report: 2 };
const IN_ORDER = 'ORDER BY rank, turn_index, id';

/** No wait is longer than a day, so a later time comes from a clock that was set back and counts as due. */
const LONGEST_WAIT_MS = 86_400_000;

/** The head of each session's queue, where its backend may be asked. */
const HEADS = `FROM backends b JOIN outbox o ON o.id = (
    SELECT id FROM outbox WHERE session_id = b.session_id AND state = 'pending' ${IN_ORDER} LIMIT 1
  ) WHERE b.paused IS NULL`;

/** Rows of a session without a backend wait too, so that a later one gets everything, but nobody has to wait for them. */
const OF_A_BACKEND = 'WHERE session_id IN (SELECT session_id FROM backends)';
const SUMMARY = `SELECT count(*) FILTER (WHERE state = 'pending') AS pending, count(*) FILTER (WHERE state = 'dead') AS dead,
  min(created_at) FILTER (WHERE state = 'pending') AS oldest FROM outbox ${OF_A_BACKEND}`;

/** What waits for the backend. Ids are never given twice, so an answer that comes late cannot settle a newer row. */
export function createOutboxRepository({ database, onDamage }: StoreContext): Store['outbox'] {
  const read = (raw: RawRow): OutboxRow => readRow(table, raw, onDamage);
  return {
    enqueue: (sessionId, item, at) => database.transaction(() => enqueue(database, { sessionId, at, ...item })),
    due: (nowMs, limit) => {
      const sql = `SELECT o.* ${HEADS} AND (o.next_at <= ?1 OR o.next_at > ?1 + ${LONGEST_WAIT_MS}) ORDER BY o.next_at, o.id LIMIT ?2`;
      return database.all(sql, nowMs, limit).map(read);
    },
    ofSession: (sessionId) => database.all(`SELECT ${COLUMNS} FROM outbox WHERE session_id = ? ${IN_ORDER}`, sessionId).map(read),
    nextDueAt: (except) => {
      const raws = database.all(`SELECT o.session_id, o.next_at ${HEADS} ORDER BY o.next_at LIMIT ?`, except.size + 1);
      const next = raws.find((raw) => !except.has(String(raw.session_id)));
      return next === undefined ? null : Number(next.next_at);
    },
    done: (id) => {
      database.run('DELETE FROM outbox WHERE id = ?', id);
    },
    retry: (id, { nextAtMs, error }) => {
      database.run('UPDATE outbox SET attempts = attempts + 1, next_at = ?, error = ? WHERE id = ?', Math.ceil(nextAtMs), error, id);
    },
    bury: (id, error) => {
      database.run("UPDATE outbox SET state = 'dead', attempts = attempts + 1, error = ? WHERE id = ?", error, id);
    },
    summary: () => {
      const raw = database.get(SUMMARY);
      return { pending: Number(raw?.pending ?? 0), oldest_at: typeof raw?.oldest === 'string' ? raw.oldest : null, dead_letters: Number(raw?.dead ?? 0) };
    },
    pendingOf: (sessionId) => {
      const raw = database.get(`SELECT count(*) AS pending FROM outbox ${OF_A_BACKEND} AND session_id = ? AND state = 'pending'`, sessionId);
      return Number(raw?.pending ?? 0);
    },
    deleteOf: (sessionId) => {
      database.run('DELETE FROM outbox WHERE session_id = ?', sessionId);
    },
  };
}

interface NewItem { sessionId: string; kind: OutboxKind; turn_index: number | null; body: unknown; at: string }

/**
 * A waiting turn of the same index stays as it is: the backend keeps its first text too. A waiting memory or report is replaced by a
 * new row, which takes over the old one's wait; the old id then settles nothing, even if it is being sent right now.
 */
function enqueue(database: Database, item: NewItem): void {
  const waiting = database.get(
    "SELECT id, attempts, next_at, error FROM outbox WHERE session_id = ? AND state = 'pending' AND rank = ? AND turn_index IS ?",
    item.sessionId, RANK[item.kind], item.kind === 'turn' ? item.turn_index : null,
  );
  if (waiting !== null && item.kind === 'turn') return;
  if (waiting !== null) database.run('DELETE FROM outbox WHERE id = ?', Number(waiting.id));
  database.run(
    'INSERT INTO outbox (session_id, kind, rank, turn_index, body, state, attempts, next_at, error, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    item.sessionId, item.kind, RANK[item.kind], item.kind === 'turn' ? item.turn_index : null, anyJson.encode(item.body), 'pending',
    Number(waiting?.attempts ?? 0), Number(waiting?.next_at ?? 0), typeof waiting?.error === 'string' ? waiting.error : null, item.at,
  );
}
