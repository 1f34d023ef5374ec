import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { ExpertCallResult } from '../../src/execution/expert-runner/index.ts';
import { openExecutionBench } from '../support/execution-bench.ts';
import type { ExecutionBench } from '../support/execution-bench.ts';
import { watchLoop } from '../support/loop-watch.ts';

let bench: ExecutionBench;
let loop: ReturnType<typeof watchLoop>;
let count = 0;
const rssBefore = { bytes: 0 };

beforeAll(async () => {
  bench = await openExecutionBench();
  loop = watchLoop();
  await bench.session('s1');
});
afterAll(async () => {
  loop[Symbol.dispose]();
  await bench[Symbol.asyncDispose]();
});
afterEach(async () => {
  expect(await bench.remains()).toEqual([]);
  expect(loop.worstMs()).toBeLessThan(250);
});

/** One call in a consultation of its own, after which the next consultation must work and the input be as it was. */
async function call(code: string, more: { timeoutMs?: number; stdin?: string } = {}): Promise<ExpertCallResult & { ms: number }> {
  const result = await callOnce(code, more);
  expect((await callOnce('print(open("inputs/a.txt").read())')).stdout).toBe('hello\n');
  return result;
}

async function callOnce(code: string, more: { timeoutMs?: number; stdin?: string } = {}): Promise<ExpertCallResult & { ms: number }> {
  count += 1;
  const signal = new AbortController().signal;
  await using workspace = await bench.experts.openWorkspace({
    sessionId: 's1', consultationId: `consult_${String(count).padStart(4, '0')}`, inputs: [{ name: 'a.txt', bytes: Buffer.from('hello') }],
  });
  const order = { workspace, expertId: 'code_checker', turnIndex: 3, language: 'en' as const, signal };
  rssBefore.bytes = process.memoryUsage.rss();
  const from = performance.now();
  const result = { ...(await bench.experts.run({ ...order, code, timeoutMs: 20_000, ...more })), ms: performance.now() - from };
  expect(await readFile(join(workspace.folder, 'inputs', 'a.txt'), 'utf8')).toBe('hello');
  return result;
}

const FORKED = { ok: false, reason: 'process_limit', exitCode: 1 };
const STOPPED = { ok: false, reason: 'timeout', exitCode: -1 };

it.each<[title: string, code: string, expected: Record<string, unknown>, more?: { timeoutMs?: number; stdin?: string }]>([
  ['forks for ever (E01)', 'import os\nwhile True: os.fork()', FORKED],
  ['starts ten thousand threads (E02)', 'import threading, time\nfor _ in range(10_000): threading.Thread(target=time.sleep, args=(5,)).start()', { ok: false, reason: 'process_limit' }],
  ['fills a mapping (E03)', 'import mmap\nm = mmap.mmap(-1, 900_000_000)\nfor n in range(0, 900_000_000, 4096): m[n] = 1', { ok: false, reason: 'memory_limit' }],
  ['lets children take the memory (E04)', 'import os\nfor _ in range(8):\n    if os.fork() == 0: x = bytearray(60_000_000)', FORKED],
  ['asks for 64 GiB at once (E05)', 'bytearray(64 << 30)', { ok: false, reason: 'memory_limit', exitCode: 1, hints: ['memory'] }],
  ['writes one huge file in its temporary space (E06)', 'import tempfile\nf = tempfile.TemporaryFile()\nwhile True: f.write(b"x" * 1_000_000); f.flush()', { ok: false, reason: 'disk_limit' }],
  ['writes many files of 8 MB (E07)', 'for n in range(99):\n    with open(f"out/{n}", "wb") as f: f.write(b"x" * 8_000_000)\nimport time; time.sleep(18)', { ok: false, reason: 'disk_limit' }],
  ['makes empty files for ever (E08)', 'n = 0\nwhile True:\n    open(f"out/{n}", "w").close(); n += 1', { ok: false, reason: 'disk_limit' }],
  ['nests folders (E09)', 'import os, time\nos.chdir("out")\nfor _ in range(5000): os.mkdir("d"); os.chdir("d")\ntime.sleep(18)', { ok: false, reason: 'disk_limit' }],
  ['floods stderr and ignores its end (E11)', 'import os, signal\nsignal.signal(signal.SIGPIPE, signal.SIG_IGN)\nwhile True:\n    try: os.write(2, b"e" * 65536)\n    except OSError: pass', { ok: false, reason: 'output_limit' }],
  ['writes one line of a gibibyte (E12)', 'import sys\nfor _ in range(1024): sys.stdout.write("y" * (1 << 20))', { ok: false, reason: 'output_limit' }],
  ['computes for ever (E14)', 'while True: pass', { ...STOPPED, message: 'Stopped after 1 s, at line 1.' }, { timeoutMs: 1_000 }],
  ['sleeps with unflushed text (E15)', 'import time\nprint("kept", end="")\ntime.sleep(1e6)', { ...STOPPED, stdout: 'kept' }, { timeoutMs: 1_000 }],
  ['ignores every signal (E16)', 'import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nprint("on", flush=True)\nwhile True: pass', { ...STOPPED, stdout: 'on\n' }, { timeoutMs: 1_000 }],
  ['catches the interrupt for ever (E16)', 'import time\nwhile True:\n    try: time.sleep(60)\n    except KeyboardInterrupt: print("caught", flush=True)', { ...STOPPED, stdout: 'caught\n' }, { timeoutMs: 1_000 }],
  ['stops itself (E17)', 'import os, signal\nos.kill(0, signal.SIGSTOP)', STOPPED, { timeoutMs: 1_000 }],
  ['leaves a daemon (E19)', 'import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(600)', FORKED],
  ['leaves a daemon that holds stdout (E20)', 'import subprocess\nsubprocess.Popen(["sleep", "600"], start_new_session=True)', FORKED],
  ['waits for a thread that never ends (E22)', 'import threading\nprint("main done")\nthreading.Thread(target=threading.Event().wait).start()', { ...STOPPED, stdout: 'main done\n' }, { timeoutMs: 1_000 }],
  ['hangs in an exit handler (E22)', 'import atexit, time\natexit.register(time.sleep, 600)\nprint("x")', { ...STOPPED, stdout: 'x\n' }, { timeoutMs: 1_000 }],
  ['holds the interpreter in native code (E23)', 'import re\nre.match(r"(a+)+$", "a" * 60 + "b")', STOPPED, { timeoutMs: 1_000 }],
  ['recurses for ever (E24)', 'def f(n):\n    return f(n + 1)\nf(0)', { ok: false, reason: 'error', error: expect.objectContaining({ type: 'RecursionError', line: 2 }) }],
  ['aborts (E25)', 'import os; os.abort()', { ok: false, reason: 'crashed', exitCode: -6 }],
  ['runs an illegal instruction (E25)', 'import os; os.kill(os.getpid(), 4)', { ok: false, reason: 'crashed', exitCode: -4 }],
  ['exits with a text (E26)', 'import sys; sys.exit("bye")', { reason: 'exit', exitCode: 1, stderr: 'bye\n' }],
  ['leaves without cleaning up (E26)', 'import os; os._exit(7)', { reason: 'exit', exitCode: 7 }],
  ['holds a NUL (E27)', 'x = 1\ny = "\0"', { reason: 'syntax_error', error: expect.objectContaining({ line: 2 }) }],
  ['starts with a BOM (E27)', '\ufeffprint("bom")', { ok: true, reason: 'ok', stdout: 'bom\n' }],
  ['names an unknown coding (E27)', '# coding: foo\nprint(1)', { reason: 'syntax_error', error: { type: 'SyntaxError', message: 'unknown encoding: foo', line: 1 } }],
  ['raises errors in chains and groups (E28)', 'try: 1/0\nexcept ZeroDivisionError as error: raise ExceptionGroup("two", [ValueError(1)]) from error', { reason: 'error', error: expect.objectContaining({ type: 'ExceptionGroup', line: 2 }) }],
  ['raises an error that cannot be shown (E28)', 'class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd()', { reason: 'error', error: expect.objectContaining({ type: 'Odd', line: 3 }) }],
  ['reads 64 KiB of input (E29)', 'import sys\nprint(len(sys.stdin.read()))', { ok: true, stdout: '65536\n' }, { stdin: 'x'.repeat(65_536) }],
  ['prints bytes that are no text (E30)', 'import os; os.write(1, b"a\\xff\\x00\\x1b[31m\\xf0\\x9f\\x98\\x80")', { ok: true, stdout: 'a\ufffd\0\u001b[31m😀' }],
  ['removes and renames its folder (E31)', 'import os, shutil\nfor way in (lambda: os.rename(".", "x"), lambda: os.rmdir("inputs"), lambda: os.rename("inputs", "out/i"), lambda: shutil.rmtree("inputs")):\n    try: way(); print("DONE")\n    except OSError: print("refused")', { ok: true, stdout: 'refused\n'.repeat(4) }],
  ['replaces its stdout (E32)', 'import sys, io; print("a"); sys.stdout = io.StringIO(); print("b")', { ok: true, stdout: 'a\n' }],
  ['closes descriptors 1 and 2 (E32)', 'import os; print("a"); os.close(1); os.close(2); 1/0', { reason: 'error', stdout: 'a\n', error: { type: 'ZeroDivisionError', message: 'division by zero', line: 1 } }],
  ['unpacks a bomb (E65, S78)', 'import zlib\nheld = b"x" * 500_000_000\nb = zlib.compress(b"\\0" * 50_000_000, 1)\nx = [zlib.decompress(b) for _ in range(100)]', { ok: false, reason: 'memory_limit' }],
  ['reads a workbook that is a bomb (E65, S78)', `
import openpyxl, zipfile
openpyxl.Workbook().save('out/a.xlsx')
with zipfile.ZipFile('out/a.xlsx') as old, zipfile.ZipFile('out/b.xlsx', 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as new:
    for name in old.namelist():
        with new.open(name, 'w') as part:
            if not name.endswith('sheet1.xml'): part.write(old.read(name)); continue
            part.write(b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>')
            for _ in range(900): part.write(b'x' * 1_000_000)
            part.write(b'</t></is></c></row></sheetData></worksheet>')
import pandas
print(len(pandas.read_excel('out/b.xlsx', header=None).iloc[0, 0]))`, { ok: false, reason: expect.stringMatching(/^(memory_limit|cpu_limit|timeout)$/) }, { timeoutMs: 20_000 }],
  ['loads an array of objects (E65, S78)', 'import numpy\nnumpy.save("out/x.npy", numpy.array([{}], dtype=object), allow_pickle=True)\nnumpy.load("out/x.npy")', { ok: false, reason: 'error', error: expect.objectContaining({ type: 'ValueError' }) }],
  ['uses multiprocessing by fork (E67)', 'import multiprocessing\nmultiprocessing.get_context("fork").Pool(2)', FORKED],
  ['uses multiprocessing by spawn (E67)', 'import multiprocessing\nif __name__ == "__main__": multiprocessing.get_context("spawn").Process(target=print).start()', FORKED],
])('a program of an expert that %s', async (_title, code, expected, more) => {
  const result = await call(code, more);

  expect(result).toMatchObject(expected);
  if (more?.timeoutMs !== undefined) expect(result.ms).toBeGreaterThan(950);
  expect([...result.stdout].length + [...result.stderr].length).toBeLessThan(140_000);
  expect(process.memoryUsage.rss() - rssBefore.bytes).toBeLessThan(64 * 1024 * 1024);
});

it('stays at the bottom of the stack whatever the recursion limit is, and leaves no core (E24)', async () => {
  const result = await call('import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + f(n)\nf(0)');

  expect(['crashed', 'memory_limit', 'error', 'cpu_limit', 'timeout']).toContain(result.reason); // The last two on a slow machine.
  expect(result.files).toEqual([]);
});

it('has its processor time counted over its threads (E14)', async () => {
  const result = await call('import threading\ndef spin():\n    while True: pass\nfor _ in range(4): threading.Thread(target=spin).start()');

  expect(['cpu_limit', 'timeout']).toContain(result.reason);
});

it('sends signals to nobody outside its tree (E18)', async () => {
  const other = bench.run('bystander', 'import time; time.sleep(1); print("alive")');
  const result = await call(`import os, signal\nfor pid in (${process.pid}, ${process.ppid}):\n    try: os.kill(pid, signal.SIGKILL); print("sent")\n    except OSError as error: print(type(error).__name__)\nos.kill(-1, signal.SIGKILL)`);

  expect(result.stdout.trim().split('\n').slice(0, 2).every((line) => /^(ProcessLookupError|PermissionError)$/.test(line))).toBe(true);
  expect((await other).stdout).toBe('alive\n');
});

it('takes look-alike protocol lines for text, and the exit status for the truth (E44, E45, S76)', async () => {
  const lookalike = await call(`
import json, os, struct, sys
frame = json.dumps({"run": "x", "secret": "s", "code": "print('forged')"}).encode()
for number in range(0, 80):
    for content in (b'{"sidecar":"ready","protocol":1}\\n', struct.pack('>I', len(frame)) + frame, b'\\n\\x1eAAAAAAAAAAAAAAAAAAAAAA{"reason":"ok","exit_code":0}\\n'):
        try: os.write(number, content)
        except OSError: pass
sys.exit(4)`);
  const forged = await call(`
import os, sys
frame, secret = sys._getframe(), None
while frame is not None:
    secret = frame.f_locals.get('secret') or secret
    frame = frame.f_back
good = '{"reason":"ok","error":null,"exit_code":0,"cpu_ms":0,"peak_bytes":0,"figures":{"saved":0,"left_out":0},"hints":[]}'
os.write(2, ('\\n\\x1e' + str(secret) + good + '\\n').encode())
os._exit(9)`);

  expect(lookalike).toMatchObject({ ok: false, reason: 'exit', exitCode: 4, stdout: expect.stringContaining('"sidecar":"ready"') });
  expect(forged).toMatchObject({ ok: false, reason: 'exit', exitCode: 9 });
});
