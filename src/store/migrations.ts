import type { Database } from './database.ts';
import { SCHEMA_1 } from './schema.ts';
import { StoreTooNewError } from './storage-error.ts';

/** One script per step, applied in order and never changed once released; the file's `user_version` counts those done. */
export const MIGRATIONS: readonly string[] = [SCHEMA_1];

/** Schema that this program writes. */
export const STORE_SCHEMA = MIGRATIONS.length;

/** Lowest schema whose program can still open what this program writes; raised only by a step that older programs cannot bear. */
export const STORE_SCHEMA_COMPATIBLE = 1;

export interface MigrationPlan { scripts: readonly string[]; compatible: number }

/** Brings the file to the plan's schema in one transaction. Throws `StoreTooNewError` when only a newer program can read it. */
export function migrate(database: Database, plan: MigrationPlan = { scripts: MIGRATIONS, compatible: STORE_SCHEMA_COMPATIBLE }): void {
  const known = plan.scripts.length;
  database.transaction(() => {
    const found = schemaOf(database);
    if (found.compatible > known) throw new StoreTooNewError(found.compatible, known);
    if (found.schema >= known) return;
    for (const script of plan.scripts.slice(found.schema)) database.exec(script);
    database.exec(`PRAGMA user_version = ${known}`);
    database.run("INSERT OR REPLACE INTO meta (key, value) VALUES ('store_schema_compatible', ?)", String(plan.compatible));
  });
}

/** Schema of the file and the lowest schema that may open it; both 0 for a new file. */
function schemaOf(database: Database): { schema: number; compatible: number } {
  const schema = Number(database.get('PRAGMA user_version')?.user_version ?? 0);
  if (schema === 0) return { schema, compatible: 0 };
  const hasMeta = database.get("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'") !== null;
  const row = hasMeta ? database.get("SELECT value FROM meta WHERE key = 'store_schema_compatible'") : null;
  return { schema, compatible: row === null ? schema : Number(row.value) };
}
