import { createHash } from 'node:crypto';
import type { Clock, Log } from '../config/index.ts';
import { text } from './columns.ts';
import type { Database } from './database.ts';
import type { Store } from './store-contract.ts';
import type { QuarantineRow } from './store-rows.ts';
import { columnList, insertRow, readRow } from './table.ts';
import type { OnRowDamage, Table } from './table.ts';

const MAX_ROWS = 1_000;

const table: Table<QuarantineRow> = {
  name: 'quarantine',
  columns: { session_id: text, kind: text, body: text, problem: text, at: text },
};

/** What every repository works with. */
export interface StoreContext {
  database: Database;
  clock: Clock;
  log: Log;
  /** Sets a damaged text aside while a row is read; never throws, because reading goes on with a fallback. */
  onDamage: OnRowDamage;
}

/** Keeps texts that no longer parse, newest `MAX_ROWS` of them. */
export function createQuarantine(database: Database): Store['quarantine'] {
  const put = (row: QuarantineRow): void => {
    database.transaction(() => {
      const hash = createHash('sha256').update(row.body).digest('hex');
      insertRow({ database, table, orIgnore: true }, row, { body_hash: hash });
      database.run('DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?', MAX_ROWS);
    });
  };
  return {
    put,
    list: (sessionId) => {
      const filter = sessionId === undefined ? '' : 'WHERE session_id = ?';
      const raws = database.all(`SELECT ${columnList(table)} FROM quarantine ${filter} ORDER BY id`, ...(sessionId === undefined ? [] : [sessionId]));
      return raws.map((raw) => readRow(table, raw, () => {}));
    },
  };
}

/** Reports damage to the quarantine and the log. The same text is kept and logged once. */
export function createDamageReporter(deps: { quarantine: Store['quarantine']; clock: Clock; log: Log }): OnRowDamage {
  return ({ table: name, column, raw, problem }) => {
    const sessionId = typeof raw.session_id === 'string' ? raw.session_id : '';
    const kind = `${name}.${column}`;
    const body = String(raw[column]);
    try {
      if (deps.quarantine.list(sessionId).some((row) => row.kind === kind && row.body === body)) return;
      deps.log.error({ sessionId, kind, problem }, 'a stored object no longer parses and is set aside');
      deps.quarantine.put({ session_id: sessionId, kind, body, problem, at: deps.clock.now().toISOString() });
    } catch (error) {
      deps.log.error({ sessionId, kind, error: String(error) }, 'a damaged object could not be set aside');
    }
  };
}
