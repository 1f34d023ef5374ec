import { createHash } from 'node:crypto';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createIds, systemClock } from '../../src/config/index.ts';
import { laneLimits } from '../../src/execution/guard/index.ts';
import { runOnWorker } from '../../src/execution/worker/index.ts';
import type { WorkerPool } from '../../src/execution/worker/index.ts';
import { openExecutionBench, writeFiles } from '../support/execution-bench.ts';
import type { ExecutionBench } from '../support/execution-bench.ts';

let bench: ExecutionBench;

beforeAll(async () => { bench = await openExecutionBench({ preload: [] }); });
afterAll(async () => { await bench[Symbol.asyncDispose](); });
afterEach(async () => {
  expect(await bench.leftovers()).toEqual({ children: 0, runFolders: [], processes: [] });
});

const PLAIN = { success: true, reason: 'ok', outcome: 'ok', returncode: 0, cancelled: false, start: 'cold', error: null };

it.each<[title: string, code: string, expected: Record<string, unknown>, request?: Record<string, unknown>]>([
  ['prints', 'print(1 + 2)', { ...PLAIN, stdout: '3\n', stderr: '', message: '', hints: [], dropped: { stdout: 0, stderr: 0 } }],
  ['exits with a number (E26)', 'import sys; sys.exit(3)', { reason: 'exit', outcome: 'error', returncode: 3, success: false, message: 'The program ended itself with code 3.' }],
  ['exits with a text (E26)', 'import sys; sys.exit("bye")', { reason: 'exit', returncode: 1, stderr: 'bye\n' }],
  ['leaves without cleaning up (E26)', 'import os; print("x", flush=True); os._exit(7)', { reason: 'exit', returncode: 7, stdout: 'x\n' }],
  ['exits with zero', 'import sys; sys.exit(0)', PLAIN],
  ['has bad syntax (E27)', 'x = 1\nfor', {
    reason: 'syntax_error', outcome: 'error', returncode: 1, error: { type: 'SyntaxError', message: 'invalid syntax', line: 2 },
    message: 'Line 2 is not valid Python: invalid syntax',
  }],
  ['holds a NUL (E27)', 'x = 1\ny = "\0"', { reason: 'syntax_error', error: expect.objectContaining({ line: 2 }) }],
  ['starts with a BOM (E27)', '\ufeffprint("bom")', { ...PLAIN, stdout: 'bom\n' }],
  ['names an unknown coding (E27)', '# coding: foo\nprint(1)', { reason: 'syntax_error', error: { type: 'SyntaxError', message: 'unknown encoding: foo', line: 1 } }],
  ['reads input without any (E29)', 'input()', { reason: 'error', hints: ['no_input'], error: expect.objectContaining({ type: 'EOFError', line: 1 }) }],
  ['reads its input (E29)', 'import sys; text = sys.stdin.read(); print(len(text), text[-3:])', { ...PLAIN, stdout: '65536 end\n' }, { stdin: `${'x'.repeat(65_533)}end` }],
  ['prints bytes that are no text (E30)', 'import os; os.write(1, b"a\\xff\\x00\\x1b[31m\\xf0\\x9f\\x98\\x80")', { ...PLAIN, stdout: 'a\ufffd\0\u001b[31m😀' }],
  ['replaces its stdout (E32)', 'import sys, io; print("a"); sys.stdout = io.StringIO(); print("b")', { ...PLAIN, stdout: 'a\n' }],
  ['closes its stdout (E32)', 'import sys; print("a"); sys.stdout.close(); 1/0', { reason: 'error', stdout: 'a\n', stderr: expect.stringContaining('ZeroDivisionError: division by zero') }],
  ['detaches its stdout (E32)', 'import sys; print("a"); sys.stdout.detach()', { ...PLAIN, stdout: 'a\n' }],
  ['closes descriptors 1 and 2 (E32)', 'import os; print("a"); os.close(1); os.close(2); 1/0', {
    reason: 'error', stdout: 'a\n', error: { type: 'ZeroDivisionError', message: 'division by zero', line: 1 },
  }],
  ['segfaults (E25)', 'import os; print("last"); os.kill(os.getpid(), 11)', {
    reason: 'crashed', outcome: 'error', returncode: -11, stdout: 'last\n', stderr: '[sidecar] Python itself crashed (SIGSEGV).\n',
  }],
  ['aborts (E25)', 'import os; os.abort()', { reason: 'crashed', returncode: -6 }],
  ['runs an illegal instruction (E25)', 'import os; os.kill(os.getpid(), 4)', { reason: 'crashed', returncode: -4 }],
  ['kills itself', 'import os; os.kill(os.getpid(), 9)', { reason: 'killed', returncode: -9 }],
  ['recurses for ever (E24)', 'def f(n):\n    return f(n + 1)\nf(0)', { reason: 'error', error: expect.objectContaining({ type: 'RecursionError', line: 2 }) }],
  ['asks for 64 GiB at once (E05)', 'x = bytearray(64 << 30)', { reason: 'memory_limit', outcome: 'memory_limit', returncode: 1, hints: ['memory'] }],
  ['opens /dev/stdout', 'open("/dev/stdout", "w")', { reason: 'error', hints: ['dev_stdout'] }],
  ['imports what is not installed', 'import not_there', { reason: 'error', hints: ['missing_package'] }],
  ['opens a file outside', 'open("/home/somebody/data.csv")', { hints: ['outside_workspace'] }],
  ['reads text of another encoding', 'open("a.txt", "wb").write("中文".encode("gb18030")); open("a.txt").read()', { reason: 'error', hints: ['encoding'] }],
  ['uses the network', 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:9/")', { reason: 'sandbox_denied', outcome: 'error', hints: ['network_off'] }],
  ['passes arguments through (E64)', 'import sys; print(sys.argv[1:])', { ...PLAIN, stdout: `['-c', ';rm -rf "x"', 'a\\nb', '']\n` }, { argv: ['-c', ';rm -rf "x"', 'a\nb', ''] }],
  ['prints to both streams', 'import sys; print("o"); print("e", file=sys.stderr)', { ...PLAIN, stdout: 'o\n', stderr: 'e\n' }],
  ['is stopped by nobody but itself in an exit handler', 'import atexit; atexit.register(print, "bye"); print("hi")', { ...PLAIN, stdout: 'hi\nbye\n' }],
])('a program that %s', async (_title, code, expected, request = {}) => {
  const answer = await bench.run('programs', code, request);

  expect(answer).toMatchObject(expected);
});

it('shows the frames of the learner only, in chains, groups and threads (E28)', async () => {
  const { workspace } = await bench.session('frames');
  await writeFiles(workspace, { 'helper.py': 'import json\ndef load(text):\n    return json.loads(text)\n' });
  const chain = await bench.run('frames', 'import helper\ntry:\n    helper.load("{")\nexcept ValueError as error:\n    raise RuntimeError("no") from error\n');
  const group = await bench.run('frames', 'raise ExceptionGroup("two", [ValueError(1), KeyError("k")])');
  const thread = await bench.run('frames', 'import threading\ndef work():\n    1/0\nt = threading.Thread(target=work)\nt.start()\nt.join()\n');
  const mute = await bench.run('frames', 'class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd()');

  expect(chain.stderr.split('\n').filter((line) => line.includes('File '))).toEqual([
    '  File "main.py", line 3, in <module>', '  File "helper.py", line 3, in load', '  File "main.py", line 5, in <module>',
  ]);
  expect(chain).toMatchObject({ error: { type: 'RuntimeError', message: 'no', line: 5 }, message: 'RuntimeError: no' });
  expect(group.stderr).toContain('ValueError: 1');
  expect(group.stderr).toContain("KeyError: 'k'");
  expect(thread).toMatchObject({ success: true, stderr: expect.stringMatching(/^Exception in thread Thread-1 \(work\):\nTraceback.*\n {2}File "main.py", line 3, in work\n/) });
  expect(thread.stderr).not.toContain('threading.py');
  expect(mute).toMatchObject({ reason: 'error', error: { type: 'Odd', line: 3 } });
});

it('names files of the workspace that hide modules, and is not led by them itself (E42, S75)', async () => {
  const { workspace } = await bench.session('shadow');
  await writeFiles(workspace, {
    'json.py': 'raise SystemExit("hidden")', 'sitecustomize.py': 'print("customized")', 'usercustomize.py': 'print("customized")', 'evil.pth': 'import os; print("pth")',
    'pandas.py': 'value = 1',
  });
  const builtin = await bench.run('shadow', 'import json\nprint(json.dumps([1]))');
  const own = await bench.run('shadow', 'import pandas\nprint(pandas.value)');
  const next = await bench.run('clean', 'import json\nprint(json.dumps([1]))');

  expect(builtin).toMatchObject({ stdout: '[1]\n', stderr: '', hints: ['shadowed_module'] });
  expect(own).toMatchObject({ stdout: '1\n', hints: ['shadowed_module'], start: 'cold' });
  expect(next).toMatchObject({ stdout: '[1]\n', hints: [] });
});

it('gives a program nothing of the environment, arguments and descriptors of the service (E43, S66)', async () => {
  process.env['SIDECAR_TOKEN'] = 'planted-secret-value';
  const code = `
import json, os, stat, sys
kinds = {n: ('socket' if stat.S_ISSOCK(os.fstat(int(n)).st_mode) else 'other') for n in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + n)}
print(json.dumps({'env': dict(os.environ), 'argv': sys.argv, 'orig': sys.orig_argv, 'fds': sorted(map(int, kinds))}))`;
  const answer = await bench.run('environment', code);
  delete process.env['SIDECAR_TOKEN'];

  const seen = JSON.parse(answer.stdout) as { env: Record<string, string>; argv: string[]; orig: string[]; fds: number[] };
  expect(answer.stdout).not.toContain('planted-secret-value');
  expect(Object.keys(seen.env).filter((name) => /^(SIDECAR|LLM|NODE|npm)_/i.test(name))).toEqual([]);
  expect(seen.env).toMatchObject({ PYTHONUTF8: '1', NO_COLOR: '1', LC_ALL: 'C.UTF-8' });
  expect(seen.argv).toHaveLength(1);
  // 0 to 2, the listing itself, and two private ones beyond the reach of inheritance.
  expect(seen.fds.filter((number) => number > 2 && number < 60).length).toBeLessThanOrEqual(1);
});

it('takes look-alike protocol lines for text (E44, S76)', async () => {
  const code = `
import json, os, struct, sys
frame = json.dumps({"run": "x", "secret": "s", "code": "print('forged')"}).encode()
ready = b'{"sidecar":"ready","protocol":1,"pid":1,"start_time":1,"python":"9","preloaded":[]}\\n'
trailer = b'\\n\\x1eAAAAAAAAAAAAAAAAAAAAAA{"reason":"ok","error":null,"exit_code":0,"cpu_ms":0,"peak_bytes":0,"figures":{"saved":0,"left_out":0,"missing_glyphs":0},"hints":[]}\\n'
for number in range(0, 80):
    for content in (ready, struct.pack('>I', len(frame)) + frame, trailer):
        try: os.write(number, content)
        except OSError: pass
sys.exit(4)`;
  const answer = await bench.run('forged', code);

  expect(answer).toMatchObject({ reason: 'exit', returncode: 4, success: false });
  expect(answer.stdout).toContain('"sidecar":"ready"');
  expect(answer.stderr).toContain('AAAAAAAAAAAAAAAAAAAAAA');
});

it('keeps the exit status as the truth when a program forges its own last words (E45)', async () => {
  const code = `
import gc, os, sys
frame, secret = sys._getframe(), None
while frame is not None:
    secret = frame.f_locals.get('secret') or secret
    frame = frame.f_back
good = '{"reason":"ok","error":null,"exit_code":0,"cpu_ms":0,"peak_bytes":0,"figures":{"saved":0,"left_out":0,"missing_glyphs":0},"hints":[]}'
os.write(2, ('\\n\\x1e' + secret + good + '\\n').encode())
os._exit(9)`;
  const answer = await bench.run('forged', code);

  expect(answer).toMatchObject({ reason: 'exit', returncode: 9, success: false, outcome: 'error' });
});

it('starts processes in the ways of multiprocessing and subprocess, and leaves none (E67)', async () => {
  const code = `
import multiprocessing, subprocess, sys
def square(x): return x * x
if __name__ == '__main__':
    for method in ('fork', 'spawn'):
        with multiprocessing.get_context(method).Pool(2) as pool: print(pool.map(square, [1, 2, 3]))
    print(subprocess.run([sys.executable, '-c', 'print(5)'], capture_output=True, text=True).stdout.strip())
    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])`;
  const answer = await bench.run('processes', code);

  expect(answer).toMatchObject({ ...PLAIN, stdout: '[1, 4, 9]\n[1, 4, 9]\n5\n' });
});

it('keeps 20 figures of a run, counts the others, and says so when one was never shown (E66)', async () => {
  const { workspace } = await bench.session('figures');
  const many = await bench.run('figures', `
import matplotlib.pyplot as plt
for index in range(23):
    plt.figure(figsize=(1, 1)); plt.plot([1, 2]); plt.show()
import os; print(os.environ['MPLBACKEND'])`);
  const hidden = await bench.run('figures', 'import matplotlib.pyplot as plt\nplt.plot([1, 2])');

  const figures = many.artifacts.filter(({ kind }) => kind === 'figure');
  expect(figures.map(({ path }) => path)).toEqual(Array.from({ length: 20 }, (_, index) => `.figures/${many.execution_id}/${index + 1}.png`));
  expect(many.warnings).toEqual(['3 figures were not kept.']);
  expect((await readFile(join(workspace, figures[0]!.path))).subarray(1, 4).toString()).toBe('PNG');
  expect(hidden).toMatchObject({ hints: ['figure_not_shown'], artifacts: [] });
});

it('runs a file of the workspace by its name and records what it was (E64)', async () => {
  const { workspace } = await bench.session('files');
  await writeFiles(workspace, { 'src/task one.py': 'import sys\nprint(__name__, sys.argv[1])\n1/0\n' });
  const answer = await bench.run('files', '', { path: 'src/task one.py', argv: ['--x'], timeout_seconds: 50 });

  expect(answer).toMatchObject({ reason: 'error', stdout: '__main__ --x\n', error: { line: 3 } });
  expect(answer.stderr).toContain('File "src/task one.py", line 3, in <module>');
  expect(bench.runner.execution('files', answer.execution_id)).toMatchObject({
    path: 'src/task one.py', code: 'import sys\nprint(__name__, sys.argv[1])\n1/0\n', lane: 'user', kind: 'run', reason: 'error', returncode: 1,
    guards: { network: 'enforced' }, limits: { wallMs: 50_000 },
  });
});

it('lists new and changed files with their types, and follows no planted link (E36, E39, S78)', async () => {
  const { workspace } = await bench.session('artifacts');
  const outside = join(bench.folder, 'outside.txt');
  await writeFiles(bench.folder, { 'outside.txt': 'secret' });
  await writeFiles(workspace, { 'same.txt': 'same', 'changed.txt': 'old' });
  const answer = await bench.run('artifacts', `
import os, socket, pickle
os.makedirs('sub'); open('sub/table.csv', 'w').write('a,b')
open('changed.txt', 'w').write('newer')
os.symlink(${JSON.stringify(outside)}, 'link.txt'); os.symlink('/etc', 'folder')
os.mkfifo('pipe')
s = socket.socket(socket.AF_UNIX); s.bind('sock')
os.makedirs('.figures'); os.symlink('/etc', '.figures/' + 'exe_x')
open('data.pkl', 'wb').write(b'cos\\nsystem\\n(S"touch /tmp/pwned"\\ntR.')
`);

  expect(answer.artifacts).toEqual([
    { path: 'changed.txt', size_bytes: 5, mime: 'text/plain', kind: 'file' },
    { path: 'data.pkl', size_bytes: 35, mime: 'application/octet-stream', kind: 'file' },
    { path: 'sub/table.csv', size_bytes: 3, mime: 'text/csv', kind: 'file' },
  ]);
  expect(await readFile(outside, 'utf8')).toBe('secret');
});

it('collects nothing from outside while a program swaps a folder for a link (E37)', async () => {
  const { workspace } = await bench.session('swap');
  await writeFiles(bench.folder, { 'outside/stolen.txt': 'secret' });
  await writeFiles(workspace, { 'real/own.txt': 'own' });
  const swapping = bench.run('swap', `
import os, time
end = time.time() + 1.5
os.rename('real', 'kept')
while time.time() < end:
    os.symlink(${JSON.stringify(join(bench.folder, 'outside'))}, 'folder'); os.unlink('folder')
    os.mkdir('folder'); open('folder/own.txt', 'w').close(); os.unlink('folder/own.txt'); os.rmdir('folder')`);
  const seen: string[] = [];
  for (let index = 0; index < 12; index += 1) seen.push(...(await bench.run('swap', `open('n${index}.txt', 'w')`)).artifacts.map(({ path }) => path));
  await swapping;

  expect(seen.filter((path) => path.includes('stolen'))).toEqual([]);
  expect(seen).toContain('n11.txt');
});

it.each([
  ['compressed bytes that swell (E65)', 'import zlib\nbomb = zlib.compress(b"\\0" * 50_000_000)\nx = [zlib.decompress(bomb) for _ in range(100)]', { reason: 'memory_limit' }],
  ['a figure of 20000 by 20000 pixels (E66)', 'import matplotlib.pyplot as plt\nplt.figure(figsize=(200, 200), dpi=100); plt.plot([1]); plt.show()', { reason: 'memory_limit' }],
])('ends a program that unpacks %s within its memory', async (_title, code, expected) => {
  const answer = await bench.run('bombs', code, { memory_limit_mb: 512 });

  expect(answer).toMatchObject(expected);
  expect(answer.artifacts).toEqual([]);
});

it('replaces a worker that dies before it takes its job, once and silently (E60)', async () => {
  const { workspace, home } = await bench.session('replaced');
  let claims = 0;
  const dying = new Proxy(bench.pool, { get: (target, name) => {
    const value: unknown = Reflect.get(target, name);
    if (name !== 'claim') return typeof value === 'function' ? value.bind(target) as unknown : value;
    return async (...request: Parameters<WorkerPool['claim']>) => {
      const claimed = await target.claim(...request);
      claims += 1;
      if (claims === 1) await claimed.worker.child.kill();
      return claimed;
    };
  } });
  const { report } = await runOnWorker({ clock: systemClock, ids: createIds(systemClock), pool: dying }, {
    spec: { group: 'replaced', lane: 'user', preload: [], keepsFigures: false, workspace: { folder: workspace, home, packages: null, sessionId: 'replaced' } },
    job: {
      executionId: 'exe_1', code: 'print("second")', path: null, argv: [], stdin: '', seed: null, wallMs: 60_000, keepsFigures: false, isNetworkOff: true,
      limits: laneLimits('user', { memoryBytes: 4e9 }), output: { unit: 'characters', head: 100, tail: 100, ceilingBytes: 1e6 },
    },
    need: 'light', hooks: { signal: new AbortController().signal, language: 'en', onText: () => {}, onStep: () => {} },
  });

  expect(report).toMatchObject({ reason: 'ok', stdout: 'second\n' });
  expect(claims).toBe(2);
});

it('puts uploads under their bare names, where a file of the learner wins', async () => {
  const { workspace, uploads } = await bench.session('datasets');
  await writeFiles(uploads, { 'scores.csv': 'a\n1\n', 'mine.csv': 'upload' });
  await writeFiles(workspace, { 'mine.csv': 'mine' });
  await symlink('/etc/hostname', join(workspace, 'linked.csv'));
  await writeFiles(uploads, { 'linked.csv': 'upload' });
  const answer = await bench.run('datasets', 'print(open("scores.csv").read(), open("mine.csv").read())');

  expect(answer).toMatchObject({ stdout: 'a\n1\n mine\n', artifacts: [] });
  expect(bench.store.files.list('datasets', 'workspace').map(({ name, origin }) => [name, origin])).toEqual([['scores.csv', 'upload']]);
});

it('says once that the font of a figure lacks characters, and passes on every other warning', async () => {
  const answer = await bench.run('glyphs', `
import warnings
import matplotlib.pyplot as plt
for title in ("中文", "文中字"):
    figure = plt.figure()
    plt.title(title)
    plt.show()
figure = plt.figure()
save = figure.savefig
def warn_and_save(*arguments, **options):
    warnings.warn("something else")
    save(*arguments, **options)
figure.savefig = warn_and_save
plt.show()
`);

  expect(answer).toMatchObject({
    reason: 'ok', stdout: '', warnings: ['The font of the figures lacks some characters (3) and draws boxes in their place.'],
    stderr: expect.stringContaining('UserWarning: something else'),
  });
  expect(answer.stderr).not.toContain('Glyph');
  expect(answer.artifacts.filter(({ kind }) => kind === 'figure')).toHaveLength(3);
});

it.each([
  ['brings a copy up to date when another upload has taken its name', 'pass', 'v=2'],
  ['keeps a copy that a program has changed', 'open("data.csv", "w").write("v=3")', 'v=3'],
  ['keeps a copy that a program has changed to something else of its size and time',
    'import os; t = os.stat("data.csv"); open("data.csv", "r+").write("v=4"); os.utime("data.csv", ns=(t.st_atime_ns, t.st_mtime_ns))', 'v=4'],
  ['keeps a link that a program has put in its place', 'import os; os.rename("data.csv", "moved.csv"); os.symlink("moved.csv", "data.csv")', 'v=1'],
])('%s', async (_title, change, seen) => {
  const id = `copies-${seen}`;
  const { uploads } = await bench.session(id);
  const upload = async (text: string): Promise<void> => {
    await writeFiles(uploads, { 'data.csv': text });
    bench.store.files.put({
      session_id: id, area: 'upload', name: 'data.csv', origin: 'upload', sha256: createHash('sha256').update(text).digest('hex'), size_bytes: text.length,
      created_at: '2026-01-01T00:00:00.000Z', turn_index: 0,
    });
  };
  await upload('v=1');
  const first = await bench.run(id, 'print(open("data.csv").read())');
  await bench.run(id, change);
  await upload('v=2');
  const second = await bench.run(id, 'print(open("data.csv").read())');

  expect([first.stdout, second.stdout]).toEqual(['v=1\n', `${seen}\n`]);
});

it('tells the companion of a run, without terminal sequences', async () => {
  const answer = await bench.run('notes', 'print("\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07end")');

  expect(answer.stdout).toBe('\u001b[31mred\u001b[0m \u001b]0;title\u0007end\n');
  expect(bench.store.runNotes.recent('notes', 5)).toMatchObject([{ execution_id: answer.execution_id, lane: 'user', ok: true, stdout: 'red end\n', stderr: '' }]);
});

it('speaks the language of the chapter', async () => {
  await bench.session('chinese');
  bench.store.sessions.insert({ ...bench.store.sessions.get('chinese')!, session_id: 'zh', language: 'zh-CN' });
  const answer = await bench.run('zh', 'import sys; sys.exit(2)');

  expect(answer.message).toBe('程序以代码 2 自行结束。');
});
