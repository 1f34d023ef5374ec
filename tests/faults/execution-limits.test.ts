import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { openExecutionBench } from '../support/execution-bench.ts';
import type { ExecutionBench } from '../support/execution-bench.ts';
import { watchLoop } from '../support/loop-watch.ts';

const MIB = 1024 * 1024;
let bench: ExecutionBench;
let rssBefore = 0;
let loop: ReturnType<typeof watchLoop>;

beforeAll(async () => {
  bench = await openExecutionBench({ preload: [] });
  // The event loop of the host must stay free, whatever a program does.
  loop = watchLoop();
});
afterAll(async () => {
  loop[Symbol.dispose]();
  await bench[Symbol.asyncDispose]();
});
afterEach(async () => {
  expect(await bench.remains()).toEqual([]);
  expect(loop.worstMs()).toBeLessThan(250);
  expect((await bench.run('next', 'print("still fine")')).stdout).toBe('still fine\n');
});

/** A program that is not stopped sleeps or waits for minutes. */
const STOPPED_MS = 30_000;

async function timed(session: string, code: string, request: Record<string, unknown> = {}) {
  const started = performance.now();
  rssBefore = process.memoryUsage().rss;
  const answer = await bench.run(session, code, request);
  return { answer, ms: performance.now() - started };
}

const STOPPED = { outcome: 'timeout', reason: 'timeout', returncode: -1, success: false, cancelled: false };

it.each<[title: string, code: string, expected: Record<string, unknown>]>([
  ['loops for ever (E14)', 'while True: pass', { stderr: '[sidecar] Stopped after 1 s, at line 1.\n' }],
  ['sleeps with unflushed text (E15)', 'import time\nprint("kept", end="")\ntime.sleep(1e6)', { stdout: 'kept', stderr: '[sidecar] Stopped after 1 s, at line 3.\n' }],
  ['ignores every signal (E16)', 'import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nprint("on", flush=True)\nwhile True: pass', { stdout: 'on\n', stderr: '[sidecar] Stopped after 1 s.\n' }],
  ['catches KeyboardInterrupt (E16)', 'import time\nwhile True:\n    try:\n        while True: time.sleep(0.01)\n    except KeyboardInterrupt: print("caught", flush=True)', { stdout: 'caught\n' }],
  ['catches the interrupt and ends well', 'import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print("bye")', { stdout: 'bye\n' }],
  ['stops itself (E17)', 'import os, signal\nos.kill(0, signal.SIGSTOP)', {}],
  ['waits for a thread that never ends (E22)', 'import threading\nprint("main done")\nthreading.Thread(target=threading.Event().wait).start()', { stdout: 'main done\n' }],
  ['hangs in an exit handler (E22)', 'import atexit, time\natexit.register(time.sleep, 600)\nprint("x")', { stdout: 'x\n' }],
  ['waits for a child process (E21)', 'import subprocess\nsubprocess.run(["sleep", "600"])', {}],
  ['holds the interpreter in native code (E23)', 'import re\nre.match(r"(a+)+$", "a" * 60 + "b")', {}],
])('a program that %s is stopped at its limit', async (_title, code, expected) => {
  const { answer, ms } = await timed('time', code, { timeout_seconds: 1 });

  expect(answer).toMatchObject({ ...STOPPED, ...expected });
  expect(ms).toBeGreaterThan(950);
  expect(ms).toBeLessThan(STOPPED_MS);
});

it('stops a fork bomb (E01)', async () => {
  const { answer } = await timed('forks', 'import os\nwhile True:\n    os.fork()', { timeout_seconds: 10 });

  expect(['process_limit', 'timeout']).toContain(answer['reason']);
});

it('names the limit of threads (E02)', async () => {
  const { answer } = await timed('threads', 'import threading, time\nfor index in range(500):\n    threading.Thread(target=time.sleep, args=(1,)).start()', { timeout_seconds: 10 });

  expect(answer).toMatchObject({ reason: 'process_limit', outcome: 'error', returncode: 1 });
});

it.each([
  ['in small pieces (E03)', 'kept = []\nwhile True:\n    kept.append(bytearray(4_000_000))'],
  ['in a mapping (E03)', 'import mmap\nmapping = mmap.mmap(-1, 700_000_000)\nfor offset in range(0, 700_000_000, 4096): mapping[offset] = 1'],
  ['in child processes (E04)', 'import os, time\nfor index in range(8):\n    if os.fork() == 0:\n        x = bytearray(b"x") * 60_000_000\n        time.sleep(60)\ntime.sleep(60)'],
])('ends a program that takes too much memory %s', async (_title, code) => {
  const { answer } = await timed('memory', code, { memory_limit_mb: 256, timeout_seconds: 60 });

  expect(answer).toMatchObject({ reason: 'memory_limit', outcome: 'memory_limit', message: 'Needed more than 256 MB of memory.' });
  expect(answer['usage'].peak_bytes ?? 0).toBeLessThan(256 * MIB * 1.3);
});

it('ends a program that uses too much processor time (E14)', async () => {
  const { answer } = await timed('cpu', 'import multiprocessing\ndef spin():\n    while True: pass\nif __name__ == "__main__":\n    for _ in range(4): multiprocessing.Process(target=spin).start()', { timeout_seconds: 2 });

  expect(['cpu_limit', 'timeout']).toContain(answer['reason']);
  expect(answer.outcome).toBe('timeout');
});

it.each([
  ['one huge file in the workspace (E06)', 'block = b"x" * 8_000_000\nwith open("huge", "wb") as file:\n    while True: file.write(block)'],
  ['one huge file in the private temp (E06)', 'import tempfile\nblock = b"x" * 8_000_000\nwith tempfile.TemporaryFile() as file:\n    while True: file.write(block)'],
  ['many empty files (E08)', 'import time\nindex = 0\nwhile True:\n    open(f"f{index}", "w").close()\n    index += 1\n    if index % 100 == 0: time.sleep(0.005)'],
  ['folders in folders (E09)', 'import os\nfor index in range(5000):\n    os.mkdir("d"); os.chdir("d")\nimport time; time.sleep(60)'],
])('ends a program that writes %s', async (title, code) => {
  const session = `disk-${title.length}`;
  const { answer } = await timed(session, code, { timeout_seconds: 60 });

  expect(answer).toMatchObject({ reason: 'disk_limit', outcome: 'error' });
  expect(readdirSync((await bench.session(session)).workspace).length).toBeLessThan(40_000);
});

it('lets a session go on that code has filled: a run may look and clean up, and may not add (E08, E09)', async () => {
  const { workspace } = await bench.session('full');
  execFileSync('sh', ['-c', 'seq -f f%g 20500 | xargs touch'], { cwd: workspace });
  const look = await bench.run('full', 'import os, time\ntime.sleep(1)\nprint(len(os.listdir(".")))');
  const more = await bench.run('full', 'n = 0\nwhile True:\n    open(f"g{n}", "w").close(); n += 1', { timeout_seconds: 110 });
  const cleaned = await bench.run('full', 'import os\nfor name in os.listdir("."): os.unlink(name)\nos.makedirs("/".join("d" * 60))\nprint("empty")', { timeout_seconds: 110 });
  const deep = await bench.run('full', 'import time\ntime.sleep(1)\nprint("deep")');

  expect(look).toMatchObject({ reason: 'ok', stdout: '20500\n' });
  expect(more).toMatchObject({ reason: 'disk_limit' });
  expect(['ok', 'disk_limit']).toContain(cleaned['reason']); // the folders at its end may be seen in time
  expect(deep).toMatchObject({ reason: 'ok', stdout: 'deep\n' });
});

it.each([
  // Claimed, not written: the disk of the machine that runs this has other work. The pace is what makes the bound certain.
  ['many files of 8 MB (E07)', 0],
  ['many files of 8 MB into a workspace that holds most of what it may (E07)', 900],
])('ends a program that writes %s near the limit', async (title, heldMib) => {
  const session = `files-${heldMib}`;
  const { workspace } = await bench.session(session);
  if (heldMib > 0) execFileSync('fallocate', ['-l', `${heldMib}MiB`, join(workspace, 'held')]);
  const { answer } = await timed(session, 'import os, time\nn = 0\nwhile True:\n    with open(f"f{n}", "wb") as file: os.posix_fallocate(file.fileno(), 0, 8 << 20)\n    n += 1; time.sleep(0.05)', { timeout_seconds: 60 });
  const written = (await readdir(workspace)).filter((name) => name.startsWith('f')).length * 8;

  expect(answer, title).toMatchObject({ reason: 'disk_limit', outcome: 'error', returncode: -9 });
  const left = Math.min(512, 1024 - heldMib);
  expect(written).toBeGreaterThan(left - 16);
  expect(written).toBeLessThan(left * 2 + 512);
});

it('ends a program that fills the shared memory, at no cost of the host (E06)', async () => {
  const { answer } = await timed('shm', 'block = b"x" * 1_000_000\nwith open("/dev/shm/huge", "wb") as file:\n    while True: file.write(block); file.flush()', { timeout_seconds: 60 });

  // Without mounts of its own there is no shared memory to fill.
  expect(answer['reason']).toBe(bench.report.lanes.user.backend === 'bwrap' ? 'disk_limit' : 'sandbox_denied');
  expect(existsSync('/dev/shm/huge')).toBe(false);
});

it('ends a program that makes empty files in its private temp for ever (E08)', async () => {
  const { answer } = await timed('temp', 'import tempfile\nfolder = tempfile.gettempdir()\nn = 0\nwhile True:\n    open(f"{folder}/f{n}", "w").close(); n += 1', { timeout_seconds: 110 });

  expect(answer).toMatchObject({ reason: 'disk_limit', outcome: 'error', returncode: -9 });
});

it('stops a program that floods stderr and ignores what happens to it (E11)', async () => {
  const { answer } = await timed('flood', 'import os, signal\nsignal.signal(signal.SIGPIPE, signal.SIG_IGN)\nwhile True:\n    try: os.write(2, b"e" * 65536)\n    except OSError: pass', { timeout_seconds: 110 });

  expect(answer).toMatchObject({ reason: 'output_limit', returncode: -9, success: false, truncated: { stdout: false, stderr: true } });
  expect(process.memoryUsage().rss - rssBefore).toBeLessThan(128 * MIB); // half of what was written; what is read and dropped waits for the collector
});

it('stops a program that prints for ever at the ceiling (E10)', async () => {
  const { answer } = await timed('flood', 'line = "x" * 999\nwhile True: print(line)', { timeout_seconds: 110 });

  expect(answer).toMatchObject({ reason: 'output_limit', outcome: 'output_limit', returncode: -9, success: false, truncated: { stdout: true, stderr: false } });
  expect([...answer.stdout].length).toBeLessThanOrEqual(120_000);
  expect(process.memoryUsage().rss - rssBefore).toBeLessThan(64 * MIB);
});

it.each([
  ['100 MB in lines (E13)', 'line = "x" * 999\nfor _ in range(100_000): print(line)\nprint("the end")'],
  ['100 MB in one line (E12)', 'import sys\nfor _ in range(100): sys.stdout.write("y" * 1_000_000)\nprint("the end")'],
])('keeps head and tail of %s', async (_title, code) => {
  const { answer } = await timed('flood', code, { timeout_seconds: 110 });

  expect(answer).toMatchObject({ success: true, reason: 'output_limit', outcome: 'output_limit', returncode: 0, truncated: { stdout: true } });
  expect([...answer.stdout].length).toBeLessThanOrEqual(120_000);
  expect(answer.stdout.endsWith('the end\n')).toBe(true);
  expect(answer.stdout).toMatch(/… \[\d+ characters left out\] …/);
});

it('never cuts inside a character (E30)', async () => {
  const { answer } = await timed('emoji', 'print("a" + "😀" * 200_000)');

  expect(answer.stdout.isWellFormed()).toBe(true);
  expect(answer.stdout).not.toContain('\ufffd');
});

it.each([
  ['a daemon that left its session (E19)', 'import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.close(0); os.close(1); os.close(2)\n        time.sleep(600)\n    os._exit(0)\nos.wait()\nprint("parent done")'],
  ['a daemon that holds stdout open (E20)', 'import subprocess\nsubprocess.Popen(["sleep", "600"], start_new_session=True)\nprint("parent done")'],
])('is done when the main process ends, and takes %s with it', async (_title, code) => {
  const { answer, ms } = await timed('daemon', code);

  expect(answer).toMatchObject({ reason: 'ok', stdout: 'parent done\n' });
  expect(ms).toBeLessThan(STOPPED_MS);
});

it('sends signals to nobody outside its tree (E18)', async () => {
  const other = bench.run('bystander', 'import time; time.sleep(0.5); print("alive")');
  const { answer } = await timed('signals', `import os, signal\nfor pid in (${process.pid}, ${process.ppid}):\n    try: os.kill(pid, signal.SIGKILL)\n    except OSError as error: print(type(error).__name__)\nos.kill(-1, signal.SIGKILL)\nprint("on")`);

  expect(answer.stdout).toMatch(/^(ProcessLookupError|PermissionError)\n/);
  expect((await other).stdout).toBe('alive\n');
});

it('leaves no core file (E24, E25)', async () => {
  const { workspace } = await bench.session('core');
  const { answer } = await timed('core', 'import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + f(n)\nf(0)', { timeout_seconds: 100, memory_limit_mb: 512 });
  expect(['crashed', 'memory_limit', 'error']).toContain(answer['reason']);
  await timed('core', 'import os; os.abort()');

  expect(readdirSync(workspace).filter((name) => name.includes('core'))).toEqual([]);
});

it('keeps its workspace whatever the program removes (E31)', async () => {
  const { workspace } = await bench.session('removed');
  const { answer } = await timed('removed', 'import os, shutil\nfor way in (lambda: os.rename("/workspace", "/tmp/x"), lambda: os.rmdir("/workspace"), lambda: shutil.rmtree("/workspace")):\n    try: way()\n    except OSError as error: print("refused")');

  expect(answer.stdout).toContain('refused');
  expect(existsSync(workspace)).toBe(true);
  expect(existsSync(join(workspace, '..', 'home'))).toBe(true);
});
