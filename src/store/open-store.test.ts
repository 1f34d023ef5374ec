import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { AT, sampleHistory, sampleSession } from '../../tests/support/store-rows.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { silentLog, systemClock } from '../config/index.ts';
import { openStore } from './open-store.ts';

const open = (dir: string, more: { lockWaitMs?: number; signal?: AbortSignal } = {}) => openStore({ dir, clock: systemClock, log: silentLog, ...more });
const OPEN_IN_CHILD = `
  import { openStore } from ${JSON.stringify(new URL('./open-store.ts', import.meta.url).href)};
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const clock = { now: () => new Date(), monotonicMs: () => performance.now() };
  const store = await openStore({ dir: process.env.STORE_DIR, clock, log, lockWaitMs: 0 });
`;

/** A child that opens the store, runs `body` and prints lines; the caller waits for a line instead of for time. */
function startChild(dir: string, body: string) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', OPEN_IN_CHILD + body], {
    env: { ...process.env, STORE_DIR: dir }, stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exit = once(child, 'exit');
  const kill = async () => {
    child.kill('SIGKILL');
    await exit;
  };
  return { nextLine: async () => (await lines.next()).value as string | undefined, kill, [Symbol.asyncDispose]: kill };
}

describe('opening a store', () => {
  it.skipIf(process.platform === 'win32')('makes the folder and files for this user alone', async () => {
    await using folder = await createTemporaryFolder();
    const dir = folder.join('deep', 'data');

    const store = await open(dir);
    store.sessions.insert(sampleSession('s1'));

    const modes = ['', 'sidecar.db', 'sidecar.db-wal', 'sidecar.lock'].map((name) => (statSync(`${dir}/${name}`).mode & 0o777).toString(8));
    store.close();
    expect(modes).toEqual(['700', '600', '600', '600']);
  });

  it.skipIf(process.platform === 'win32')('narrows the mode of files that exist', async () => {
    await using folder = await createTemporaryFolder();
    writeFileSync(folder.join('sidecar.db'), '');
    chmodSync(folder.join('sidecar.db'), 0o644);

    (await open(folder.path)).close();

    expect(statSync(folder.join('sidecar.db')).mode & 0o777).toBe(0o600);
  });

  it('keeps what was committed over close and open, and closes twice without harm', async () => {
    await using folder = await createTemporaryFolder();
    const first = await open(folder.path);
    first.sessions.insert(sampleSession('s1'));
    first.close();
    first.close();

    const second = await open(folder.path);

    expect(second.sessions.get('s1')).toEqual(sampleSession('s1'));
    expect(() => first.sessions.get('s1')).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
    second.close();
  });

  it.each([
    ['a newer schema that older programs cannot bear', '2', 'STORE_TOO_NEW'],
    ['a newer schema that this program can still open', '1', null],
  ])('meets %s', async (_title, compatible, code) => {
    await using folder = await createTemporaryFolder();
    (await open(folder.path)).close();
    const raw = new DatabaseSync(folder.join('sidecar.db'));
    raw.exec(`PRAGMA user_version = 2; UPDATE meta SET value = '${compatible}'`);
    raw.close();

    const outcome = await open(folder.path).then((store) => store.close(), (error: { code: string }) => error.code);

    expect(outcome ?? null).toBe(code);
    const after = new DatabaseSync(folder.join('sidecar.db'));
    expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 });
    after.close();
  });

  it.each([
    ['a file where the folder should be', (dir: string) => writeFileSync(dir, 'x')],
    ['a file that is no database', (dir: string) => {
      mkdirSync(dir);
      writeFileSync(`${dir}/sidecar.db`, 'not a database'.repeat(100));
    }],
  ])('names %s a storage failure and frees the lock', async (_title, prepare) => {
    await using folder = await createTemporaryFolder();
    const dir = folder.join('data');
    prepare(dir);

    await expect(open(dir)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });

    rmSync(dir, { recursive: true });
    (await open(dir, { lockWaitMs: 0 })).close();
  });

  it('fails writes but lives on when the data folder is deleted', async () => {
    await using folder = await createTemporaryFolder();
    const dir = folder.join('data');
    const store = await open(dir);
    store.sessions.insert(sampleSession('s1'));

    rmSync(dir, { recursive: true });

    expect(() => store.sessions.insert(sampleSession('s2'))).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
    expect(() => store.transaction(() => store.history.insert(sampleHistory('s1', 0)))).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
    expect([...store.sessions.ids()]).toEqual(['s1']);
    store.close();
  });
});

describe('the owner lock', () => {
  it('refuses a second owner after its wait, in the same process too', async () => {
    await using folder = await createTemporaryFolder();
    const first = await open(folder.path);

    await expect(open(folder.path, { lockWaitMs: 0 })).rejects.toMatchObject({ code: 'STORE_LOCKED' });

    first.close();
    (await open(folder.path, { lockWaitMs: 0 })).close();
  });

  it('waits for an owner that is going', async () => {
    await using folder = await createTemporaryFolder();
    const first = await open(folder.path);
    const second = open(folder.path, { lockWaitMs: 60_000 });

    first.close();

    const store = await second;
    expect([...store.sessions.ids()]).toEqual([]);
    store.close();
  });

  it('stops waiting on a signal', async () => {
    await using folder = await createTemporaryFolder();
    const first = await open(folder.path);
    const controller = new AbortController();
    const second = open(folder.path, { lockWaitMs: 60_000, signal: controller.signal });

    controller.abort();

    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
    first.close();
  });

  it('is free at once when its owner is killed, and the killed transaction has left nothing', async () => {
    await using folder = await createTemporaryFolder();
    await using owner = startChild(folder.path, `
      const row = ${JSON.stringify(sampleSession('s1'))};
      store.sessions.insert(row);
      store.transaction(() => {
        store.sessions.insert({ ...row, session_id: 's2' });
        store.sessions.update('s1', { report_md: 'half' }, ${JSON.stringify(AT)});
        process.stdout.write('inside\\n');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300_000); // Blocks until it is killed.
      });
    `);
    expect(await owner.nextLine()).toBe('inside');
    await expect(open(folder.path, { lockWaitMs: 0 })).rejects.toMatchObject({ code: 'STORE_LOCKED' });

    await owner.kill();

    const store = await open(folder.path, { lockWaitMs: 0 });
    expect(store.sessions.list({}).map((row) => row.session_id)).toEqual(['s1']);
    expect(store.sessions.get('s1')).toEqual(sampleSession('s1'));
    store.close();
  });

  it('loses no commit that was reported before the kill', async () => {
    await using folder = await createTemporaryFolder();
    await using writer = startChild(folder.path, `
      const row = ${JSON.stringify(sampleHistory('s1', 0))};
      store.sessions.insert(${JSON.stringify(sampleSession('s1'))});
      for (let index = 0; index < 100_000; index += 1) {
        store.transaction(() => {
          store.history.insert({ ...row, turn_index: index });
          store.outbox.enqueue('s1', { kind: 'turn', turn_index: index, body: { index } }, row.created_at);
        });
        process.stdout.write(index + '\\n');
        if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    `);
    let reported = -1;
    while (reported < 60) reported = Number(await writer.nextLine());

    await writer.kill();

    const store = await open(folder.path, { lockWaitMs: 0 });
    const turns = store.history.list('s1').map((row) => row.turn_index);
    expect(turns.length).toBeGreaterThan(reported);
    expect(turns).toEqual(turns.map((_turn, index) => index));
    expect(store.outbox.ofSession('s1').map((row) => row.turn_index)).toEqual(turns);
    store.close();
  });

  it('holds no secret: the lock file is empty', async () => {
    await using folder = await createTemporaryFolder();

    const store = await open(folder.path);
    store.close();

    expect(readFileSync(folder.join('sidecar.lock'))).toHaveLength(0);
  });
});
