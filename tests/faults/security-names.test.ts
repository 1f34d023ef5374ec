import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, readdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CHAPTER, startComposed } from '../support/composed-server.ts';
import type { ComposedTestServer } from '../support/composed-server.ts';
import type { RawAnswer } from '../support/raw-http.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import type { TemporaryFolder } from '../support/temporary-folder.ts';

const MIB = 1024 * 1024;
/** The limit of creations is no subject here: a minute is over at each look at the clock. */
const hurriedClock = () => {
  let minutes = 0;
  return { now: () => new Date(), monotonicMs: () => (minutes += 1) * 61_000 };
};

let server: ComposedTestServer;
let outside: TemporaryFolder;
let id: string;
beforeAll(async () => {
  outside = await createTemporaryFolder('outside');
  await writeFile(outside.join('private.txt'), 'PRIVATE CONTENT');
  server = await startComposed({ clock: hurriedClock(), env: { SIDECAR_CONTENT_ROOTS: outside.path } });
  id = await server.create();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await outside[Symbol.asyncDispose]();
});

const verdict = (answer: RawAnswer): string => `${answer.status} ${answer.status >= 400 ? answer.json().code : ''}`.trim();
const create = async (body: object): Promise<RawAnswer> => await server.request('POST', '/api/session/new', { json: { chapter_id: CHAPTER, ...body } });
const fileAt = (name: string, query = ''): string => `/api/session/${id}/workspace/files/${name.split('/').map(encodeURIComponent).join('/')}${query}`;
const put = async (name: string, content = 'x', more: object = {}): Promise<RawAnswer> => await server.request('PUT', fileAt(name), { json: { content, ...more } });
const listed = async (): Promise<string[]> => (await server.request('GET', `/api/session/${id}/workspace/files`)).json().files.map((file: { name: string }) => file.name);
const workspace = (): string => join(server.sessionsDir, id, 'user_workspace');

describe('session ids (S27, S29)', () => {
  it.each(['..', '../x', 'a/b', String.raw`C:\x`, '_x', '-x', 'x'.repeat(65), 'CON', 'com1', 'nul', 'a.b', 'a b', 'ü', '%2e%2e', 'a\0', '\n'])(
    'refuse %j at create and make nothing', async (sessionId) => {
      const before = await server.folders();

      const answer = await create({ session_id: sessionId });

      expect(verdict(answer)).toBe('400 SESSION_ID_INVALID');
      expect(await server.folders()).toEqual(before);
    });

  it('are taken once, also in another case, and the session stays as it was', async () => {
    await create({ session_id: 'Taken-1' });
    await server.request('POST', '/api/session/Taken-1/skip-task', { json: {} });
    await using turn = await server.send('Taken-1', 'hello');
    await turn.untilEnd();
    const before = (await server.request('GET', '/api/session/Taken-1/state')).body;

    const answers = [await create({ session_id: 'Taken-1' }), await create({ session_id: 'tAKEN-1' }), await create({ session_id: 'Taken-1', chapter_id: 'python_first_steps/ch2_comparing_groups' })];

    expect(answers.map(verdict)).toEqual(['409 SESSION_EXISTS', '409 SESSION_EXISTS', '409 SESSION_EXISTS']);
    expect((await server.request('GET', '/api/session/Taken-1/state')).body).toBe(before);
    expect((await server.request('GET', '/api/session/taken-1/state')).status).toBe(404);
  });
});

it.each(['c/..', 'c/', 'a/b/c', String.raw`c\d`, 'c/x.', 'x'.repeat(300), '/c', '', '..', 'c//d', 'CON', 'c/nul', 'c\0d', '../ch'])(
  'refuses the chapter id %.20j (S30)', async (chapterId) => {
    const before = await server.folders();

    const answer = await create({ chapter_id: chapterId });

    expect(verdict(answer)).toBe('400 CHAPTER_ID_INVALID');
    expect(answer.json().detail).toMatch(/^invalid chapter_id/);
    expect(await server.folders()).toEqual(before);
  });

describe('file names', () => {
  it.each([
    '../x.py', 'a/../../x.py', '/etc/x.py', 'C:/x.py', '//h/s/x.py', String.raw`..\secret.py`, 'a/./b.py', 'a//b.py', 'con.py', 'NUL.txt', 'a/COM1.csv', 'LPT¹.txt',
    'CONIN$.txt', 'a.py.', 'a.py ', 'a.py::$DATA', 'a:b.py', 'a*b.py', 'a?b.py', 'a"b.py', 'a<b.py', 'a|b.py', 'a\0.py', 'a\u0007.py', '\u202egpj.py', '\u2066a.py',
    `${'a'.repeat(118)}.py`, 'a/b/c/d/e/f/g/h/i.py', '.sidecar/x.py', '.sidecar', '..', '.', ' ', 'x/',
  ])('refuse %j for reading, writing, moving and deleting, and touch nothing (S31, S33, S34)', async (name) => {
    const before = await listed();

    const answers = [
      await server.request('GET', fileAt(name)), await server.request('GET', fileAt(name, '?raw=true')), await put(name), await server.request('DELETE', fileAt(name, '?recursive=true')),
      await server.request('POST', `/api/session/${id}/workspace/move`, { json: { from: name, to: 'ok.py' } }),
      await server.request('POST', `/api/session/${id}/workspace/move`, { json: { from: 'starter.py', to: name } }),
    ];

    expect(answers.map(verdict)).toEqual(answers.map(() => '400 INVALID_PATH'));
    expect(await listed()).toEqual(before);
  });

  it.each(['..%5Csecret.py', '%2e%2e%2fx.py', '%252e%252e%252fx.py', '..%2f..%2fx.py', '%5c%5chost%5cshare', 'a%00.py'])('are decoded once and then judged: %s (S31)', async (encoded) => {
    const answer = await server.request('PUT', `/api/session/${id}/workspace/files/${encoded}`, { json: { content: 'x' } });

    expect(verdict(answer)).toBe(encoded.includes('%25') ? '200' : '400 INVALID_PATH');
    expect((await readdir(server.sessionsDir)).filter((name) => name.includes('x.py'))).toEqual([]);
    if (encoded.includes('%25')) await server.request('DELETE', `/api/session/${id}/workspace/files/${encoded}`);
  });

  it.each(['x..py', 'a b.py', '数据/读取.py', 'emoji 😀.md', "it's (1).txt"])('take %j and give it back (S32)', async (name) => {
    expect((await put(name, `content of ${name}`)).json().name).toBe(name.normalize('NFC'));
    expect((await server.request('GET', fileAt(name))).json().content).toBe(`content of ${name}`);
    expect(await listed()).toContain(name.normalize('NFC'));

    const raw = await server.request('GET', fileAt(name, '?raw=true'));
    const saved = /^attachment; filename="([\x20-\x7e]*)"; filename\*=UTF-8''([\w!#$&+.^`|~%-]+)$/.exec(raw.header('content-disposition') ?? '');
    expect(decodeURIComponent(saved?.[2] ?? '')).toBe(name.split('/').at(-1));
  });

  it.each([['a1.py', 'A1.py'], ['é1.py', 'e\u03011.py'], ['dir/x.py', 'DIR/y.py']])('refuse a twin of %s: %s (S35)', async (first, twin) => {
    await put(first);

    const answer = await put(twin);

    expect([200, 409]).toContain(answer.status);
    expect(verdict(answer)).toBe(first.normalize('NFC') === twin.normalize('NFC') ? '409 FILE_EXISTS' : '409 FILE_EXISTS');
  });

  it('tell types and sizes apart (S39)', async () => {
    expect(verdict(await put('a.exe'))).toBe('400 FILE_TYPE_NOT_ALLOWED');
    expect(verdict(await put('a'))).toBe('400 FILE_TYPE_NOT_ALLOWED');
    expect(verdict(await put('big.txt', 'x'.repeat(MIB + 1)))).toBe('400 FILE_TOO_LARGE');
    expect(verdict(await put('big.png', Buffer.alloc(5 * MIB + 1).toString('base64'), { encoding: 'base64' }))).toBe('400 FILE_TOO_LARGE');
    expect(verdict(await put('just.txt', 'x'.repeat(MIB)))).toBe('200');
    expect(verdict(await put('bad.txt', 'not base64!', { encoding: 'base64' }))).toMatch(/^4\d\d /);
  });

  it.each([['page.html', '<script>alert(1)</script>'], ['pic.svg', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'], ['s.js', 'alert(1)']])(
    'give %s to nobody as a page (S43)', async (name, content) => {
      await put(name, content);

      const raw = await server.request('GET', fileAt(name, '?raw=true'));

      expect([raw.status, raw.body]).toEqual([200, content]);
      expect([raw.header('content-type'), raw.header('content-security-policy'), raw.header('x-content-type-options'), raw.header('cross-origin-resource-policy')])
        .toEqual(['application/octet-stream', 'sandbox', 'nosniff', 'same-origin']);
      expect(raw.header('content-disposition')).toMatch(/^attachment; /);
    });
});

describe.skipIf(process.platform === 'win32')('what learner code leaves in the workspace', () => {
  beforeEach(async () => {
    await server.request('DELETE', fileAt('trap', '?recursive=true'));
  });

  it('as links to outside is neither read, written, listed nor moved; deleting takes the link alone (S36, E36)', async () => {
    await symlink(outside.join('private.txt'), join(workspace(), 'link.txt'));
    await symlink(outside.path, join(workspace(), 'linked'));

    const answers = [
      await server.request('GET', fileAt('link.txt')), await server.request('GET', fileAt('link.txt', '?raw=true')), await put('link.txt', 'overwritten'),
      await server.request('GET', fileAt('linked/private.txt')), await put('linked/new.txt'),
      await server.request('POST', `/api/session/${id}/workspace/move`, { json: { from: 'link.txt', to: 'mine.txt' } }),
      await server.request('POST', `/api/session/${id}/workspace/move`, { json: { from: 'linked/private.txt', to: 'mine.txt' } }),
    ];
    const names = await listed();
    const deleted = [await server.request('DELETE', fileAt('link.txt')), await server.request('DELETE', fileAt('linked', '?recursive=true'))];

    expect(answers.map(({ status }) => status).every((status) => status === 400 || status === 404 || status === 409)).toBe(true);
    expect(answers.map(({ body }) => body).join('')).not.toContain('PRIVATE');
    expect(names.filter((name) => /link|mine/.test(name))).toEqual([]);
    expect(deleted.map(({ status }) => status)).toEqual([204, 204]);
    expect(await readdir(outside.path)).toEqual(['private.txt']);
    expect(await readFile(outside.join('private.txt'), 'utf8')).toBe('PRIVATE CONTENT');
  });

  it('as pipes, sockets and devices is not opened and not listed, and nothing hangs (S38, E39)', async () => {
    execFileSync('mkfifo', [join(workspace(), 'pipe.txt')]);
    const socketServer = createServer();
    await new Promise<void>((resolve) => socketServer.listen(join(workspace(), 'sock.txt'), resolve));

    const answers = [
      await server.request('GET', fileAt('pipe.txt')), await server.request('GET', fileAt('pipe.txt', '?raw=true')), await server.request('GET', fileAt('sock.txt')),
    ];
    const names = await listed();
    const gone = await server.request('DELETE', fileAt('pipe.txt'));
    await new Promise((resolve) => socketServer.close(resolve));

    expect(answers.map(({ status }) => status).every((status) => status === 400 || status === 404)).toBe(true);
    expect(names.filter((name) => /pipe|sock/.test(name))).toEqual([]);
    expect(gone.status).toBe(204);
  });

  it('as a parent that turns into a link never leads outside (S37, E37)', async () => {
    const real = join(workspace(), 'trap');
    const aside = join(workspace(), 'trap-aside');
    await put('trap/private.txt', 'inside');
    let swapping = true;
    let swaps = 0;
    const swap = async (): Promise<void> => {
      await rename(real, aside);
      await symlink(outside.path, real);
      swaps += 1;
      await new Promise((resolve) => setImmediate(resolve));
      await unlink(real);
      await rename(aside, real);
    };
    const startOver = async (): Promise<void> => {
      for (const path of [real, aside]) await rm(path, { recursive: true, force: true });
      await mkdir(real, { recursive: true });
    };
    // A write may make the folder anew in between, also while it is removed; then the swap starts over.
    const swapper = (async () => {
      while (swapping) await swap().catch(async () => await startOver().catch(() => undefined));
    })();
    const answers: RawAnswer[] = [];
    for (let round = 0; round < 40; round += 1) {
      answers.push(...await Promise.all([server.request('GET', fileAt('trap/private.txt')), server.request('GET', fileAt('trap/private.txt', '?raw=true')), put('trap/new.txt', 'mine')]));
    }
    swapping = false;
    await swapper;

    expect(swaps).toBeGreaterThan(0);
    expect(answers.filter(({ body }) => body.includes('PRIVATE'))).toEqual([]);
    expect(await readdir(outside.path)).toEqual(['private.txt']);
  });
});

describe('content folders (S50, S51, S52)', () => {
  const withBundle = (path: string): object => ({ desktop_context: { bundle_paths: { chapter_bundle_path: path } } });

  it.each([
    ['the whole disk', () => '/'], ['the home', () => process.env['HOME'] ?? '/root'], ['keys', () => `${process.env['HOME']}/.ssh`], ['a share', () => String.raw`\\host\share`],
    ['a relative path', () => 'content/curriculum'], ['dots out of a root', () => `${outside.path}/../`], ['the program\'s own store', () => server.sessionsDir], ['NUL', () => `${outside.path}\0/x`],
    ['a link out of a root', () => outside.join('escape')],
  ])('outside the trusted roots are refused, and nothing is made: %s', async (title, path) => {
    if (title.startsWith('a link')) await symlink(server.sessionsDir, outside.join('escape'));
    const before = await server.folders();

    const answer = await create(withBundle(path()));

    expect(verdict(answer)).toBe('400 BUNDLE_PATH_NOT_ALLOWED');
    expect(answer.body).not.toContain(server.sessionsDir);
    expect(await server.folders()).toEqual(before);
  });

  it('outside are kept out at a reattach too: the stored one stays', async () => {
    const answer = await server.request('POST', `/api/session/${id}/reattach`, { json: withBundle('/') });

    expect(answer.status).toBe(200);
    expect((await server.request('GET', `/api/session/${id}/state`)).json().state.chapter_id).toBe(CHAPTER);
  });

  it.each([
    ['a link to a private file', async (file: string) => await symlink(outside.join('private.txt'), file)],
    ['fifty mebibytes', async (file: string) => await writeFile(file, Buffer.alloc(50 * MIB, 0x61))],
    ['a script in its front matter', async (file: string) => await writeFile(file, '---js\n{ pwned: (globalThis.pwned = true) }\n---\n# Title\n')],
    ['a tag of YAML', async (file: string) => await writeFile(file, '---\nx: !!js/function "function(){globalThis.pwned=true}"\n---\n# Title\n')],
    ['a bomb of aliases', async (file: string) => await writeFile(file, `---\na0: &a0 [x]\n${Array.from({ length: 30 }, (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(',')}]`).join('\n')}\n---\n# Title\n`)],
  ])('with %s as chapter text are data or a clear refusal, in bounded time', async (_title, make) => {
    const bundle = outside.join('bundles', `b${Math.trunc(performance.now() * 1000)}`);
    await mkdir(join(bundle, 'prompts'), { recursive: true });
    await make(join(bundle, 'prompts', 'chapter_context.md'));
    await writeFile(join(bundle, 'prompts', 'task_list.md'), '# Tasks\n\n## Task 1: look (look_at_it)\n\nLook.\n');
    const from = performance.now();

    const answer = await create({ chapter_id: 'any', ...withBundle(bundle) });

    expect(performance.now() - from).toBeLessThan(30_000); // A bomb that goes off takes hours.
    expect((globalThis as Record<string, unknown>)['pwned']).toBeUndefined();
    expect([200, 404, 422]).toContain(answer.status);
    expect(answer.body).not.toContain('PRIVATE');
    expect(answer.body).not.toContain(outside.path);
    if (answer.status === 200) expect((await server.request('GET', `/api/session/${answer.json().session_id}/workspace`)).body).not.toContain('PRIVATE');
  });

  it('keep their solutions to themselves (S53)', async () => {
    const solution = await readFile(join(import.meta.dirname, '..', '..', 'content', 'curriculum', 'python_first_steps', 'ch1_reading_a_table', 'scripts', 'solution.py'), 'utf8');
    const telling = solution.split('\n').map((line) => line.trim()).filter((line) => line.length > 25);
    const created = await create({});
    const { session_id: fresh } = created.json();
    const view = await server.request('GET', `/api/session/${fresh}/workspace`);
    const at = (path: string) => `/api/session/${fresh}${path}`;
    const answers = [
      created, view, await server.request('GET', at('/workspace/files')), await server.request('GET', at('/files')), await server.request('GET', at('/workspace/files/solution.py')),
      await server.request('GET', at('/workspace/files/scripts/solution.py')), await server.request('GET', '/api/chapters'), await server.request('GET', at('/state')),
      await server.request('POST', at('/workspace/move'), { json: { from: 'solution.py', to: 'x.py' } }),
    ];
    const below = await readdir(join(server.sessionsDir, fresh), { recursive: true });

    expect(telling.length).toBeGreaterThan(0);
    expect(answers.flatMap(({ body }) => telling.filter((line) => body.includes(line)))).toEqual([]);
    expect(below.filter((name) => name.includes('solution'))).toEqual([]);
    expect(JSON.stringify(view.json())).not.toMatch(/prompts|task_list|curriculum\/python/);
  });
});

describe('backends (S54)', () => {
  it.each(['http://evil.example', 'https://user:pw@backend.example', 'file:///etc/passwd', 'ftp://backend.example', 'javascript:alert(1)', '//backend.example', 'backend', 'http://127.0.0.1.evil.example', `https://b.example/${'x'.repeat(2_048)}`])(
    'refuse the address %.40s at create', async (url) => {
      const answer = await create({ backend_url: url, auth_token: 'eyJh.eyJh.x' });

      expect(['400 BACKEND_URL_NOT_ALLOWED', '422 VALIDATION_FAILED']).toContain(verdict(answer));
      expect(answer.body).not.toContain('pw');
    });

  it('keep their origin at a reattach: sync pauses, nothing is sent elsewhere', async () => {
    const created = await create({ backend_url: 'http://127.0.0.1:9', auth_token: 'token-of-the-first' });
    const { session_id: synced } = created.json();
    await using turn = await server.send(synced, 'hello');
    await turn.untilEnd();

    const answer = await server.request('POST', `/api/session/${synced}/reattach`, { json: { backend_url: 'http://127.0.0.1:10', auth_token: 'token-of-another' } });
    const diagnostics = (await server.request('GET', '/api/diagnostics')).json();

    expect(answer.status).toBe(200);
    expect(diagnostics.sync.paused_reason).toBe('backend_changed');
    expect(JSON.stringify(diagnostics)).not.toContain('token-of');
  });
});

describe.skipIf(process.platform === 'win32')('a restored folder (S45)', () => {
  const restore = async (name: string, files: Record<string, string | Buffer>): Promise<string> => {
    const folder = join(server.sessionsDir, name);
    await mkdir(join(folder, 'turns'), { recursive: true });
    for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content);
    return folder;
  };

  it('with links, a foreign id, broken JSON and halves is repaired, named, and shows nothing of outside', async () => {
    const folder = await restore('restored-1', {
      'session_state.json': JSON.stringify({ session_id: '../../evil', chapter_id: CHAPTER, turn_index: 1e300, subtask_status: { x: '__proto__' } }),
      'turns/000_user.txt': 'hello', 'turns/000_companion.txt': 'hi', 'turns/000_turn_outcome.json': '{"broken":', 'turns/001_user.txt': 'half',
      'instruction_packet.json': '{"__proto__":{"polluted":1},"instruction_version":-5}',
    });
    await symlink(outside.join('private.txt'), join(folder, 'turns', '002_user.txt'));
    await writeFile(join(folder, 'turns', '002_companion.txt'), 'reply');
    await symlink(outside.join('private.txt'), join(folder, 'dynamic_report.md'));
    await symlink(outside.path, join(folder, 'user_workspace'));

    const answers = [
      await server.request('POST', '/api/session/restored-1/reattach', { json: {} }), await server.request('GET', '/api/session/restored-1/history'),
      await server.request('GET', '/api/session/restored-1/state'), await server.request('GET', '/api/session/restored-1/dynamic_report'),
      await server.request('GET', '/api/session/restored-1/workspace/files'), await server.request('GET', '/api/session/restored-1/workspace/files/private.txt'),
    ];
    const diagnostics = (await server.request('GET', '/api/diagnostics')).json();

    expect(answers.slice(0, 4).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(answers.map(({ body }) => body).join('')).not.toContain('PRIVATE');
    expect(answers[1]!.json().turns.map((turn: { user_message: string }) => turn.user_message)).toEqual(['hello']);
    expect(answers[2]!.json().state.session_id).toBe('restored-1');
    expect(diagnostics.imports.filter((entry: { session_id: string }) => entry.session_id === 'restored-1').length).toBeGreaterThan(2);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('that cannot be read costs its own session only', async () => {
    const folder = await restore('restored-2', { 'session_state.json': '{}', 'turns/000_user.txt': 'a', 'turns/000_companion.txt': 'b' });
    await chmod(folder, 0o000);

    const answers = [await server.request('GET', '/api/session/restored-2/history'), await server.request('GET', '/api/sessions'), await server.request('GET', '/health')];
    await chmod(folder, 0o700);

    expect(answers.map(({ status }) => status < 500)).toEqual([true, true, true]);
    expect(answers.slice(1).map(({ status }) => status)).toEqual([200, 200]);
  });
});
