import { describe, expect, it } from 'vitest';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { Database } from './database.ts';
import { migrate } from './migrations.ts';
import { StoreTooNewError } from './storage-error.ts';

async function openScratch() {
  const folder = await createTemporaryFolder();
  const database = new Database(folder.join('scratch.db'));
  database.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT');
  const bodies = (): string[] => database.all('SELECT body FROM notes ORDER BY id').map((row) => String(row.body));
  const add = (body: string) => database.run('INSERT INTO notes (body) VALUES (?)', body);
  return {
    database, bodies, add, path: folder.join('scratch.db'),
    [Symbol.asyncDispose]: async () => {
      database.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('a transaction', () => {
  it('rolls back everything when the outermost work throws, also what a joined one wrote', async () => {
    await using scratch = await openScratch();

    expect(() => scratch.database.transaction(() => {
      scratch.add('outer');
      scratch.database.transaction(() => scratch.add('inner'));
      throw new Error('stop');
    })).toThrow('stop');

    expect(scratch.bodies()).toEqual([]);
  });

  it('undoes only the joined work that threw when the outer one goes on', async () => {
    await using scratch = await openScratch();

    scratch.database.transaction(() => {
      scratch.add('before');
      expect(() => scratch.database.transaction(() => {
        scratch.add('lost');
        throw new Error('stop');
      })).toThrow('stop');
      scratch.add('after');
    });

    expect(scratch.bodies()).toEqual(['before', 'after']);
  });

  it('refuses asynchronous work and keeps nothing of it', async () => {
    await using scratch = await openScratch();

    expect(() => scratch.database.transaction(async () => {
      scratch.add('early');
      await Promise.resolve();
    })).toThrow('must be synchronous');

    expect(scratch.bodies()).toEqual([]);
  });

  it('tells a full disk from other failures and stays usable', async () => {
    await using scratch = await openScratch();
    scratch.add('kept');
    scratch.database.exec('PRAGMA max_page_count = 3');

    const fill = () => scratch.database.transaction(() => {
      scratch.add('x'.repeat(40_000));
      scratch.add('never');
    });

    expect(fill).toThrow(expect.objectContaining({ code: 'STORAGE_FULL' }));
    scratch.database.exec('PRAGMA max_page_count = 1000');
    scratch.add('later');
    expect(scratch.bodies()).toEqual(['kept', 'later']);
  });

  it('commits nothing one by one after SQLite rolled back by itself', async () => {
    await using scratch = await openScratch();

    expect(() => scratch.database.transaction(() => {
      scratch.add('first');
      scratch.database.exec('ROLLBACK');
      scratch.add('second');
    })).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));

    expect(scratch.bodies()).toEqual([]);
  });

  it('leaves a broken constraint as the defect that it is', async () => {
    await using scratch = await openScratch();
    scratch.database.run("INSERT INTO notes (id, body) VALUES (1, 'a')");

    expect(() => scratch.database.run("INSERT INTO notes (id, body) VALUES (1, 'b')")).toThrow(expect.not.objectContaining({ code: 'STORAGE_FAILED' }));
  });
});

describe('migrations', () => {
  const steps = [
    'CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT; CREATE TABLE a (x INTEGER) STRICT',
    'ALTER TABLE a ADD COLUMN y INTEGER; INSERT INTO a VALUES (1, 2)',
  ];
  const columnsOf = (database: Database): unknown[] => database.all("SELECT name FROM pragma_table_info('a')").map((row) => row.name);

  it('applies the steps that are missing, once', async () => {
    await using scratch = await openScratch();
    migrate(scratch.database, { scripts: steps.slice(0, 1), compatible: 1 });

    migrate(scratch.database, { scripts: steps, compatible: 1 });
    migrate(scratch.database, { scripts: steps, compatible: 1 });

    expect(columnsOf(scratch.database)).toEqual(['x', 'y']);
    expect(scratch.database.all('SELECT x, y FROM a').length).toBe(1);
  });

  it('leaves the file as it was when a step fails', async () => {
    await using scratch = await openScratch();
    migrate(scratch.database, { scripts: steps.slice(0, 1), compatible: 1 });

    expect(() => migrate(scratch.database, { scripts: [...steps, 'CREATE TABEL b'], compatible: 1 })).toThrow('syntax error');

    expect(columnsOf(scratch.database)).toEqual(['x']);
    expect(scratch.database.get('PRAGMA user_version')).toEqual({ user_version: 1 });
  });

  it.each([
    ['refuses a file that needs a newer program', 2, true],
    ['opens a newer file that says it can be opened', 1, false],
  ])('%s', async (_title, compatible, isRefused) => {
    await using scratch = await openScratch();
    migrate(scratch.database, { scripts: steps, compatible });

    let refusal: unknown = null;
    try {
      migrate(scratch.database, { scripts: steps.slice(0, 1), compatible: 1 });
    } catch (error) {
      refusal = error;
    }

    expect(refusal instanceof StoreTooNewError).toBe(isRefused);
    expect(scratch.database.get('PRAGMA user_version')).toEqual({ user_version: 2 });
  });
});
