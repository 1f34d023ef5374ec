import { flag, nullableText, number, text } from './columns.ts';
import type { Database, RawRow } from './database.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { FrameRow } from './store-rows.ts';
import { columnList, insertRow, readRow } from './table.ts';
import type { Table } from './table.ts';

const table: Table<FrameRow> = {
  name: 'frames',
  columns: { session_id: text, generation: number, sequence: number, turn_id: nullableText, frame: text, terminal: flag },
};
const SELECT = `SELECT ${columnList(table)} FROM frames`;
const IN_ORDER = 'ORDER BY generation, sequence';

/** First frame of the turn that is the n-th from the end. A turn is finished in a later generation only after a crash. */
const FIRST_OF_NTH_TURN = `
  SELECT generation, sequence FROM (
    SELECT generation, sequence, min(generation * 1000000000 + sequence) AS place
    FROM frames WHERE session_id = ? AND turn_id IS NOT NULL GROUP BY turn_id
  ) ORDER BY place DESC LIMIT 1 OFFSET ?`;
const NTH_FRAME = 'SELECT generation, sequence FROM frames WHERE session_id = ? ORDER BY generation DESC, sequence DESC LIMIT 1 OFFSET ?';

/** Stream frames, ordered by generation and sequence. What is kept of a session is always the end of its stream. */
export function createFrameRepository({ database, onDamage }: StoreContext): Store['frames'] {
  const read = (raw: RawRow): FrameRow => readRow(table, raw, onDamage);
  return {
    append: (rows) => database.transaction(() => {
      for (const row of rows) insertRow({ database, table, orIgnore: true }, row); // A frame that has its id is never rewritten.
    }),
    after: (sessionId, generation, sequence) => {
      const place = [sessionId, generation, sequence] as const;
      if (!isKept(database, place)) return null;
      return database.all(`${SELECT} WHERE session_id = ? AND (generation, sequence) > (?, ?) ${IN_ORDER}`, ...place).map(read);
    },
    ofTurn: (turnId) => database.all(`${SELECT} WHERE turn_id = ? ${IN_ORDER}`, turnId).map(read),
    lastSequence: (sessionId, generation) => {
      const raw = database.get('SELECT max(sequence) AS last FROM frames WHERE session_id = ? AND generation = ?', sessionId, generation);
      return Number(raw?.last ?? 0);
    },
    prune: (sessionId, keep) => database.transaction(() => {
      dropBefore(database, sessionId, database.get(FIRST_OF_NTH_TURN, sessionId, Math.max(0, keep.turns - 1)));
      dropBefore(database, sessionId, database.get(NTH_FRAME, sessionId, Math.max(0, keep.frames - 1)));
    }),
    clear: (sessionId) => {
      database.run('DELETE FROM frames WHERE session_id = ?', sessionId);
    },
  };
}

/** Sequence 0 stands before the first frame, so it is kept as long as that is. */
function isKept(database: Database, [sessionId, generation, sequence]: readonly [string, number, number]): boolean {
  const sql = 'SELECT 1 FROM frames WHERE session_id = ? AND generation = ? AND sequence = ?';
  return database.get(sql, sessionId, generation, sequence === 0 ? 1 : sequence) !== null;
}

function dropBefore(database: Database, sessionId: string, first: RawRow | null): void {
  if (first === null) return;
  const sql = 'DELETE FROM frames WHERE session_id = ? AND (generation, sequence) < (?, ?)';
  database.run(sql, sessionId, Number(first.generation), Number(first.sequence));
}
