import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startSidecar } from '../support/sidecar-process.ts';
import type { SidecarProcess } from '../support/sidecar-process.ts';
import { processesIn } from '../support/execution-bench.ts';

/** Every way in which a learner's program fails, with the reason it gets and how long it may take. */
const FAILURES: [title: string, code: string, expected: Record<string, unknown>, request?: Record<string, unknown>][] = [
  ['a syntax error (E27)', 'def f(:\n  pass', { reason: 'syntax_error', outcome: 'error', returncode: 1 }],
  ['an exception (E28)', 'def f():\n    return 1 / 0\nf()', { reason: 'error', returncode: 1, error: { type: 'ZeroDivisionError', message: 'division by zero', line: 2 } }],
  ['sys.exit (E26, S73)', 'import sys; sys.exit(3)', { reason: 'exit', returncode: 3 }],
  ['os._exit (E26, S73)', 'import os; os._exit(3)', { reason: 'exit', returncode: 3 }],
  ['input without any (E29, S73)', 'input("name? ")', { reason: 'error', hints: ['no_input'] }],
  ['a missing package', 'import not_there', { reason: 'error', hints: ['missing_package'] }],
  ['a missing file', 'open("missing.csv")', { reason: 'error' }],
  ['an endless loop (E14)', 'while True: pass', { reason: 'timeout', returncode: -1 }, { timeout_seconds: 1 }],
  ['a loop that ignores every signal (E16)', 'import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass', { reason: 'timeout' }, { timeout_seconds: 1 }],
  ['native code that holds the interpreter (E23)', 'import re\nre.match(r"(a+)+$", "a" * 60 + "b")', { reason: 'timeout' }, { timeout_seconds: 1 }],
  ['threads that never end (E22)', 'import threading\nfor _ in range(3): threading.Thread(target=threading.Event().wait).start()', { reason: 'timeout' }, { timeout_seconds: 1 }],
  ['a child that never ends (E21, S72)', 'import subprocess\nsubprocess.run(["sleep", "600"])', { reason: 'timeout' }, { timeout_seconds: 1 }],
  ['a daemon of a double fork (E19, S72)', 'import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(600)\n    os._exit(0)\nos.wait()', { reason: 'ok' }],
  ['too much memory (E03, S71)', 'kept = []\nwhile True: kept.append(bytearray(4_000_000))', { reason: 'memory_limit', outcome: 'memory_limit' }, { memory_limit_mb: 256 }],
  ['endless output (E10, S71)', 'line = "x" * 999\nwhile True: print(line)', { reason: 'output_limit', outcome: 'output_limit' }, { timeout_seconds: 120 }],
  ['a full disk (E08, S71)', 'n = 0\nwhile True:\n    open(f"f{n}", "w").close(); n += 1', { reason: 'disk_limit' }, { timeout_seconds: 120 }],
  ['too many threads (E02, S70)', 'import threading, time\nfor _ in range(500): threading.Thread(target=time.sleep, args=(3,)).start()', { reason: 'process_limit' }],
  ['a fork bomb (E01, S70)', 'import os\nwhile True:\n    try: os.fork()\n    except OSError: pass', { reason: expect.stringMatching(/^(process_limit|timeout)$/) }, { timeout_seconds: 2 }],
  ['a crash (E25, S73)', 'import os; os.kill(os.getpid(), 11)', { reason: 'crashed', returncode: -11 }],
  ['endless recursion (E24)', 'def f(n):\n    return f(n + 1)\nf(0)', { reason: 'error', error: expect.objectContaining({ type: 'RecursionError' }) }],
  ['the network (E46, S69)', 'import urllib.request\nurllib.request.urlopen("http://127.0.0.1:9/")', { reason: 'sandbox_denied', hints: ['network_off'] }],
];

let sidecar: SidecarProcess;
let url: string;
let stopPolling: () => Promise<{ asked: number; failed: number; slowestMs: number }>;
beforeAll(async () => {
  sidecar = await startSidecar();
  url = `/api/session/${await sidecar.create()}`;
  const poll = spawn(process.execPath, [join(import.meta.dirname, '..', 'support', 'health-poll.mjs'), `${sidecar.url}/health`], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: poll.stdout })[Symbol.asyncIterator]();
  await lines.next();
  stopPolling = async () => {
    poll.stdin.end();
    return JSON.parse((await lines.next()).value!) as { asked: number; failed: number; slowestMs: number };
  };
});
afterAll(async () => { await sidecar[Symbol.asyncDispose](); });

it('tells the reason of every failure of a program, and answers its health all the while', async () => {
  const answers = [];
  for (const [title, code, , request = {}] of FAILURES) answers.push([title, (await sidecar.call('POST', `${url}/code/run`, { code, ...request })).body]);
  const health = await stopPolling();
  const { event_loop_delay_ms: loopMs } = (await sidecar.call('GET', '/api/diagnostics')).body;

  expect(answers).toEqual(FAILURES.map(([title, , expected]) => [title, expect.objectContaining(expected)]));
  // The bound of the health route is 100 ms and the benchmark reports it. Here others take the processors too, so the bound is one of hanging.
  expect(health.failed).toBe(0);
  expect(health.asked).toBeGreaterThan(20);
  expect(loopMs, `slowest answer ${health.slowestMs} ms of ${health.asked}`).toBeLessThan(2_000);
}, 300_000);

it.each(['../x.py', 'a/../../x.py', '/etc/x.py', 'C:/x.py', 'a.py\0', '.sidecar/x.py'])('refuses to run the path %j (E64, S77)', async (path) => {
  const answer = await sidecar.call('POST', `${url}/code/run`, { path });

  expect([answer.status, answer.body.code]).toEqual([400, 'INVALID_PATH']);
});

it('gives arguments to a program as they are (E64, S77)', async () => {
  const argv = ['-c', ';rm -rf x', '$(id)', '"\'', 'a\nb', ''];
  const answer = await sidecar.call('POST', `${url}/code/run`, { code: 'import json, sys\nprint(json.dumps(sys.argv[1:]))', argv });

  expect(JSON.parse(answer.body.stdout)).toEqual(argv);
});

it('leaves nothing of all that, and the next run works', async () => {
  const next = await sidecar.call('POST', `${url}/code/run`, { code: 'print("still fine")' });
  const { children } = (await sidecar.call('GET', '/api/diagnostics')).body;
  const sandboxes = processesIn(sidecar.sessionsDir).filter((line) => !line.startsWith(`${sidecar.pid} `) && /sleep|fork|setsid/.test(line));

  expect(next.body).toMatchObject({ reason: 'ok', stdout: 'still fine\n' });
  expect([children.running ?? 0, sandboxes]).toEqual([0, []]);
});
