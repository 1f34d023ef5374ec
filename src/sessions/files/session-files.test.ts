import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, readFile, readdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIMITS } from '../../contracts/index.ts';
import { CHAPTER, codeOf, openBench } from '../sessions-bench.test-support.ts';
import type { Bench } from '../sessions-bench.test-support.ts';
import { readRegular } from './file-bytes.ts';
import { resolveInWorkspace } from './resolve-in-workspace.ts';

let bench: Bench;
let count = 0;
beforeAll(async () => { bench = await openBench(); });
afterAll(async () => { await bench[Symbol.asyncDispose](); });

/** A session of its own for each test, with an empty workspace. */
async function openSession(): Promise<{ id: string; root: string }> {
  count += 1;
  bench.clock.at += 60_000;
  const id = `f${count}`;
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: id });
  const root = bench.path(id, 'user_workspace');
  await rm(root, { recursive: true });
  await mkdir(root);
  return { id, root };
}

const put = (...[id, name, content = 'x = 1\n', ifMatch = null]: [id: string, name: string, content?: string, ifMatch?: string | null]) =>
  bench.sessions.files.write(id, name, { content, encoding: 'utf-8', ifMatch });
const names = async (id: string) => (await bench.sessions.files.list(id, undefined)).map(({ name }) => name);

/** Swaps the folder `d` for a link to outside and back, as fast as a thread can. */
const SWAPPER = `
  const { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync } = require('node:fs');
  const { parentPort, workerData: { root, outside, flags } } = require('node:worker_threads');
  parentPort.postMessage('ready');
  while (Atomics.load(flags, 0) === 0) {
    try {
      renameSync(root + '/d', root + '/real');
      symlinkSync(outside, root + '/d');
      Atomics.add(flags, 1, 1);
      unlinkSync(root + '/d');
      renameSync(root + '/real', root + '/d');
    } catch {
      // A write may make the folder anew in between, also while it is removed; then the swap starts over, with nothing left in its way.
      try {
        for (const name of ['/d', '/real']) rmSync(root + name, { recursive: true, force: true });
        mkdirSync(root + '/d', { recursive: true });
      } catch {}
    }
  }
`;

const [MIN_ROUNDS, MIN_SWAPS, MAX_ROUNDS] = [300, 100, 100_000];

const BAD_NAMES = [
  '../x.py', 'a/../../x.py', 'a/../x.py', './x.py', '..\\secret.py', '/etc/x.py', 'C:/x.py', '//h/s/x.py', '\\\\h\\s\\x.py', '', '/', 'a//b.py', 'a/',
  'con.py', 'NUL.txt', 'a/COM1.csv', 'LPT¹.txt', 'CONIN$.txt', 'a.py.', 'a.py ', 'a.py::$DATA', 'a:b.py', 'a*.py', 'a?.py', 'a|b.py', 'a"b.py', 'a<b.py',
  'a\0b.py', 'a\nb.py', 'a\r\nb.py', 'a\u202eyp.x.py', 'a\u2066b.py', '.sidecar/x.py', '.sidecar-new', `${'a'.repeat(118)}.py`,
  '1/2/3/4/5/6/7/8/9.py', `${'a/'.repeat(7)}${'b'.repeat(300)}.py`, `\ud800.py`,
];

describe('names', () => {
  let shared: { id: string; root: string };
  beforeAll(async () => {
    shared = await openSession();
    await put(shared.id, 'ok.py');
  });

  it.each(BAD_NAMES)('refuses %j everywhere', async (name) => {
    const { id, root } = shared;
    const { files } = bench.sessions;

    const codes = await Promise.all([
      codeOf(() => put(id, name)), codeOf(() => files.read(id, name)), codeOf(() => files.readRaw(id, name)),
      codeOf(() => files.remove(id, name, { recursive: true })), codeOf(() => files.move(id, { from: name, to: 'z.py', overwrite: true })),
      codeOf(() => files.move(id, { from: 'ok.py', to: name, overwrite: true })), codeOf(() => files.removeUpload(id, name)),
    ]);

    expect(new Set(codes)).toEqual(new Set(['INVALID_PATH']));
    expect(await readdir(root)).toEqual(['ok.py']);
  });

  it.each(['x..py', 'a b.py', '数据/读取.py', '.hidden.py', 'a/b/c/d/e/f/g/h.py', `${'a'.repeat(117)}.py`])('accepts %j and gives it back', async (name) => {
    const { id } = await openSession();

    await put(id, name, 'text\r\n\ufeff');

    expect(await bench.sessions.files.read(id, name)).toMatchObject({ name, content: 'text\r\n\ufeff', encoding: 'utf-8', size_bytes: 9 });
    expect(await names(id)).toEqual([name]);
  });

  it.each([['A.py', 'a.py'], ['Data/x.py', 'data/y.py'], ['e\u0301.py', '\u00e9.py']])('refuses %j beside %j', async (twin, first) => {
    const { id } = await openSession();
    await put(id, first);

    expect(await codeOf(() => put(id, twin))).toBe('FILE_EXISTS');
    expect(await names(id)).toEqual([first]);
  });

  it('keeps a new name in its composed form', async () => {
    const { id, root } = await openSession();

    await put(id, 'e\u0301.py');

    expect(await readdir(root)).toEqual(['\u00e9.py']);
  });
});

describe('links and special files', () => {
  it.skipIf(process.platform === 'win32')('refuses a link to outside and removes only the link', async () => {
    const { id, root } = await openSession();
    const { files } = bench.sessions;
    const outside = bench.path(id, 'home', 'secret.py');
    await writeFile(outside, 'secret');
    await symlink(outside, `${root}/link.py`);
    await symlink(bench.path(id, 'home'), `${root}/folder`);

    const codes = await Promise.all(['link.py', 'folder/secret.py'].flatMap((name) => [
      codeOf(() => files.read(id, name)), codeOf(() => files.readRaw(id, name)), codeOf(() => put(id, name, 'overwritten')),
      codeOf(() => files.move(id, { from: name, to: 'z.py', overwrite: false })),
    ]));
    const listed = await names(id);
    await files.remove(id, 'link.py', { recursive: false });
    await files.remove(id, 'folder', { recursive: true });

    expect(new Set(codes)).toEqual(new Set(['INVALID_PATH']));
    expect(listed).toEqual([]);
    expect(await readdir(root)).toEqual([]);
    expect(await readFile(outside, 'utf8')).toBe('secret');
  });

  it.skipIf(process.platform === 'win32')('neither opens nor lists a pipe, and removes it', async () => {
    const { id, root } = await openSession();
    execFileSync('mkfifo', [`${root}/pipe.txt`]);

    expect(await codeOf(() => bench.sessions.files.read(id, 'pipe.txt'))).toBe('INVALID_PATH');
    expect(await codeOf(() => put(id, 'pipe.txt'))).toBe('INVALID_PATH');
    expect(await names(id)).toEqual([]);
    await bench.sessions.files.remove(id, 'pipe.txt', { recursive: false });
    expect(await readdir(root)).toEqual([]);
  });

  it.skipIf(process.platform !== 'linux')('never reaches outside while a parent is swapped for a link', { timeout: 300_000 }, async () => {
    const { id, root } = await openSession();
    const outside = bench.path(id, 'home');
    await writeFile(`${outside}/x.py`, 'outside');
    await put(id, 'd/x.py', 'inside');
    const flags = new Int32Array(new SharedArrayBuffer(8));
    const swapper = new Worker(SWAPPER, { eval: true, workerData: { root, outside, flags } });
    const ended = once(swapper, 'exit');
    await once(swapper, 'message');

    const swaps = (): number => Atomics.load(flags, 1);

    try {
      // Enough of both: on a busy machine the two threads do not advance alike.
      for (let round = 0; round < MIN_ROUNDS || swaps() < MIN_SWAPS; round += 1) {
        if (round === MAX_ROUNDS) throw new Error(`only ${swaps()} swaps in ${round} rounds`);
        const read = await bench.sessions.files.read(id, 'd/x.py').then((file) => file.content, () => null);
        expect(read).not.toBe('outside');
        await put(id, 'd/x.py', 'inside').catch(() => null); // Refused or done; what counts is what is outside afterwards.
      }
    } finally {
      Atomics.store(flags, 0, 1);
      await ended;
    }

    expect(await readFile(`${outside}/x.py`, 'utf8')).toBe('outside');
    expect(await readdir(outside)).toEqual(['x.py']);
  });
});

it.skipIf(process.platform !== 'linux')('keeps a found place inside after its parent became a link', async () => {
  const { id, root } = await openSession();
  const outside = bench.path(id, 'home');
  await writeFile(`${outside}/x.py`, 'outside');
  await put(id, 'd/x.py', 'inside');

  await using place = await resolveInWorkspace(root, 'd/x.py', 'look');
  await rename(`${root}/d`, `${root}/real`);
  await symlink(outside, `${root}/d`);

  expect((await readRegular(place?.path ?? '', 100)).toString()).toBe('inside');
});

describe('reading and writing', () => {
  it('gives bytes that are no text as base64, and takes them back', async () => {
    const { id } = await openSession();
    const content = Buffer.from([0x89, 0x50, 0xff, 0x00]).toString('base64');
    await bench.sessions.files.write(id, 'p.png', { content, encoding: 'base64', ifMatch: null });

    expect(await bench.sessions.files.read(id, 'p.png')).toMatchObject({ content, encoding: 'base64', size_bytes: 4 });
    expect(await bench.sessions.files.readRaw(id, 'p.png')).toMatchObject({ contentType: 'image/png', fileName: 'p.png' });
  });

  it.each([['a.svg', 'application/octet-stream'], ['a.html', 'application/octet-stream'], ['a.JPG', 'image/jpeg']])('serves %s raw as %s', async (name, type) => {
    const { id } = await openSession();
    await put(id, name, '<script>');

    expect((await bench.sessions.files.readRaw(id, name)).contentType).toBe(type);
  });

  it('writes only over the version that if-match names', async () => {
    const { id } = await openSession();
    await put(id, 'a.py', 'one');
    const { etag } = await bench.sessions.files.read(id, 'a.py');

    const missing = await codeOf(() => put(id, 'b.py', 'x', '*'));
    await put(id, 'a.py', 'two', `"other", ${etag}`);
    const stale = await codeOf(() => put(id, 'a.py', 'three', etag));

    expect([missing, stale]).toEqual(['PRECONDITION_FAILED', 'PRECONDITION_FAILED']);
    expect((await bench.sessions.files.read(id, 'a.py')).content).toBe('two');
  });

  it('lets exactly one of two writers with the same version win', async () => {
    const { id } = await openSession();
    await put(id, 'a.py', 'one');
    const { etag } = await bench.sessions.files.read(id, 'a.py');

    const codes = await Promise.all(['two', 'three'].map((text) => codeOf(() => put(id, 'a.py', text, etag))));

    expect(codes.sort()).toEqual(['PRECONDITION_FAILED', 'none']);
  });

  it.each([
    ['a program', 'a.exe', 'x', 'FILE_TYPE_NOT_ALLOWED'], ['no extension', 'Makefile', 'x', 'FILE_TYPE_NOT_ALLOWED'],
    ['only an extension', '.py', 'x', 'FILE_TYPE_NOT_ALLOWED'], ['a byte too much text', 'a.py', 'x'.repeat(LIMITS.workspace_text_bytes + 1), 'FILE_TOO_LARGE'],
    ['a byte too much image', 'a.svg', 'x'.repeat(LIMITS.workspace_image_bytes + 1), 'FILE_TOO_LARGE'], ['half a character', 'a.py', '\ud800', 'VALIDATION_FAILED'],
  ])('refuses %s', async (...[_title, name, content, code]) => {
    const { id, root } = await openSession();

    expect(await codeOf(() => put(id, name, content))).toBe(code);
    expect(await readdir(root)).toEqual([]);
  });

  it('refuses what is no base64', async () => {
    const { id } = await openSession();

    expect(await codeOf(() => bench.sessions.files.write(id, 'a.png', { content: 'a$b', encoding: 'base64', ifMatch: null }))).toBe('VALIDATION_FAILED');
  });

  it('takes the largest file that is allowed', async () => {
    const { id } = await openSession();

    expect((await put(id, 'A.PY', 'x'.repeat(LIMITS.workspace_text_bytes))).size_bytes).toBe(LIMITS.workspace_text_bytes);
  });

  it('refuses the 2001st file and the 201st mebibyte', async () => {
    const { id, root } = await openSession();
    await writeFile(`${root}/big.bin`, '');
    await truncate(`${root}/big.bin`, LIMITS.workspace_bytes);
    const bytes = await codeOf(() => put(id, 'a.py'));
    await rm(`${root}/big.bin`);
    await Promise.all(Array.from({ length: LIMITS.workspace_files }, (_, index) => writeFile(`${root}/${index}.py`, '')));

    expect([bytes, await codeOf(() => put(id, 'a.py')), await codeOf(() => put(id, '0.py', ''))]).toEqual(['QUOTA_EXCEEDED', 'QUOTA_EXCEEDED', 'none']);
  });

  it.each([['a folder', 'd'], ['nothing', 'none.py'], ['a child of a file', 'a.py/b.py'], ['other case', 'A.py']])('finds no file for %s', async (_title, name) => {
    const { id } = await openSession();
    await put(id, 'a.py');
    await put(id, 'd/x.py');

    expect(await codeOf(() => bench.sessions.files.read(id, name))).toBe('FILE_NOT_FOUND');
  });

  it.each(['d.py', 'd.py/x.py', 'f.py/x.py'])('does not write %s over a folder or below a file', async (name) => {
    const { id, root } = await openSession();
    await mkdir(`${root}/d.py`);
    await put(id, 'f.py');

    expect(await codeOf(() => put(id, name))).toBe(name === 'd.py/x.py' ? 'none' : 'FILE_EXISTS');
  });

  it('leaves no temporary file behind', async () => {
    const { id } = await openSession();
    await put(id, 'a.py');
    await codeOf(() => put(id, 'a.exe'));

    expect((await readdir(bench.dir)).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('sources', () => {
  it.each([
    ['a copy of the bundle', async () => {}, 'bundle'],
    ['a copy that was written again', async (id: string) => { await put(id, 'starter.py'); }, 'user'],
    ['a copy that code changed', async (id: string) => { await writeFile(bench.path(id, 'user_workspace', 'starter.py'), 'changed'); }, 'user'],
  ])('tells %s', async (_title, change, source) => {
    bench.clock.at = Math.min(bench.clock.at, Date.now() - 60_000);
    count += 1;
    const id = `f${count}`;
    await bench.sessions.create({ chapter_id: CHAPTER, session_id: id });
    await change(id);

    const entry = (await bench.sessions.files.list(id, 'start')).find(({ name }) => name === 'starter.py');

    expect(entry?.source).toBe(source);
    bench.clock.at = Date.now() + count * 60_000;
  });
});

describe('removing and moving', () => {
  it('removes files, empty folders, and full ones only when told', async () => {
    const { id, root } = await openSession();
    await put(id, 'd/e/x.py');
    await mkdir(`${root}/empty`);
    const { files } = bench.sessions;

    expect(await codeOf(() => files.remove(id, 'd', { recursive: false }))).toBe('DIRECTORY_NOT_EMPTY');
    await files.remove(id, 'empty', { recursive: false });
    await files.remove(id, 'd', { recursive: true });
    expect(await codeOf(() => files.remove(id, 'd', { recursive: true }))).toBe('FILE_NOT_FOUND');
    expect(await readdir(root)).toEqual([]);
  });

  it.each([
    ['over a file', 'a.py', 'b.py', false, 'FILE_EXISTS'], ['over a file, told so', 'a.py', 'b.py', true, 'none'],
    ['over a folder', 'a.py', 'd', true, 'FILE_TYPE_NOT_ALLOWED'], ['a folder over a folder', 'd', 'e', true, 'FILE_EXISTS'],
    ['a folder into itself', 'd', 'd/x', false, 'INVALID_PATH'], ['into a new folder', 'a.py', 'n/m/a.py', false, 'none'],
    ['to a twin', 'a.py', 'B.py', true, 'FILE_EXISTS'], ['only the case', 'a.py', 'A.py', false, 'none'],
    ['to a type that may not be written', 'a.py', 'a.exe', false, 'FILE_TYPE_NOT_ALLOWED'], ['nothing', 'zz.py', 'y.py', false, 'FILE_NOT_FOUND'],
    ['a folder too deep', 'd', '1/2/3/4/5/6/7/8', false, 'INVALID_PATH'],
  ])('moves %s', async (...[_title, from, to, overwrite, code]) => {
    const { id } = await openSession();
    for (const name of ['a.py', 'b.py', 'd/x.py', 'e/y.py']) await put(id, name, name);
    const before = await names(id);

    expect(await codeOf(() => bench.sessions.files.move(id, { from, to, overwrite }))).toBe(code);
    const after = await names(id);
    expect(code === 'none' ? after.includes(to) && !after.includes(from) : after).toEqual(code === 'none' ? true : before);
  });
});

describe('uploads', () => {
  const upload = (id: string, ...parts: [string, string | Uint8Array][]) =>
    bench.sessions.files.upload(id, parts.map(([name, text]) => ({ name, bytes: typeof text === 'string' ? Buffer.from(text) : text })));
  const own = async (id: string) => (await bench.sessions.files.uploads(id)).filter(({ origin }) => origin === 'upload').map(({ filename }) => filename).sort();

  it.each([
    ['../../x.csv', 'x.csv'], ['C:\\x.csv', 'x.csv'], ['a:b?.csv', 'a_b_.csv'], ['数据.csv', '数据.csv'], ['e\u0301.csv', '\u00e9.csv'], ['weather_station.csv', 'weather_station_2.csv'],
    ['X.CSV', 'X.CSV'],
  ])('stores %j as %j', async (name, stored) => {
    const { id } = await openSession();

    const { files, message } = await upload(id, [name, 'a,b\n']);

    expect(files).toEqual([{ filename: stored, size: 4, upload_time: bench.clock.at / 1000, file_type: '.csv', origin: 'upload' }]);
    expect(message).not.toBe('');
    expect(await lstat(bench.path(id, 'working_files', stored))).toMatchObject({ size: 4 });
  });

  it('numbers names that are taken, also within one request and by case', async () => {
    const { id } = await openSession();
    await upload(id, ['x.csv', '1']);

    await upload(id, ['x.csv', '2'], ['X.csv', '3']);

    expect(await own(id)).toEqual(['X_3.csv', 'x.csv', 'x_2.csv']);
  });

  const big = new Uint8Array(LIMITS.upload_file_bytes + 1);
  it.each<[string, [string, string | Uint8Array][], string]>([
    ['only an extension', [['.csv', 'x']], 'FILE_TYPE_NOT_ALLOWED'], ['an empty name', [['', 'x']], 'INVALID_PATH'], ['a folder', [['a/', 'x']], 'INVALID_PATH'],
    ['a device', [['CON.csv', 'x']], 'INVALID_PATH'], ['dots', [['..', 'x']], 'INVALID_PATH'], ['a program', [['a.exe', 'x']], 'FILE_TYPE_NOT_ALLOWED'],
    ['a bad second part', [['a.csv', 'x'], ['b.exe', 'x']], 'FILE_TYPE_NOT_ALLOWED'], ['a byte too much', [['a.csv', big]], 'FILE_TOO_LARGE'],
    ['eleven files', Array.from({ length: 11 }, (_, index) => [`${index}.csv`, 'x']), 'TOO_MANY_FILES'], ['nothing', [], 'VALIDATION_FAILED'],
  ])('stores nothing of %s', async (_title, parts, code) => {
    const { id } = await openSession();

    expect(await codeOf(() => upload(id, ...parts))).toBe(code);
    expect(await own(id)).toEqual([]);
    expect((await readdir(bench.dir)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('stops at a hundred files of a session', async () => {
    const { id } = await openSession();
    for (let round = 0; round < 10; round += 1) await upload(id, ...Array.from({ length: 10 }, (_, index): [string, string] => [`${round}-${index}.csv`, 'x']));

    expect(await codeOf(() => upload(id, ['one-more.csv', 'x']))).toBe('QUOTA_EXCEEDED');
  });

  it('lists newest first, chapter data included, and deletes by name', async () => {
    const { id } = await openSession();
    bench.clock.at += 1000;
    await upload(id, ['mine.csv', 'x']);

    const listed = (await bench.sessions.files.uploads(id)).map(({ filename, origin }) => [filename, origin]);
    const answer = await bench.sessions.files.removeUpload(id, 'mine.csv');

    expect(listed).toEqual([['mine.csv', 'upload'], ['weather_station.csv', 'bundle']]);
    expect(answer).toEqual({ success: true, message: expect.any(String) });
    expect(await codeOf(() => bench.sessions.files.removeUpload(id, 'mine.csv'))).toBe('FILE_NOT_FOUND');
    expect(await codeOf(() => bench.sessions.files.removeUpload(id, 'a/mine.csv'))).toBe('INVALID_PATH');
  });
});
