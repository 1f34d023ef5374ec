import { anyJson, text } from './columns.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import { readRow } from './table.ts';
import type { Table } from './table.ts';

const table: Table<{ key: string; value: unknown }> = { name: 'facts', columns: { key: text, value: anyJson } };
const GET = 'SELECT key, value FROM facts WHERE key = ? AND (expires_at_ms IS NULL OR expires_at_ms > ?)';

/** Learnt facts; an expired or unknown one reads as undefined. */
export function createFactRepository({ database, clock, onDamage }: StoreContext): Store['facts'] {
  return {
    get: (key, nowMs) => {
      const raw = database.get(GET, key, nowMs);
      return raw === null ? undefined : readRow(table, raw, onDamage).value;
    },
    put: (key, value, expiresAtMs) => database.transaction(() => {
      database.run('DELETE FROM facts WHERE expires_at_ms <= ?', clock.now().getTime());
      database.run('INSERT OR REPLACE INTO facts (key, value, expires_at_ms) VALUES (?, ?, ?)', key, anyJson.encode(value), expiresAtMs);
    }),
  };
}
