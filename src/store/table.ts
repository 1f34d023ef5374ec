import type { SQLInputValue } from 'node:sqlite';
import type { Column } from './columns.ts';
import type { Database, RawRow } from './database.ts';

/** The columns of a row type, by field. */
export type Columns<Row> = { readonly [Key in keyof Row]-?: Column<Row[Key]> };

/** A table whose columns are the fields of `Row`; it may have further columns that the program does not read. */
export interface Table<Row> { readonly name: string; readonly columns: Columns<Row> }

/** Names the damaged text of a row that was read. */
export type OnRowDamage = (place: { table: string; column: string; raw: RawRow; problem: string }) => void;

/** The column list of a SELECT. */
export function columnList<Row>(table: Table<Row>): string {
  return quoteAll(Object.keys(table.columns));
}

/** Inserts a row; `extra` holds columns beside the fields. */
export function insertRow<Row extends object>(
  target: { database: Database; table: Table<Row>; orIgnore?: boolean }, row: Row, extra: Record<string, SQLInputValue> = {},
): void {
  const values = { ...encodeFields(target.table, row), ...extra };
  const names = Object.keys(values);
  const verb = target.orIgnore === true ? 'INSERT OR IGNORE' : 'INSERT';
  const marks = names.map(() => '?').join(', ');
  target.database.run(`${verb} INTO ${target.table.name} (${quoteAll(names)}) VALUES (${marks})`, ...Object.values(values));
}

/** Replaces the given fields of the rows that match `key` exactly; returns how many there were. */
export function updateRow<Row extends object>(
  target: { database: Database; table: Table<Row> }, key: Record<string, SQLInputValue>, change: Partial<Row>,
): number {
  const values = encodeFields(target.table, change);
  const names = Object.keys(values).sort();
  if (names.length === 0) return 0;
  const assignments = names.map((name) => `"${name}" = ?`).join(', ');
  const conditions = Object.keys(key).map((name) => `${name} = ?`).join(' AND ');
  const ordered = names.map((name) => values[name] ?? null);
  return target.database.run(`UPDATE ${target.table.name} SET ${assignments} WHERE ${conditions}`, ...ordered, ...Object.values(key));
}

/** Encodes the fields that are present; a field without a column is a defect. */
export function encodeFields<Row extends object>(table: Table<Row>, fields: Partial<Row>): Record<string, SQLInputValue> {
  const values: Record<string, SQLInputValue> = {};
  for (const name of Object.keys(fields)) {
    if (!isField(table, name)) throw new Error(`table ${table.name} has no column ${name}`);
    const value = fields[name];
    // An optional field that is absent keeps its column; `Partial<Row>` cannot say that the value belongs to this column.
    if (value !== undefined) values[name] = table.columns[name].encode(value as Row[typeof name]);
  }
  return values;
}

/** Reads a row; damaged texts are reported and replaced by their column's fallback. */
export function readRow<Row extends object>(table: Table<Row>, raw: RawRow, onDamage: OnRowDamage): Row {
  const row: Partial<Row> = {};
  for (const column of Object.keys(table.columns)) {
    if (!isField(table, column)) continue;
    row[column] = table.columns[column].decode(raw[column], (problem) => onDamage({ table: table.name, column, raw, problem }));
  }
  return row as Row; // Every field of Row has a column, by the type of `Columns`, and each was just set.
}

/** One column of ours is named by a keyword. */
function quoteAll(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

function isField<Row extends object>(table: Table<Row>, name: string): name is Extract<keyof Row, string> {
  return Object.hasOwn(table.columns, name);
}
