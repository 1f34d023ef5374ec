import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { silentLog, systemClock, createIds } from '../../src/config/index.ts';
import { createExpertRunner } from '../../src/execution/expert-runner/index.ts';
import type { ExpertCallResult, ExpertWorkspace } from '../../src/execution/expert-runner/index.ts';
import { openExecutionBench } from '../support/execution-bench.ts';
import type { ExecutionBench } from '../support/execution-bench.ts';

let bench: ExecutionBench;
let workspace: ExpertWorkspace;
let isRefused = false;
const INPUTS = [{ name: 'b.csv', bytes: Buffer.from('x\n1\n2\n') }, { name: 'a.txt', bytes: Buffer.from('hello') }];

beforeAll(async () => {
  bench = await openExecutionBench();
  await bench.session('s1');
  isRefused = await bench.experts.refusal() !== null;
  workspace = await bench.experts.openWorkspace({ sessionId: 's1', consultationId: 'consult_0001', inputs: INPUTS });
});
afterAll(async () => { await bench[Symbol.asyncDispose](); });
afterEach(async () => {
  expect(await bench.leftovers()).toMatchObject({ children: 0, runFolders: [] });
  expect(await readFile(join(workspace.folder, 'inputs', 'a.txt'), 'utf8')).toBe('hello');
});

/** Where this machine lacks a guard, the report says so. */
function expectRefusal(): void {
  expect(bench.report.lanes.expert).toMatchObject({ available: false, reason: expect.any(String) });
}

async function call(code: string, more: { timeoutMs?: number; signal?: AbortSignal; workspace?: ExpertWorkspace } = {}): Promise<ExpertCallResult> {
  return await bench.experts.run({
    workspace, expertId: 'code_checker', turnIndex: 3, code, language: 'en', signal: more.signal ?? new AbortController().signal, ...more,
  });
}

it('runs below its minimum for nobody: where a guard is missing no process starts (E61, S81)', async () => {
  const report = structuredClone(bench.report);
  Object.assign(report.lanes.expert, { available: false, reason: 'missing: network' });
  let spawned = 0;
  const weak = createExpertRunner({
    guard: new Proxy(bench.guard, { get: (target, name) => {
      if (name === 'probe') return async () => report;
      if (name === 'spawnGuarded') spawned += 1;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) as unknown : value;
    } }),
    pool: bench.pool, store: bench.store, config: { execution: { laneNetwork: { mode: 'off' }, bwrap: null, preload: 'auto', poolMb: 0, kernelGateway: null } },
    clock: systemClock, ids: createIds(systemClock), log: silentLog, workDir: join(bench.stateDir, 'weak'),
  });

  expect(await weak.refusal()).toBe('missing: network');
  await expect(weak.run({ workspace, expertId: 'e', turnIndex: 0, code: 'pass', language: 'en', signal: new AbortController().signal }))
    .rejects.toMatchObject({ code: 'LANE_REFUSED', detail: 'missing: network' });
  expect(spawned).toBe(0);
});

it('reads inputs, writes out/, and answers the same for the same inputs', async () => {
  if (isRefused) return expectRefusal();
  const code = `
import random, os, numpy, pandas
table = pandas.read_csv('inputs/b.csv')
print(os.getcwd(), sorted(os.listdir('.')), sorted(os.listdir('inputs')), os.stat('inputs/b.csv').st_mtime)
print(random.random(), numpy.random.rand(), hash('text'), table.x.sum(), os.environ['TZ'])
open('out/result.txt', 'w').write(str(table.x.mean()))`;
  const first = await call(code);
  const kept = await workspace.artifacts();
  const second = await call(code);

  expect(first).toMatchObject({ ok: true, reason: 'ok', exitCode: 0, stderr: '', files: [{ path: 'result.txt', size_bytes: 3, mime: 'text/plain' }] });
  expect(first.stdout).toMatch(/^\/workspace \['inputs', 'out'\] \['a.txt', 'b.csv'\] 1577836800.0\n/);
  expect(second.stdout).toBe(first.stdout);
  expect(second.files).toEqual([]);
  expect(kept).toEqual([{ ...first.files[0], sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
  expect(bench.runner.execution('s1', first.executionId)).toMatchObject({
    lane: 'expert', kind: 'skill', consultation_id: 'consult_0001', expert_id: 'code_checker', turn_index: 3, reason: 'ok', artifacts: [{ path: 'out/result.txt' }],
  });
});

it.each<[title: string, code: string, expected: Record<string, unknown>]>([
  ['forks (E01)', 'import os; os.fork()', { reason: 'process_limit', exitCode: 1 }],
  ['starts a child process (E21, E67)', 'import subprocess; subprocess.run(["true"])', { reason: 'process_limit' }],
  ['starts too many threads (E02)', 'import threading, time\nfor _ in range(100): threading.Thread(target=time.sleep, args=(1,)).start()', { reason: 'process_limit' }],
  ['takes too much memory (E03)', 'kept = []\nwhile True: kept.append(bytearray(8_000_000))', { reason: 'memory_limit' }],
  ['prints too much (E10)', 'while True: print("x" * 999)', { reason: 'output_limit', exitCode: -9, ok: false }],
  ['prints 100 MB and would end well (E13)', 'for _ in range(100_000): print("x" * 999)', { reason: 'output_limit', ok: false }],
  ['writes too much (E06)', 'f = open("out/big", "wb")\nfor _ in range(40): f.write(b"x" * 1_000_000); f.flush()', { reason: 'disk_limit' }],
  ['writes too many files (E07)', 'import time\nfor n in range(200): open(f"out/{n}", "w").close()\ntime.sleep(15)', { reason: 'disk_limit' }],
  ['writes to its inputs (E38)', 'open("inputs/a.txt", "w")', { reason: 'sandbox_denied' }],
  ['writes beside its folder (E38)', 'open("beside.txt", "w")', { reason: 'sandbox_denied' }],
  ['uses the network (E46)', 'import socket; socket.create_connection(("127.0.0.1", 9))', { reason: 'sandbox_denied', hints: ['network_off'] }],
  ['exits with a code (E26)', 'import sys; sys.exit(3)', { reason: 'exit', exitCode: 3 }],
  ['crashes (E25)', 'import os; os.kill(os.getpid(), 11)', { reason: 'crashed', exitCode: -11 }],
  ['has bad syntax (E27)', 'def', { reason: 'syntax_error', error: expect.objectContaining({ line: 1 }) }],
  ['reads input (E29)', 'input()', { reason: 'error', hints: ['no_input'] }],
  ['lies beside a module of its own name (E42)', 'open("out/json.py", "w").write("x"); import json; print(json.dumps(1))', { reason: 'ok', hints: [] }],
])('a program of an expert that %s is told so', async (_title, code, expected) => {
  if (isRefused) return expectRefusal();
  await using own = await bench.experts.openWorkspace({ sessionId: 's1', consultationId: 'consult_0002', inputs: INPUTS });
  const result = await call(code, { workspace: own, timeoutMs: 20_000 });

  expect(result).toMatchObject(expected);
  expect(await readFile(join(own.folder, 'inputs', 'a.txt'), 'utf8')).toBe('hello');
});

it('stops at its time and on request, with the tree (E14, E58)', async () => {
  if (isRefused) return expectRefusal();
  const late = await call('while True: pass', { timeoutMs: 1_000 });
  const abort = new AbortController();
  const cancelled = call('import time\nopen("out/up", "w").close()\ntime.sleep(60)', { signal: abort.signal });
  await expect.poll(() => existsSync(join(workspace.folder, 'out', 'up'))).toBe(true);
  abort.abort();

  expect(late).toMatchObject({ reason: 'timeout', exitCode: -1, message: 'Stopped after 1 s, at line 1.' });
  expect(await cancelled).toMatchObject({ reason: 'cancelled', exitCode: -2 });
});

it('keeps regular files of out/ only, with their hashes (E36, E39)', async () => {
  if (isRefused) return expectRefusal();
  await using own = await bench.experts.openWorkspace({ sessionId: 's1', consultationId: 'consult_0003', inputs: [] });
  await call('import os\nopen("out/ok.csv", "w").write("a")\nos.symlink("/etc/passwd", "out/link.csv")\nos.symlink("/etc", "out/folder")\nos.mkfifo("out/pipe")', { workspace: own });
  const target = join(bench.folder, 'kept');
  const kept = await own.keepArtifacts(target);

  expect(kept.map(({ path }) => path)).toEqual(['ok.csv']);
  expect(await readdir(target)).toEqual(['ok.csv']);
});

it('removes the workspace of a consultation that is over, and what an earlier process left', async () => {
  const over = await bench.experts.openWorkspace({ sessionId: 's1', consultationId: 'consult_0004', inputs: INPUTS });
  await over[Symbol.asyncDispose]();
  await expect(readdir(over.folder)).rejects.toThrow('ENOENT');
  await expect(bench.experts.openWorkspace({ sessionId: 's1', consultationId: 'consult_0005', inputs: [{ name: '../x', bytes: Buffer.from('') }] }))
    .rejects.toMatchObject({ code: 'INVALID_PATH' });
});
