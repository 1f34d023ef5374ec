import { chmod, lstat, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHAPTER, codeOf, openBench, textOf } from './sessions-bench.test-support.ts';
import type { Bench } from './sessions-bench.test-support.ts';

it('creates row, folder and copies together, without a solution', async () => {
  await using bench = await openBench();

  const answer = await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' });

  expect(answer).toEqual({
    session_id: 's1', initial_message: 'Hello, and welcome to the learning platform.',
    workspace: {
      has_starter_code: true, has_datasets: true,
      files: [{ name: 'datasets/weather_station.csv', source: 'bundle' }, { name: 'starter.py', source: 'bundle' }],
    },
    chapter: { chapter_id: CHAPTER, title: expect.any(String), task_count: expect.any(Number), language: 'en' }, sync: 'off',
  });
  expect((await readdir(bench.path('s1'))).sort()).toEqual(['home', 'user_workspace', 'working_files']);
  expect(await readdir(bench.path('s1', 'user_workspace'))).not.toContain('solution.py');
  expect(bench.sessions.state('s1')).toMatchObject({ session_id: 's1', chapter_id: CHAPTER, turn_index: 0, current_subtask_id: 'load_table' });
  expect(bench.store.sessions.get('s1')?.packet).toMatchObject({ instruction_version: 1, current_task_id: 'load_table', derived: true });
  expect(bench.sessions.dynamicReport('s1')).toBe('');
});

it.skipIf(process.platform === 'win32')('keeps folders and files private', async () => {
  await using bench = await openBench();
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' });

  const modes = await Promise.all([[], ['user_workspace'], ['home'], ['user_workspace', 'starter.py']]
    .map(async (names) => (await lstat(bench.path('s1', ...names))).mode & 0o777));

  expect(modes).toEqual([0o700, 0o700, 0o700, 0o600]);
});

it.each(['..', '../x', 'a/b', 'C:\\x', '_x', 'x'.repeat(65), 'CON', 'com1', ' a', 'a b', '-a'])('refuses %j as an id and makes nothing', async (id) => {
  await using bench = await openBench();
  const before = await readdir(bench.dir);

  expect(await codeOf(() => bench.sessions.create({ chapter_id: CHAPTER, session_id: id }))).toBe('SESSION_ID_INVALID');
  expect(await readdir(bench.dir)).toEqual(before);
});

it.each(['c/..', 'c/', 'a/b/c', 'c\\d', 'c/x.', 'x'.repeat(300)])('refuses the chapter id %j', async (chapterId) => {
  await using bench = await openBench();

  expect(await codeOf(() => bench.sessions.create({ chapter_id: chapterId, session_id: 's1' }))).toBe('CHAPTER_ID_INVALID');
  expect(await readdir(bench.dir)).not.toContain('s1');
});

it('answers a repeat without turns with the same body, and mints an id for an empty one', async () => {
  await using bench = await openBench();
  const first = await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' });

  expect(await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' })).toEqual(first);
  expect((await bench.sessions.create({ chapter_id: CHAPTER, session_id: '' })).session_id).toMatch(/^[0-9a-f-]{36}$/);
});

it('gives two creations of one id at once the same answer', async () => {
  await using bench = await openBench();

  const [one, other] = await Promise.all([1, 2].map(() => bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' })));

  expect(one).toEqual(other);
});

it.each([
  ['another chapter', 's1', 'python_first_steps/ch2_comparing_groups', false],
  ['other case', 'S1', CHAPTER, false],
  ['a session with turns', 's1', CHAPTER, true],
])('refuses an id that is taken: %s', async (...[_title, id, chapterId, hasTurn]) => {
  await using bench = await openBench();
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' });
  if (hasTurn) bench.commitTurn('s1', { user: 'hi', companion: 'hello' });
  const before = bench.store.sessions.get('s1');

  expect(await codeOf(() => bench.sessions.create({ chapter_id: chapterId, session_id: id }))).toBe('SESSION_EXISTS');
  expect(bench.store.sessions.get('s1')).toEqual(before);
});

it('admits thirty creations a minute and tells the rest when to come back', async () => {
  await using bench = await openBench();
  const create = async (chapter = CHAPTER) => await codeOf(() => bench.sessions.create({ chapter_id: chapter }));
  const refused = [];
  for (let count = 0; count < 30; count += 1) refused.push(await create('nowhere'));
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' });
  for (let count = 0; count < 5; count += 1) await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' });
  const codes = [];
  for (let count = 0; count < 30; count += 1) codes.push(await create());
  const refusal = await bench.sessions.create({ chapter_id: CHAPTER }).catch((error: unknown) => error);
  bench.clock.at += 60_000;

  expect(new Set(refused)).toEqual(new Set(['CHAPTER_NOT_FOUND'])); // Refusals and repeats make no session, so they do not count.
  expect(codes.map((code) => code === 'RATE_LIMITED')).toEqual([...Array(29).fill(false), true]);
  expect(refusal).toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 60 });
  expect(await create()).not.toBe('RATE_LIMITED');
  expect((await readdir(bench.dir)).filter((name) => name.startsWith('.'))).toEqual([]);
});

it('bounds also the requests that make no session', async () => {
  await using bench = await openBench();
  const create = async () => await codeOf(() => bench.sessions.create({ chapter_id: 'c/..' }));
  const codes = new Set<unknown>();
  for (let count = 0; count < 300; count += 1) codes.add(await create());

  expect(codes).toEqual(new Set(['CHAPTER_ID_INVALID']));
  expect(await create()).toBe('RATE_LIMITED');
});

it('gives the room of a creation back that broke off', async () => {
  await using bench = await openBench();
  await rm(bench.dir, { recursive: true });
  const codes = new Set<unknown>();
  for (let count = 0; count < 31; count += 1) codes.add(await codeOf(() => bench.sessions.create({ chapter_id: CHAPTER })));

  expect(codes).toEqual(new Set(['STORAGE_FAILED']));
});

it('creates an id again after a kill between folder and row', async () => {
  await using bench = await openBench();
  await mkdir(bench.path('s1', 'user_workspace'), { recursive: true });
  await writeFile(bench.path('s1', '.sidecar-new'), '');

  const answer = await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' });

  expect(answer.workspace.has_starter_code).toBe(true);
});

it('sweeps what a killed process left and nothing else', async () => {
  await using bench = await openBench();
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 'kept' });
  await writeFile(bench.path('kept', '.sidecar-new'), '');
  await mkdir(bench.path('half'));
  await writeFile(bench.path('half', '.sidecar-new'), '');
  await mkdir(bench.path('.new-x', 'user_workspace'), { recursive: true });
  await mkdir(bench.path('.trash-y'));
  await mkdir(bench.path('other'));

  expect(await bench.sessions.sweep()).toBe(3);
  const names = await readdir(bench.dir);
  expect(names.filter((name) => !name.startsWith('sidecar.')).sort()).toEqual(['kept', 'other']);
  expect(await readdir(bench.path('kept'))).not.toContain('.sidecar-new');
});

it.each([
  ['http to another machine', 'http://evil.example'], ['user info', 'https://a:b@evil.example'], ['a file', 'file:///etc/passwd'],
  ['no URL', 'nonsense'], ['an origin outside the list', 'https://other.example'],
])('refuses a backend address: %s', async (_title, url) => {
  await using bench = await openBench({ settings: { backendOrigins: ['https://ok.example'] } });

  expect(await codeOf(() => bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1', backend_url: url, auth_token: 't' }))).toBe('BACKEND_URL_NOT_ALLOWED');
  expect(await readdir(bench.dir)).not.toContain('s1');
});

it('switches sync on with address and token, and never stores the token', async () => {
  await using bench = await openBench();

  const answer = await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1', backend_url: 'https://b.example/api//', auth_token: 'secret-token' });

  expect(answer.sync).toBe('on');
  expect(bench.store.backends.get('s1')).toMatchObject({ origin: 'https://b.example', url: 'https://b.example/api', bid: null, paused: null });
  expect(bench.tokens.get('s1')).toBe('secret-token');
  expect(JSON.stringify([bench.store.sessions.get('s1'), bench.store.backends.get('s1')])).not.toContain('secret-token');
});

it.each([['a link out', 'link'], ['the whole disk', '/']])('refuses a chapter bundle outside the trusted roots: %s', async (_title, kind) => {
  await using bench = await openBench();
  await using trusted = await openBench({ roots: { contentRoots: [bench.dir] } });
  await symlink('/etc', bench.path('link'));
  const path = kind === 'link' ? bench.path('link') : kind;

  const code = await codeOf(() => trusted.sessions.create({
    chapter_id: CHAPTER, session_id: 's1', desktop_context: { bundle_paths: { chapter_bundle_path: path } },
  }));

  expect(code).toBe('BUNDLE_PATH_NOT_ALLOWED');
});

it.skipIf(process.platform === 'win32' || process.getuid?.() === 0)('leaves nothing when the folder cannot be made', async () => {
  await using bench = await openBench();
  await chmod(bench.dir, 0o500);
  const code = await codeOf(() => bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' }));
  await chmod(bench.dir, 0o700);

  expect(code).toBe('STORAGE_FAILED');
  expect(bench.store.sessions.get('s1')).toBeNull();
});

it('greets in Chinese in the shipped app', async () => {
  await using bench = await openBench({ settings: { isDesktopMode: true } });

  expect((await bench.sessions.create({ chapter_id: CHAPTER })).initial_message).toBe('你好！欢迎来到学习平台。');
});

it('deletes rows and folder, unless a turn runs or rows wait for the backend', async () => {
  await using bench = await openBench();
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1', backend_url: 'http://127.0.0.1:9', auth_token: 't' });
  bench.engine.busy.add('s1');
  const busy = await codeOf(() => bench.sessions.delete('s1', { force: false }));
  bench.engine.busy.clear();
  bench.store.outbox.enqueue('s1', { kind: 'report', turn_index: null, body: {} }, new Date().toISOString());
  const pending = await codeOf(() => bench.sessions.delete('s1', { force: false }));
  bench.engine.busy.add('s1');

  await bench.sessions.delete('s1', { force: true });

  expect([busy, pending]).toEqual(['SESSION_BUSY', 'SYNC_PENDING']);
  expect(bench.store.sessions.get('s1')).toBeNull();
  expect((await readdir(bench.dir)).filter((name) => !name.startsWith('sidecar.'))).toEqual([]);
  expect(bench.lanesEnded).toEqual(['s1']);
  expect(await codeOf(() => bench.sessions.delete('s1', { force: true }))).toBe('SESSION_NOT_FOUND');
});

it.each(['..', '../s1', 's1/../s1', '%2e%2e', 'nobody', ''])('knows no session %j', async (id) => {
  await using bench = await openBench();
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' });
  await bench.sessions.ensureKnown(id);

  expect(await codeOf(() => bench.sessions.history(id))).toBe('SESSION_NOT_FOUND');
  expect(await codeOf(() => bench.sessions.reattach(id, {}))).toBe('SESSION_NOT_FOUND');
  expect(await codeOf(() => bench.sessions.files.list(id, undefined))).toBe('SESSION_NOT_FOUND');
  expect(bench.sessions.send(id, { message: 'hi' })).toBeNull();
});

it('shows the chapter inside the session folder, without solutions or texts of the tutor', async () => {
  await using bench = await openBench();
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' });

  const view = await bench.sessions.files.workspace('s1');

  const chapterDir = bench.path('s1', 'chapter_view', 'courses', 'python_first_steps', 'chapters', 'ch1_reading_a_table');
  expect(view).toEqual({
    chapter_id: CHAPTER, chapter_dir: chapterDir, scripts_dir: `${chapterDir}/scripts`, datasets_dir: `${chapterDir}/datasets`,
    assets_dir: null, starter_code: `${chapterDir}/scripts/starter.py`,
  });
  expect((await readdir(chapterDir, { recursive: true })).sort()).toEqual(['datasets', 'datasets/weather_station.csv', 'scripts', 'scripts/starter.py']);
  expect(await bench.sessions.files.workspace('s1')).toEqual(view);
  expect((await textOf(view.starter_code ?? '')).length).toBeGreaterThan(0);
});

describe('the view of a chapter whose bundle is gone before anybody asked for it', () => {
  /** A session of a bundle that was deleted after its creation. */
  async function openOrphan(bench: Bench): Promise<void> {
    const folder = bench.path('.bundle');
    const files = {
      'chapter_context.md': '# Title\n', 'task_completion_principles.md': 'Show it.\n', 'task_list.md': '### Task 1: Read\n- **read_it**: read [type: core]\n',
      'scripts/starter.py': 'print(1)\n', 'scripts/lib/helper.py': 'x = 1\n', 'scripts/solution.py': 'secret\n', 'datasets/a.csv': 'a\n1\n', 'datasets/more/b.csv': 'b\n2\n',
    };
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(folder, name, '..'), { recursive: true });
      await writeFile(join(folder, name), content);
    }
    await bench.sessions.create({ chapter_id: 'c1/ch1', session_id: 's1', desktop_context: { bundle_paths: { chapter_bundle_path: folder } } });
    await rm(folder, { recursive: true });
  }

  it('is filled from the copies that the session owns, and stays', async () => {
    await using bench = await openBench();
    await openOrphan(bench);

    const view = await bench.sessions.files.workspace('s1');

    const chapterDir = bench.path('s1', 'chapter_view', 'courses', 'c1', 'chapters', 'ch1');
    expect(view).toEqual({
      chapter_id: 'c1/ch1', chapter_dir: chapterDir, scripts_dir: `${chapterDir}/scripts`, datasets_dir: `${chapterDir}/datasets`,
      assets_dir: null, starter_code: `${chapterDir}/scripts/starter.py`,
    });
    expect((await readdir(chapterDir, { recursive: true })).sort()).toEqual([
      'datasets', 'datasets/a.csv', 'datasets/more', 'datasets/more/b.csv', 'scripts', 'scripts/lib', 'scripts/lib/helper.py', 'scripts/starter.py',
    ]);
    expect(await bench.sessions.files.workspace('s1')).toEqual(view);
  });

  it('holds neither what the learner changed nor what a link leads to', async () => {
    await using bench = await openBench();
    await openOrphan(bench);
    const workspace = (...names: string[]): string => bench.path('s1', 'user_workspace', ...names);
    await writeFile(workspace('starter.py'), 'print("mine")\n');
    await writeFile(workspace('datasets', 'a.csv'), 'changed\n');
    await rm(workspace('lib', 'helper.py'));
    await symlink('/etc/hostname', workspace('lib', 'helper.py'));

    const { chapter_dir: chapterDir, starter_code: starter } = await bench.sessions.files.workspace('s1');

    expect((await readdir(chapterDir, { recursive: true })).sort()).toEqual(['datasets', 'datasets/a.csv', 'datasets/more', 'datasets/more/b.csv']);
    expect(await textOf(`${chapterDir}/datasets/a.csv`)).toBe('a\n1\n');
    expect(starter).toBeNull();
  });
});
