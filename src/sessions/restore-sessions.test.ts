import { mkdir, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cpuMs } from '../../tests/support/cpu-time.ts';
import { CHAPTER, OUTCOME, codeOf, openBench } from './sessions-bench.test-support.ts';
import type { Bench } from './sessions-bench.test-support.ts';

const COURSE_CONTEXT = { chapter_scope: { chapter_id: 'ch1_reading_a_table', scope_id: CHAPTER } };

/** Writes files into a session folder as the app's restore does; all get the given age. */
async function writeFolder(...[bench, id, files, ageMs = 10_000]: [bench: Bench, id: string, files: Record<string, string>, ageMs?: number]): Promise<void> {
  const time = new Date(bench.clock.at - ageMs);
  for (const [name, text] of Object.entries(files)) {
    const path = bench.path(id, ...name.split('/'));
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, text);
    await utimes(path, time, time);
  }
}

const turnFiles = (count: number, text = 'turn'): Record<string, string> => Object.fromEntries(Array.from({ length: count }, (_, index) => [
  [`turns/${String(index).padStart(3, '0')}_user.txt`, `${text} ${index}`], [`turns/${String(index).padStart(3, '0')}_companion.txt`, `answer ${index}`],
  [`turns/${String(index).padStart(3, '0')}_turn_outcome.json`, '{}'],
]).flat());

const state = (values: object = {}): string => JSON.stringify({ session_id: 'somebody-else', chapter_id: CHAPTER, subtask_status: {}, ...values });
const listed = async (bench: Bench) => (await bench.sessions.list({})).map(({ session_id }) => session_id);

it('lists, reads and reattaches a folder that the app restored', async () => {
  await using bench = await openBench();
  await writeFolder(bench, 'r1', { 'session_state.json': state({ turn_index: 2 }), ...turnFiles(2), 'dynamic_report.md': '## Mine\n' });

  const [item] = await bench.sessions.list({ chapter_id: CHAPTER });
  const answer = await bench.sessions.reattach('r1', { desktop_context: COURSE_CONTEXT });

  expect(item).toMatchObject({ session_id: 'r1', chapter_id: CHAPTER, turn_index: 2, end_confirmed: false, busy: false });
  expect(answer).toMatchObject({ turn_index: 2, imported: false });
  expect(bench.sessions.history('r1')).toMatchObject([
    { turn_index: 0, user_message: 'turn 0', companion_response: 'answer 0', kind: 'student', turn_outcome: OUTCOME }, { turn_index: 1 },
  ]);
  expect(bench.sessions.history('r1')[0]).not.toHaveProperty('token_usage');
  expect(bench.sessions.dynamicReport('r1')).toBe('## Mine\n');
  expect(bench.sessions.state('r1')).toMatchObject({ session_id: 'r1', chapter_id: CHAPTER, turn_index: 2, current_subtask_id: 'load_table' });
  expect(bench.sessions.skip('r1', {}).skipped_task_id).toBe('load_table');
});

it('waits until a folder is two seconds old before it lists it, but not before it reattaches it', async () => {
  await using bench = await openBench();
  await writeFolder(bench, 'r1', { 'session_state.json': state(), ...turnFiles(1) }, 1_900);

  const young = await listed(bench);
  bench.clock.at += 200;
  const old = await listed(bench);
  await writeFolder(bench, 'r2', { 'session_state.json': state(), ...turnFiles(1) }, 0);

  expect([young, old]).toEqual([[], ['r1']]);
  expect(await bench.sessions.reattach('r2', {})).toEqual({ status: 'reattached', turn_index: 1, imported: true });
});

it('takes turns by number, keeps gaps and skips halves', async () => {
  await using bench = await openBench();
  const files = turnFiles(3);
  delete files['turns/001_companion.txt'];
  await writeFolder(bench, 'r1', { ...files, 'turns/1200_user.txt': 'late', 'turns/1200_companion.txt': 'reply' });

  await bench.sessions.ensureKnown('r1');

  expect(bench.sessions.history('r1').map(({ turn_index }) => turn_index)).toEqual([0, 2, 1200]);
  expect(bench.sessions.state('r1').turn_index).toBe(1201);
  expect(bench.sessions.dynamicReport('r1')).not.toBe('');
  expect(bench.sessions.importProblems()).toContainEqual({ session_id: 'r1', problem: 'turn 1: incomplete' });
});

it('takes the chapter from the scope when the state names none', async () => {
  await using bench = await openBench();
  await writeFolder(bench, 'r1', turnFiles(1));
  await bench.sessions.ensureKnown('r1');
  const before = bench.sessions.state('r1').chapter_id;

  await bench.sessions.reattach('r1', { desktop_context: COURSE_CONTEXT });

  expect(before).toBe('');
  expect(bench.sessions.state('r1')).toMatchObject({ chapter_id: CHAPTER, current_subtask_id: 'load_table' });
  expect(bench.store.sessions.get('r1')?.content_problem).toBeNull();
});

it.each([
  ['renders the page anew once the tasks are known', {}, /Load the weather table/],
  ['keeps a page that came with the folder', { 'dynamic_report.md': '## Mine\n' }, /^## Mine\n$/],
])('%s', async (_title, files, expected) => {
  await using bench = await openBench();
  await writeFolder(bench, 'r1', { ...turnFiles(1), ...files });
  await bench.sessions.list({});
  expect(bench.sessions.dynamicReport('r1')).not.toContain('Load the weather table');

  await bench.sessions.reattach('r1', { desktop_context: COURSE_CONTEXT });

  expect(bench.sessions.dynamicReport('r1')).toMatch(expected);
});

it('keeps policy, experts and chapter when a reattach names folders that are gone', async () => {
  await using bench = await openBench();
  const chapter = join(import.meta.dirname, '..', '..', 'content', 'curriculum', 'python_first_steps', 'ch1_reading_a_table');
  for (const name of ['agents/companion', 'experts']) await mkdir(bench.path('_bundles', name), { recursive: true });
  await writeFile(bench.path('_bundles', 'agents', 'companion', 'principles.md'), 'Always ask twice.\n');
  const naming = (agents: string, experts: string) => ({
    desktop_context: { bundle_paths: { chapter_bundle_path: chapter, app_agents_path: bench.path('_bundles', agents), experts_shared_path: bench.path('_bundles', experts) } },
  });
  await bench.sessions.create({ chapter_id: 'ch1_reading_a_table', session_id: 's1', ...naming('agents', 'experts') });
  const before = bench.store.sessions.get('s1');

  const answers = [await bench.sessions.reattach('s1', naming('gone', 'experts')), await bench.sessions.reattach('s1', naming('agents', 'gone'))];

  expect(answers.map(({ status }) => status)).toEqual(['already_attached', 'already_attached']);
  expect(bench.store.sessions.get('s1')).toEqual(before);
  expect(bench.sessions.importProblems()).toEqual([{ session_id: 's1', problem: 'experts_shared_path: not_found, the stored path is kept' }]);
});

it('repairs what is wrong and says so', async () => {
  await using bench = await openBench();
  await writeFolder(bench, 'r1', {
    ...turnFiles(1), 'instruction_packet.json': '[broken', 'memo_digest.json': '7', 'student_error_summary.json': '# E\n\n## Coding errors\n\n- forgot a comma\n',
    'session_state.json': state({ turn_index: 'x', end_confirmed: 'no', subtask_status: { load_table: { status: 'finished?' }, alien_task: { status: 'completed' } } }),
    'turns/000_token_usage.json': '{"CA":{"input_tokens":3,"output_tokens":4},"XX":1}',
  });

  await bench.sessions.ensureKnown('r1');

  expect(bench.sessions.state('r1').subtask_status['load_table']).toEqual({ status: 'not_started', evidence: [] });
  expect(bench.sessions.state('r1').subtask_status).not.toHaveProperty('alien_task');
  expect(bench.sessions.state('r1').ext?.errors).toMatchObject([{ error_type: 'coding', description: 'forgot a comma' }]);
  expect(bench.store.sessions.get('r1')?.packet).toMatchObject({ derived: true, current_task_id: 'load_table' });
  expect(bench.sessions.usage('r1').turns[0]?.agents['CA']).toEqual({ input_tokens: 3, output_tokens: 4, cached_tokens: 0, calls: 0, estimated: false });
  expect(bench.sessions.importProblems().map(({ problem }) => problem)).toContain('instruction_packet.json: not JSON');
});

it('counts no file, no link, no empty folder and no foreign name as a session', async () => {
  await using bench = await openBench();
  await writeFolder(bench, 'real', turnFiles(1));
  await writeFolder(bench, '_chapter_overlays', { 'session_state.json': state() });
  await writeFolder(bench, 'empty', { 'user_workspace/a.py': '' });
  await writeFolder(bench, 'half', { 'turns/000_user.txt': 'alone' });
  await writeFile(bench.path('file'), '');
  await symlink(bench.path('real'), bench.path('link'));

  expect(await listed(bench)).toEqual(['real']);
  expect(await codeOf(() => bench.sessions.reattach('link', {}))).toBe('SESSION_NOT_FOUND');
});

it.skipIf(process.platform === 'win32')('follows no link inside a hostile folder and caps a huge state', async () => {
  await using bench = await openBench();
  await writeFolder(bench, 'secret', { 'note.txt': 'private' });
  await writeFolder(bench, 'r1', turnFiles(1));
  await writeFile(bench.path('r1', 'session_state.json'), '');
  await truncate(bench.path('r1', 'session_state.json'), 1024 ** 3);
  await symlink(bench.path('secret', 'note.txt'), bench.path('r1', 'dynamic_report.md'));
  await symlink(bench.path('secret', 'note.txt'), bench.path('r1', 'turns', '001_user.txt'));
  await writeFile(bench.path('r1', 'turns', '001_companion.txt'), 'x');

  await bench.sessions.ensureKnown('r1');

  expect(bench.sessions.history('r1')).toHaveLength(1);
  expect(JSON.stringify(bench.store.sessions.get('r1'))).not.toContain('private');
  expect(bench.sessions.importProblems().map(({ problem }) => problem)).toEqual(expect.arrayContaining([
    'session_state.json: too large', 'dynamic_report.md: not a regular file', 'turns/001_user.txt: not a regular file',
  ]));
});

it('reads none of a folder of turns that is a link', async () => {
  await using bench = await openBench();
  await writeFolder(bench, 'other', turnFiles(1));
  await writeFolder(bench, 'r1', { 'session_state.json': state() });
  await symlink(bench.path('other', 'turns'), bench.path('r1', 'turns'));

  await bench.sessions.ensureKnown('r1');

  expect(bench.sessions.history('r1')).toEqual([]);
});

it('leaves out a folder whose name differs from a session only by case', async () => {
  await using bench = await openBench();
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 'abc' });
  await writeFolder(bench, 'ABC', turnFiles(1));

  expect(await listed(bench)).toEqual(['abc']);
  expect(bench.sessions.importProblems()).toEqual([{ session_id: 'ABC', problem: 'another session has this id in other case' }]);
});

it('replaces the session by newer files, archives what was there and opens a new stream', async () => {
  await using bench = await openBench();
  await writeFolder(bench, 'r1', { 'session_state.json': state(), ...turnFiles(2) });
  await bench.sessions.ensureKnown('r1');
  await using follower = bench.sessions.follow('r1', null);
  await writeFolder(bench, 'r1', { ...turnFiles(3, 'elsewhere') }, 0);

  const answer = await bench.sessions.reattach('r1', {});

  expect(answer).toEqual({ status: 'reattached', turn_index: 3, imported: true });
  expect(bench.sessions.history('r1').map(({ user_message }) => user_message)).toEqual(['elsewhere 0', 'elsewhere 1', 'elsewhere 2']);
  const frames: string[] = [];
  for await (const frame of follower.frames) frames.push(frame);
  expect(frames.join('')).toContain('"type": "session_imported","turn_index": 3');
  expect(await bench.sessions.reattach('r1', {})).toMatchObject({ status: 'already_attached', imported: false });
});

it.each([
  ['repeats the first turns', turnFiles(1), 0], ['repeats all turns', turnFiles(2), 0], ['is older than the last commit', turnFiles(3, 'old'), 3_600_000],
])('changes nothing when the newer set %s', async (_title, files, ageMs) => {
  await using bench = await openBench();
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1', backend_url: 'http://127.0.0.1:9', auth_token: 't' });
  bench.commitTurn('s1', { user: 'turn 0', companion: 'answer 0' });
  bench.commitTurn('s1', { user: 'turn 1', companion: 'answer 1' });
  bench.clock.at += 5_000;
  await writeFolder(bench, 's1', { 'session_state.json': state(), ...files }, ageMs);
  const before = bench.store.sessions.get('s1');

  expect(await bench.sessions.reattach('s1', {})).toEqual({ status: 'already_attached', turn_index: 2, imported: false });
  expect(bench.store.sessions.get('s1')).toEqual(before);
});

it('queues the turns of a predecessor once, and never those of a restore', async () => {
  await using bench = await openBench();
  await writeFolder(bench, 'old', { 'session_state.json': state(), 'session_paths.json': '{"chapter_bundle_path":"/nowhere"}', ...turnFiles(2) });
  await writeFolder(bench, 'new', { 'session_state.json': state(), ...turnFiles(2) });
  const sync = { backend_url: 'https://b.example', auth_token: 'token' };

  for (const id of ['old', 'new', 'old', 'new']) await bench.sessions.reattach(id, sync);

  const kinds = (id: string) => bench.store.outbox.ofSession(id).map(({ kind, turn_index }) => `${kind} ${turn_index}`);
  expect(kinds('old')).toEqual(['turn 0', 'turn 1', 'memory null', 'report null']);
  expect(kinds('new')).toEqual(['memory null', 'report null']);
});

it('keeps files of a restored folder and what it says about copies', async () => {
  await using bench = await openBench();
  await writeFolder(bench, 'r1', {
    ...turnFiles(1), 'user_workspace/mine.py': 'x', 'user_workspace/starter.py': 'y', 'working_files/data.csv': 'a,b',
    'workspace_sources.json': '{"starter.py":"bundle","mine.py":"user"}',
  });
  await bench.sessions.ensureKnown('r1');

  expect((await bench.sessions.files.list('r1', undefined)).map(({ name, source }) => [name, source])).toEqual([['mine.py', 'user'], ['starter.py', 'bundle']]);
  expect((await bench.sessions.files.uploads('r1')).map(({ filename }) => filename)).toEqual(['data.csv']);
});

it('keeps the stored backend and gives it no token of another one', async () => {
  await using bench = await openBench();
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1', backend_url: 'https://one.example', auth_token: 'first' });

  const other = await bench.sessions.reattach('s1', { backend_url: 'https://two.example', auth_token: 'second' });
  const paused = bench.store.backends.get('s1');
  await bench.sessions.reattach('s1', { backend_url: 'https://one.example', auth_token: 'third' });

  expect(other.status).toBe('reattached');
  expect(paused).toMatchObject({ origin: 'https://one.example', paused: 'backend_changed' });
  expect(bench.tokens.get('s1')).toBe('third');
  expect(bench.store.backends.get('s1')?.paused).not.toBe('backend_changed');
});

it.each([
  ['http to another machine', 'http://evil.example'], ['user info', 'https://a:b@evil.example'], ['no URL', 'nonsense'],
  ['an origin outside the list', 'https://other.example'],
])('takes a session up again without an address that may not be used: %s', async (_title, url) => {
  await using bench = await openBench({ settings: { backendOrigins: ['https://one.example'] } });
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1', backend_url: 'https://one.example', auth_token: 'first' });
  const stored = bench.store.backends.get('s1');
  const request = { backend_url: url, auth_token: 'second' };

  const answers = [await bench.sessions.reattach('s1', request), await bench.sessions.reattach('s1', request)];

  expect(answers).toEqual(Array(2).fill({ status: 'already_attached', turn_index: 0, imported: false }));
  expect(bench.store.backends.get('s1')).toEqual(stored);
  expect(bench.tokens.get('s1')).toBe('first');
  const problems = bench.sessions.importProblems();
  expect(problems).toEqual([{ session_id: 's1', problem: expect.stringMatching(/^backend_url: .+, the address and its token are ignored$/) }]);
  expect(JSON.stringify(problems)).not.toContain('evil.example');
});

it('imports a folder also when the address that comes with it may not be used', async () => {
  await using bench = await openBench();
  await writeFolder(bench, 'r1', { 'session_state.json': state(), ...turnFiles(2) });

  expect(await bench.sessions.reattach('r1', { backend_url: 'http://evil.example', auth_token: 't' })).toMatchObject({ status: 'reattached', turn_index: 2, imported: true });
  expect(bench.store.backends.get('r1')).toBeNull();
});

it('sends what was committed before there was a backend', async () => {
  await using bench = await openBench();
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' });
  bench.commitTurn('s1', { user: 'a', companion: 'b' });

  await bench.sessions.reattach('s1', { backend_url: 'https://b.example', auth_token: 't' });

  expect(bench.store.outbox.ofSession('s1').map(({ kind }) => kind)).toEqual(['turn', 'memory', 'report']);
});

it('keeps the stored content when the context names none, a lost one or a foreign one', async () => {
  await using bench = await openBench({ settings: { isDesktopMode: true } });
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' });
  const before = bench.store.sessions.get('s1');
  const name = (chapter_bundle_path: string) => bench.sessions.reattach('s1', { desktop_context: { bundle_paths: { chapter_bundle_path } } });

  const answers = [await bench.sessions.reattach('s1', { desktop_context: COURSE_CONTEXT }), await name('/nowhere/at/all'), await name('/etc')];

  expect(answers.map(({ status }) => status)).toEqual(['already_attached', 'already_attached', 'already_attached']);
  expect(bench.store.sessions.get('s1')).toEqual(before);
  expect(bench.sessions.importProblems()[0]?.problem).toContain('chapter_bundle_path');
});

it('takes other content from the next turn on and keeps task states by id', async () => {
  await using bench = await openBench();
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' });
  bench.sessions.skip('s1', {});
  const bundle = bench.path('bundle');
  const context = '# Other chapter\n\nText.\n';
  await writeFolder(bench, 'bundle', {
    'chapter_context.md': context, 'task_completion_principles.md': 'Be kind.\n',
    'task_list.md': '# Tasks\n\n### Task 1: Load\n- **load_table**: load it [type: core]\n\n### Task 2: New\n- **brand_new**: do it [type: core]\n',
  });
  bench.engine.busy.add('s1');
  const first = bench.store.sessions.get('s1')?.content_hash;
  bench.engine.busy.clear();

  const answer = await bench.sessions.reattach('s1', { desktop_context: { bundle_paths: { chapter_bundle_path: bundle } } });
  await rm(bundle, { recursive: true });

  expect(answer.status).toBe('reattached');
  expect(bench.store.sessions.get('s1')?.content_hash).not.toBe(first);
  expect(bench.sessions.state('s1').subtask_status).toMatchObject({ load_table: { status: 'skipped' }, brand_new: { status: 'not_started' } });
  expect(bench.sessions.state('s1').current_subtask_id).toBe('brand_new');
  expect(bench.store.systemEvents.list('s1', 5).map(({ event_type }) => event_type)).toContain('content_repinned');
  expect((await bench.sessions.files.workspace('s1')).chapter_dir).toContain(bench.path('s1'));
});

it('lists five hundred sessions without holding the event loop', async () => {
  await using bench = await openBench();
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's0' });
  const row = bench.store.sessions.get('s0');
  if (row === null) throw new Error('no session');
  bench.store.transaction(() => {
    for (let index = 1; index < 500; index += 1) bench.store.sessions.insert({ ...row, session_id: `s${index}` });
  });
  for (let index = 1; index < 500; index += 1) await mkdir(bench.path(`s${index}`));
  await bench.sessions.list({});
  const before = cpuMs();

  const sessions = await bench.sessions.list({});

  const usedMs = cpuMs() - before;
  expect(sessions).toHaveLength(500);
  expect(usedMs).toBeLessThan(100);
});
