import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/config/index.ts';
import { openNotebookBench } from '../support/notebook-bench.ts';
import type { NotebookBench } from '../support/notebook-bench.ts';

let bench: NotebookBench;
let count = 0;

let patient: NotebookBench;
let impatient: NotebookBench;

beforeAll(async () => {
  patient = await openNotebookBench();
  impatient = await openNotebookBench({ times: { ladderStepMs: 1_200 } });
});
beforeEach(() => { bench = patient; });
afterAll(async () => {
  await patient[Symbol.asyncDispose]();
  await impatient[Symbol.asyncDispose]();
});

/** A session of its own, so that crashes of one test count for nobody else. */
const fresh = (): string => {
  count += 1;
  return bench.session(`life${count}`);
};

/** Resolves when the cell has printed. */
async function whenPrinting(session: string, code: string, onOutput: () => void): Promise<Record<string, unknown>> {
  let isTold = false;
  for await (const event of bench.stream(session, code)) {
    if (event.type === 'cell_output' && !isTold) {
      isTold = true;
      onOutput();
    }
    if (event.type === 'cell_complete') return event.answer as Record<string, unknown>;
  }
  throw new Error('the stream ended without an answer');
}

describe('interrupting', () => {
  it.each([
    ['a loop (K16)', 'print("go", flush=True)\nwhile True: pass'],
    ['a sleep (K16)', 'import time\nprint("go", flush=True)\ntime.sleep(60)'],
    ['a child process (K16)', 'import subprocess\nprint("go", flush=True)\nsubprocess.run(["sleep", "60"])'],
    ['an awaiting cell', 'import asyncio\nprint("go", flush=True)\nawait asyncio.sleep(60)'],
    ['a flood (E10, K29)', 'while True: print("x" * 999)'],
  ])('ends %s and keeps the namespace', async (_title, code) => {
    const session = fresh();
    await bench.run(session, 'kept = 1');

    const answer = await whenPrinting(session, code, () => void bench.notebooks.interrupt(session));

    expect(answer).toMatchObject({ success: false, reason: 'cancelled', error: { ename: expect.stringMatching(/KeyboardInterrupt|CancelledError/) } });
    expect(await bench.run(session, 'kept')).toMatchObject({ result_repr: '1', state_lost: false });
    await bench.notebooks.endSession(session);
  });

  it('has no effect while nothing runs (K17)', async () => {
    const session = fresh();
    await bench.run(session, 'kept = 1');

    await bench.notebooks.interrupt(session);

    expect(await bench.run(session, 'kept')).toMatchObject({ success: true, result_repr: '1' });
    await bench.notebooks.endSession(session);
  });

  it.each([
    ['swallows every interrupt (E16)', 'import time\nprint("go", flush=True)\nwhile True:\n    try:\n        while True: time.sleep(1)\n    except KeyboardInterrupt: pass'],
    ['holds the interpreter in native code (K16, E23)', 'import time\nprint("go", flush=True)\ntry: time.sleep(0.2)\nexcept KeyboardInterrupt: pass\nsum(range(10**13))'],
    ['stops its own process (K21, E17)', 'import os, signal, time\nprint("go", flush=True)\ntry: time.sleep(0.2)\nexcept KeyboardInterrupt: pass\nos.kill(os.getpid(), signal.SIGSTOP)'],
  ])('ends a cell that %s, restarts, and says that the state is lost', async (_title, code) => {
    bench = impatient;
    const session = fresh();
    await bench.run(session, 'kept = 1');

    const answer = await whenPrinting(session, code, () => void bench.notebooks.interrupt(session));

    expect(answer).toMatchObject({ success: false, reason: 'cancelled', detail: 'interrupt_ignored', error: { ename: 'KernelDied' } });
    expect(await bench.run(session, '"kept" in globals()')).toMatchObject({ result_repr: 'False', state_lost: true });
    await bench.notebooks.endSession(session);
  });
});

describe('time limits', () => {
  it('interrupts a cell that takes too long', async () => {
    const session = fresh();

    const answer = await bench.run(session, 'import time\ntime.sleep(60)', { timeout_seconds: 1 });

    expect(answer).toMatchObject({ success: false, reason: 'timeout', error: { ename: 'KeyboardInterrupt' }, message: 'Stopped after 1 s, at line 2.' });
    expect((await bench.run(session, '2')).result_repr).toBe('2');
    await bench.notebooks.endSession(session);
  });

  it('counts a caught interrupt as a timeout too', async () => {
    const session = fresh();

    const answer = await bench.run(session, 'import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: pass', { timeout_seconds: 1 });

    expect(answer).toMatchObject({ success: false, reason: 'timeout' });
    await bench.notebooks.endSession(session);
  });
});

describe('a kernel that ends by itself', () => {
  it.each([
    ['exits (K21, E68)', 'import os\nos._exit(7)', 'exit', 'exit 7'],
    ['is killed (K21, E68)', 'import os, signal\nos.kill(os.getpid(), signal.SIGKILL)', 'killed', 'SIGKILL'],
    ['crashes (K21, E25, E68)', 'import ctypes\nctypes.string_at(0)', 'crashed', 'SIGSEGV'],
    ['aborts (E25)', 'import os\nos.abort()', 'crashed', 'SIGABRT'],
    ['writes a forged frame (E44)', 'import os, glob\nfor fd in range(3, 128):\n    try: os.write(fd, b"\\xff" * 64)\n    except OSError: pass\nimport time; time.sleep(5)', 'worker_lost', 'protocol'],
  ])('%s: the cell says so, and the next one has a new kernel', async (_title, code, reason, detail) => {
    const session = fresh();
    await bench.run(session, 'kept = 1');

    const answer = await bench.run(session, code);

    expect(answer).toMatchObject({ success: false, reason, detail, error: { ename: 'KernelDied' } });
    expect(await bench.run(session, '"kept" in globals()')).toMatchObject({ result_repr: 'False', state_lost: true, execution_count: 1 });
    await bench.notebooks.endSession(session);
  });

  it('shows the last words of a crash (K27, E25)', async () => {
    const session = fresh();

    const answer = await bench.run(session, 'import ctypes, os\nos.write(2, b"last words\\n")\nctypes.string_at(0)');

    expect(answer.stderr).toContain('last words');
    expect(answer.error?.traceback.join('\n')).toMatch(/last words[^]*Segmentation fault/);
    await bench.notebooks.endSession(session);
  });

  it('names the memory limit (K21, E03)', async () => {
    const session = fresh();

    const answer = await bench.run(session, 'blocks = []\nwhile True: blocks.append(bytearray(64 * 2**20))', { timeout_seconds: 60 });

    expect(answer.reason).toBe('memory_limit');
    expect((await bench.run(session, '1')).success).toBe(true);
    await bench.notebooks.endSession(session);
  });

  it('names the disk limit', async () => {
    const session = fresh();

    const answer = await bench.run(session, 'with open("big", "wb") as file:\n    for part in range(2000):\n        file.write(bytes(2**20))', { timeout_seconds: 60 });

    expect([answer.reason, answer.message]).toEqual(['disk_limit', 'Wrote more than 512 MB or 10000 files.']);
    await bench.notebooks.endSession(session);
  });

  it('stays dead after the third crash until a restart is asked for (K22)', async () => {
    const session = fresh();
    for (let crash = 1; crash <= 3; crash += 1) await bench.run(session, 'import os\nos._exit(1)');

    const refused = await bench.run(session, '1');
    const state = bench.notebooks.status(session).state;
    await bench.notebooks.restart(session);

    expect([refused.reason, refused.detail, state]).toEqual(['worker_lost', 'dead', 'dead']);
    expect(await bench.run(session, '1')).toMatchObject({ success: true, result_repr: '1' });
    await bench.notebooks.endSession(session);
  });
});

describe('restart, reset and end', () => {
  it('restarts under the same id with an empty namespace, and ends running and waiting cells (K19)', async () => {
    const session = fresh();
    await bench.run(session, 'kept = 1');
    const before = bench.notebooks.status(session);
    const waiting = Promise.withResolvers<unknown>();
    const queueAndRestart = async (): Promise<void> => {
      for await (const event of bench.stream(session, '1')) {
        if (event.type === 'cell_start') void bench.notebooks.restart(session);
        if (event.type === 'cell_complete') waiting.resolve(event.answer);
      }
    };

    const running = await whenPrinting(session, 'import time\nprint("go", flush=True)\ntime.sleep(60)', () => void queueAndRestart());

    expect(running).toMatchObject({ success: false, reason: 'cancelled' });
    expect(await waiting.promise).toMatchObject({ success: false, reason: 'cancelled' });
    expect(await bench.run(session, '"kept" in globals()')).toMatchObject({ result_repr: 'False', state_lost: false, execution_count: 1 });
    expect(bench.notebooks.status(session).kernel_id).toBe(before.kernel_id);
    await bench.notebooks.endSession(session);
  });

  it('resets to exactly one answer', async () => {
    const session = fresh();
    await bench.run(session, '1');

    expect(await bench.notebooks.reset(session)).toEqual({ success: true });
    expect(bench.notebooks.status(session)).toMatchObject({ state: 'idle', execution_count: 0 });
    await bench.notebooks.endSession(session);
  });

  it('leaves no process behind when a session ends, also with a cell running', async () => {
    const others = bench.guard.children().byLane.notebook;
    const session = fresh();
    const ended = Promise.withResolvers<void>();
    await whenPrinting(session, 'import subprocess\nprint("go", flush=True)\nsubprocess.Popen(["sleep", "600"], start_new_session=True)\nimport time; time.sleep(60)', () => {
      bench.notebooks.endSession(session).then(ended.resolve, ended.reject);
    });
    await ended.promise;

    expect(bench.guard.children().byLane.notebook).toBe(others);
    expect(bench.notebooks.status(session).state).toBe('none');
  });
});

describe('the queue', () => {
  it('skips what waits after an error, unless it said otherwise (K18)', async () => {
    const session = fresh();
    await bench.run(session, '1');

    const [failed, skipped, kept] = await Promise.all([
      bench.run(session, 'import time; time.sleep(0.3); 1 / 0'), bench.run(session, '2'), bench.run(session, '3', { stop_on_error: false }),
    ]);

    expect([failed.reason, [skipped.reason, skipped.detail], kept.result_repr]).toEqual(['error', ['cancelled', 'skipped after an error'], '3']);
    await bench.notebooks.endSession(session);
  });

  it('goes on after an interrupt', async () => {
    const session = fresh();
    await bench.run(session, '1');
    const waiting = Promise.withResolvers<{ result_repr: string }>();

    await whenPrinting(session, 'import time\nprint("go", flush=True)\ntime.sleep(60)', () => {
      bench.run(session, '"went on"').then(waiting.resolve, waiting.reject);
      void bench.notebooks.interrupt(session);
    });

    expect((await waiting.promise).result_repr).toBe("'went on'");
    await bench.notebooks.endSession(session);
  });

  it('refuses the 21st waiting cell', async () => {
    const session = fresh();
    await bench.run(session, '1');
    const blocker = bench.run(session, 'import os, time\nwhile not os.path.exists("go"): time.sleep(0.01)');
    const cells = [blocker, ...Array.from({ length: 21 }, () => bench.run(session, '1'))];
    await Promise.race(cells.map(async (cell) => await cell.catch(() => undefined))); // Nothing ends but what is refused.
    writeFileSync(join(bench.workspace(session), 'go'), '');

    const results = await Promise.allSettled(cells);

    expect(results.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: { code: 'QUEUE_FULL' } }]);
    await bench.notebooks.endSession(session);
  });
});

describe('the sandbox of a kernel', () => {
  it('reads no configuration that a learner planted (E73)', async () => {
    const session = fresh();
    const home = join(bench.workspace(session), '..', 'home', '.ipython', 'profile_default');
    mkdirSync(join(home, 'startup'), { recursive: true });
    const planted = 'open("planted.txt", "w").write("x")\n';
    writeFileSync(join(home, 'startup', '00.py'), planted);
    writeFileSync(join(home, 'ipython_config.py'), planted);
    for (const name of ['ipython_config.py', 'ipython_kernel_config.py', 'jupyter_config.py', 'sitecustomize.py', 'usercustomize.py']) {
      writeFileSync(join(bench.workspace(session), name), planted);
    }

    await bench.run(session, '1');

    expect(existsSync(join(bench.workspace(session), 'planted.txt'))).toBe(false);
    await bench.notebooks.endSession(session);
  });

  it('finds modules and datasets of the workspace', async () => {
    const session = fresh();
    writeFileSync(join(bench.workspace(session), 'mine.py'), 'VALUE = 5\n');
    writeFileSync(join(bench.workspace(session), '..', 'working_files', 'sales.csv'), 'a\n7\n');

    const answer = await bench.run(session, 'import mine, pandas\n(mine.VALUE, int(pandas.read_csv("sales.csv").a[0]))');

    expect(answer.result_repr).toBe('(5, 7)');
    await bench.notebooks.endSession(session);
  });

  it('listens on nothing and leaves no connection file (K01)', async () => {
    const session = fresh();

    const answer = await bench.run(session, `import glob, sys
listening = [line for name in ("tcp", "tcp6") for line in open(f"/proc/self/net/{name}").readlines()[1:]]
files = [path for root in ("/home", "/tmp", "/workspace", "/run/sidecar") for path in glob.glob(root + "/**/*.json", recursive=True, include_hidden=True)]
# A runtime may lie below /tmp; its own files are no connection files.
files = [path for path in files if not path.startswith((sys.prefix, sys.base_prefix))]
(listening, files)`);

    expect(answer.result_repr).toBe('([], [])');
    await bench.notebooks.endSession(session);
  });
});

it('ends the process of a kernel that nobody has used for half an hour, and says so at the next cell', async () => {
  let now = 0;
  await using own = await openNotebookBench({ clock: { now: () => systemClock.now(), monotonicMs: () => systemClock.monotonicMs() + now } });
  const session = own.session('culled');
  await own.run(session, 'kept = 1');

  for (let tick = 0; tick < 61; tick += 1) {
    now += 30_000;
    await own.notebooks.cull();
  }
  const state = own.notebooks.status(session).state;

  expect(state).toBe('none');
  expect(own.guard.children().byLane.notebook).toBe(0);
  expect(await own.run(session, '"kept" in globals()')).toMatchObject({ result_repr: 'False', state_lost: true });
});

it('culls nothing because the machine slept for eight hours (E62)', async () => {
  let now = 0;
  await using own = await openNotebookBench({ clock: { now: () => systemClock.now(), monotonicMs: () => systemClock.monotonicMs() + now } });
  const session = own.session('slept');
  await own.run(session, 'kept = 1');

  now += 8 * 3_600_000;
  await own.notebooks.cull();

  expect(await own.run(session, 'kept')).toMatchObject({ result_repr: '1', state_lost: false });
});

it('says that the state of an earlier process of the service is lost', async () => {
  const session = fresh();
  bench.store.executions.insert({
    execution_id: 'exe_earlier', session_id: session, lane: 'notebook', kind: 'cell', started_at: '2026-01-01T00:00:00.000Z',
    ended_at: '2026-01-01T00:00:01.000Z', turn_index: null, job_id: null, consultation_id: null, body: {},
  });

  const told = [bench.notebooks.status(session).state_lost];
  const answers = [await bench.run(session, '1'), await bench.run(session, '2')];
  told.push(bench.notebooks.status(session).state_lost, bench.notebooks.status(fresh()).state_lost);

  expect(answers.map(({ state_lost }) => state_lost)).toEqual([true, false]);
  expect(told).toEqual([true, false, false]);
  await bench.notebooks.endSession(session);
});

it('takes a prewarmed kernel, with the usual modules imported and nothing in the namespace', async () => {
  await using own = await openNotebookBench({ poolMb: 200 });
  const session = own.session('warm');
  own.notebooks.prepare(session);
  await expect.poll(() => own.guard.children().byLane.notebook, { timeout: 60_000 }).toBe(1);

  const answer = await own.run(session, 'import sys\n("pandas" in sys.modules, [name for name in dir() if not name.startswith("_")])');

  expect(answer.result_repr).toMatch(/^\(True, \['In', 'Out', 'exit', 'get_ipython', 'open', 'quit', 'sys'\]\)$/);
});

it('leaves the workspace alone while it makes a spare, and brings uploads when the spare is taken', async () => {
  await using own = await openNotebookBench({ poolMb: 100 });
  const session = own.session('spare');
  writeFileSync(join(own.workspace(session), '..', 'working_files', 'sales.csv'), 'a\n7\n');
  const copy = join(own.workspace(session), 'sales.csv');
  own.notebooks.prepare(session);
  await expect.poll(() => own.notebooks.spares.heldMb > 0 && !own.notebooks.spares.isFilling, { timeout: 60_000 }).toBe(true);
  const early = existsSync(copy);

  await own.notebooks.jupyter.start({ path: session }); // Takes the spare, and runs no cell.

  expect([early, existsSync(copy)]).toEqual([false, true]);
});
