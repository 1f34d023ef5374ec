import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import { SidecarError } from '../contracts/index.ts';
import { toStorageError } from './storage-error.ts';

/** A row as SQLite gives it. */
export type RawRow = Record<string, SQLOutputValue>;

/** More distinct statements than this are not expected; the cache starts anew instead of growing. */
const MAX_STATEMENTS = 400;

/** WAL: every commit survives SIGKILL. Loss of power may take the last ones, never the file; `flush` closes that gap where it matters. */
const PRAGMAS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA foreign_keys = ON;
  PRAGMA temp_store = MEMORY;
  PRAGMA trusted_schema = OFF;
  PRAGMA journal_size_limit = 16777216;
`;

/** One SQLite file: cached statements, joining transactions, failures as codes. */
export class Database {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #identity: string | null;
  #depth = 0;

  constructor(path: string) {
    this.#path = path;
    this.#database = new DatabaseSync(path, { timeout: 2_000, enableForeignKeyConstraints: true });
    try {
      this.#database.exec(PRAGMAS);
    } catch (error) {
      this.#database.close();
      throw this.#translate(error);
    }
    this.#identity = this.#identityOnDisk();
  }

  /** All rows of a query. */
  all(sql: string, ...values: SQLInputValue[]): RawRow[] {
    return this.#guard(() => this.#prepare(sql).all(...values));
  }

  /** The first row of a query, else null. */
  get(sql: string, ...values: SQLInputValue[]): RawRow | null {
    return this.#guard(() => this.#prepare(sql).get(...values) ?? null);
  }

  /** Runs one writing statement; returns how many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return this.#guard(() => {
      this.#assertWritable();
      return Number(this.#prepare(sql).run(...values).changes);
    });
  }

  /** Runs a script of statements without values. */
  exec(sql: string): void {
    this.#guard(() => this.#database.exec(sql));
  }

  /** Commits what `work` writes, or nothing. Inside another transaction it joins: what throws is undone, the rest is the outer's. */
  transaction<T>(work: () => T, { flush = false }: { flush?: boolean } = {}): T {
    if (this.#depth > 0) return this.#joined(work);
    return flush ? this.#flushed(work) : this.#outermost(work);
  }

  /** Moves the log into the main file, as far as readers allow, and closes. */
  close(): void {
    if (!this.#database.isOpen) return;
    this.#statements.clear();
    this.#database.close();
  }

  /** A commit that also survives loss of power, where the drive honours a flush. It carries what was committed before it. */
  #flushed<T>(work: () => T): T {
    this.exec('PRAGMA synchronous = FULL');
    try {
      return this.#outermost(work);
    } finally {
      if (this.#database.isOpen) this.#database.exec('PRAGMA synchronous = NORMAL');
    }
  }

  #outermost<T>(work: () => T): T {
    this.#guard(() => {
      this.#assertWritable();
      this.#database.exec('BEGIN IMMEDIATE');
    });
    this.#depth = 1;
    try {
      const result = refusePromise(work());
      this.#assertWritable();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      this.#rollBack('ROLLBACK');
      throw this.#translate(error);
    } finally {
      this.#depth = 0;
    }
  }

  #joined<T>(work: () => T): T {
    const name = `level_${this.#depth}`;
    this.exec(`SAVEPOINT ${name}`);
    this.#depth += 1;
    try {
      const result = refusePromise(work());
      this.exec(`RELEASE ${name}`);
      return result;
    } catch (error) {
      this.#rollBack(`ROLLBACK TO ${name}; RELEASE ${name}`);
      throw this.#translate(error);
    } finally {
      this.#depth -= 1;
    }
  }

  /** A full disk makes SQLite roll back by itself, so there may be nothing left to undo. */
  #rollBack(sql: string): void {
    if (!this.#database.isOpen || !this.#database.isTransaction) return;
    try {
      this.#database.exec(sql);
    } catch {
      // The error that led here is the one to tell; the file's log makes the half transaction void.
    }
  }

  /** Writes into a deleted file succeed without a trace, and writes after SQLite's own rollback would commit one by one. */
  #assertWritable(): void {
    if (this.#depth > 0 && !this.#database.isTransaction) throw new SidecarError('STORAGE_FAILED', 'the transaction was rolled back');
    if (this.#identityOnDisk() !== this.#identity) throw new SidecarError('STORAGE_FAILED', 'the store file was removed');
  }

  #identityOnDisk(): string | null {
    const stat = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? null : `${stat.dev}:${stat.ino}`;
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#translate(error);
    }
  }

  #translate(error: unknown): unknown {
    return toStorageError(error, dirname(this.#path));
  }
}

/** A promise would be committed before it has done its work. */
function refusePromise<T>(result: T): T {
  if (result instanceof Promise) throw new Error('a transaction must be synchronous');
  return result;
}
