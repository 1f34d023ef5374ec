import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/config/index.ts';
import type { Clock } from '../../src/config/index.ts';
import { RunRequestSchema } from '../../src/contracts/index.ts';
import type { JobFrames } from '../../src/execution/user-runner/index.ts';
import { openExecutionBench, writeFiles } from '../support/execution-bench.ts';
import type { BenchOptions, ExecutionBench } from '../support/execution-bench.ts';

const NOTHING = { children: 0, runFolders: [], processes: [] };
let shared: ExecutionBench;
let own: ExecutionBench | null = null;
let bench: ExecutionBench;

beforeAll(async () => { shared = await openExecutionBench({ preload: [] }); });
afterAll(async () => { await shared[Symbol.asyncDispose](); });
beforeEach(() => { bench = shared; });
afterEach(async () => {
  await own?.pool.stop();
  expect(await bench.leftovers()).toEqual(NOTHING);
  await own?.[Symbol.asyncDispose]();
  own = null;
});

/** A bench for one test, with a pool or another clock. */
async function openOwn(options: BenchOptions): Promise<void> {
  own = await openExecutionBench({ preload: [], ...options });
  bench = own;
}

/** Children of a process that wrap a worker. */
const workerPids = (parent: number): number[] =>
  execFileSync('pgrep', ['-P', String(parent), '-f', 'worker.py'], { encoding: 'utf8' }).trim().split('\n').map(Number);

const descendantsOf = (pid: number): number[] => {
  const below = spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).stdout.split('\n').filter((line) => line !== '').map(Number);
  return below.flatMap((each) => [each, ...descendantsOf(each)]);
};

const request = (code: string, more: Record<string, unknown> = {}) => RunRequestSchema.parse({ code, ...more });

type Event = Record<string, any> & { id: string };

/** Reads frames until the stream ends, or until `until` is seen; every frame is an id line and a data line. */
async function read(source: JobFrames, until?: (event: Event) => boolean): Promise<Event[]> {
  const events: Event[] = [];
  for await (const frame of source.frames) {
    const [, id = '', data = ''] = /^id: (\S+)\ndata: (\{"type": ".*\})\n\n$/.exec(frame) ?? [];
    const event = { ...JSON.parse(data) as Record<string, any>, id };
    events.push(event);
    if (until?.(event) === true) break;
  }
  await source[Symbol.asyncDispose]();
  return events;
}

const textOf = (events: readonly Event[], stream: string): string =>
  events.filter((event) => event['type'] === 'exec_output' && event['stream'] === stream).map((event) => event['text'] as string).join('');

describe('live output', () => {
  it('streams output while the program runs, then files, then the result', async () => {
    await bench.session('a1');
    const source = await bench.runner.stream('a1', request('import time, sys\nprint("one")\ntime.sleep(0.3)\nprint("two", file=sys.stderr)\nopen("x.csv", "w").write("a")'));
    const events = await read(source);

    expect(events.map(({ type }) => type)).toEqual(['exec_status', 'exec_status', 'exec_start', 'exec_output', 'exec_output', 'exec_artifact', 'exec_complete']);
    expect(events.map(({ id }) => id)).toEqual(events.map((_event, index) => `1.${index + 1}`));
    const last = events.at(-1)!;
    expect(last).toMatchObject({ success: true, stdout: 'one\n', stderr: 'two\n', artifacts: [{ path: 'x.csv' }] });
    expect(events[2]).toMatchObject({ execution_id: last['execution_id'], job_id: expect.stringMatching(/^job_/) });
    expect(bench.runner.job('a1', events[2]!['job_id'])).toMatchObject({ status: 'succeeded', result: { stdout: 'one\n' } });
  });

  it('carries exactly the stored text, also when it was cut and when a message was added', async () => {
    await bench.session('a2');
    const events = await read(await bench.runner.stream('a2', request('import sys\nfor n in range(2_000): print("😀" * 100, n)\nsys.stderr.write("e" * 10)\nwhile True: pass', { timeout_seconds: 3 })));

    const last = events.at(-1)!;
    expect(last).toMatchObject({ type: 'exec_complete', reason: 'timeout', truncated: { stdout: true, stderr: false } });
    expect(textOf(events, 'stdout')).toBe(last['stdout']);
    expect(textOf(events, 'stderr')).toBe(last['stderr']);
    expect(last['stderr']).toBe('eeeeeeeeee\n[sidecar] Stopped after 3 s, at line 4.\n');
  });

  it('resumes after any id, live and from the store, with the same frames (E59)', async () => {
    await bench.session('a3');
    const first = await bench.runner.stream('a3', request('import time\nfor n in range(4):\n    print(n, flush=True)\n    time.sleep(0.15)'));
    const seen = await read(first, ({ type }) => type === 'exec_output');
    const jobId = seen.find(({ type }) => type === 'exec_start')!['job_id'] as string;
    const rest = await read(bench.runner.followJob('a3', jobId, seen.at(-1)!.id));
    const all = await read(bench.runner.followJob('a3', jobId, null));

    expect([...seen, ...rest]).toEqual(all);
    expect(textOf(all, 'stdout')).toBe('0\n1\n2\n3\n');
    expect(await read(bench.runner.followJob('a3', jobId, all.at(-2)!.id))).toEqual([all.at(-1)]);
    expect(await read(bench.runner.followJob('a3', jobId, 'garbage'))).toEqual(all);
  });

  it('lets a run finish and be recorded when its reader leaves or reads nothing (E59)', async () => {
    await bench.session('a4');
    const left = await bench.runner.stream('a4', request('import time; time.sleep(0.2); print("x" * 300_000)'));
    const [start] = (await read(left, ({ type }) => type === 'exec_start')).slice(-1);
    const silent = await bench.runner.stream('a4', request('print("y" * 300_000)'));
    const job = start!['job_id'] as string;
    await read(bench.runner.followJob('a4', job, null));

    expect(bench.runner.job('a4', job)).toMatchObject({ status: 'succeeded', result: { outcome: 'output_limit' } });
    await silent[Symbol.asyncDispose]();
    await bench.runner.endSession('a4');
    expect(bench.runner.executions('a4', { limit: 50 }).map(({ kind, ended_at }) => [kind, ended_at === null])).toEqual([['stream', false], ['stream', false]]);
  });

  it('bounds the readers of a session', async () => {
    await bench.session('a5');
    const job = await bench.runner.startJob('a5', request('pass'));
    await read(bench.runner.followJob('a5', job.job_id, null));
    const readers = Array.from({ length: 8 }, () => bench.runner.followJob('a5', job.job_id, null));

    expect(() => bench.runner.followJob('a5', job.job_id, null)).toThrow(expect.objectContaining({ code: 'TOO_MANY_SUBSCRIBERS' }));
    await readers[0]![Symbol.asyncDispose]();
    await read(bench.runner.followJob('a5', job.job_id, null));
    for (const reader of readers) await reader[Symbol.asyncDispose]();
  });
});

describe('cancelling (E58)', () => {
  it('stops a running job and answers when its tree is gone; a second cancel changes nothing', async () => {
    await bench.session('a6');
    const job = await bench.runner.startJob('a6', request('import subprocess, time\nprint("up", flush=True)\nsubprocess.Popen(["sleep", "600"])\nwhile True:\n    try: time.sleep(60)\n    except KeyboardInterrupt: pass'));
    await read(bench.runner.followJob('a6', job.job_id, null), ({ type }) => type === 'exec_output');
    const started = performance.now();
    const answer = await bench.runner.cancelJob('a6', job.job_id);
    const ms = performance.now() - started;
    const ended = bench.runner.job('a6', job.job_id);

    expect(answer).toEqual({ success: true, job_id: job.job_id, status: 'cancelled' });
    expect(ms).toBeLessThan(15_000); // Its own limit is 20 s.
    expect((await bench.leftovers()).children).toBe(0);
    expect(ended.result).toMatchObject({ cancelled: true, outcome: 'cancelled', returncode: -2, stdout: 'up\n', stderr: '[sidecar] Stopped on request.\n' });
    expect(await bench.runner.cancelJob('a6', job.job_id)).toEqual(answer);
    expect(bench.runner.job('a6', job.job_id)).toEqual(ended);
  });

  it('never starts a cancelled job that waits, and keeps a finished one as it is', async () => {
    const { workspace } = await bench.session('a7');
    const untilTold = 'import os, time\nwhile not os.path.exists("go"): time.sleep(0.01)';
    const busy = await Promise.all([1, 2].map(async () => await bench.runner.startJob('a7', request(untilTold, { timeout_seconds: 120 }))));
    const waiting = await bench.runner.startJob('a7', request('open("ran.txt", "w")'));
    const answer = await bench.runner.cancelJob('a7', waiting.job_id);
    await writeFiles(workspace, { go: '' });
    for (const job of busy) await read(bench.runner.followJob('a7', job.job_id, null));

    expect(waiting).toMatchObject({ status: 'queued', started_at: null });
    expect(answer.status).toBe('cancelled');
    expect(bench.runner.job('a7', waiting.job_id)).toMatchObject({ status: 'cancelled', started_at: null, result: { cancelled: true, returncode: -2 } });
    expect(await bench.runner.cancelJob('a7', busy[0]!.job_id)).toMatchObject({ status: 'succeeded' });
    expect(existsSync(join(workspace, 'ran.txt'))).toBe(false);
    expect((await read(bench.runner.followJob('a7', waiting.job_id, null))).map(({ type }) => type)).toEqual(['exec_status', 'exec_complete']);
  });

  it('ends everything of a session, and nothing of another', async () => {
    await openOwn({ poolMb: 512 });
    await bench.session('a8');
    await bench.session('b8');
    const gone = bench.runner.run('a8', request('import time; time.sleep(60)'));
    const job = await bench.runner.startJob('a8', request('import time; time.sleep(60)'));
    const other = bench.run('b8', 'import time; time.sleep(0.4); print("mine")');
    await bench.runner.endSession('a8');

    expect(await gone).toMatchObject({ cancelled: true, reason: 'cancelled' });
    expect(bench.runner.job('a8', job.job_id).status).toBe('cancelled');
    expect(bench.pool.idleCount('a8')).toBe(0);
    expect((await other).stdout).toBe('mine\n');
  });
});

describe('the queue', () => {
  it('holds 16 per session and refuses more, without a trace of the refused one', async () => {
    await bench.session('a9');
    const jobs = [];
    for (let index = 0; index < 18; index += 1) jobs.push(await bench.runner.startJob('a9', request('import time; time.sleep(120)', { timeout_seconds: 120 })));

    await expect(bench.runner.startJob('a9', request('pass'))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await expect(bench.runner.run('a9', request('pass'))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(bench.runner.active()).toEqual({ running: 2, queued: 16 });
    expect(bench.runner.jobs('a9')).toHaveLength(18);
    await bench.runner.endSession('a9');
    expect(bench.runner.jobs('a9').map(({ status }) => status)).toEqual(Array.from({ length: 18 }, () => 'cancelled'));
  });

  it('refuses a run that gets no slot within its own time limit', async () => {
    await bench.session('a10');
    for (let index = 0; index < 2; index += 1) await bench.runner.startJob('a10', request('import time; time.sleep(120)', { timeout_seconds: 120 }));

    await expect(bench.runner.run('a10', request('pass', { timeout_seconds: 1 }))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await bench.runner.endSession('a10');
  });

  it('names the job from its first event, so that a stream that waits can be stopped, and tells every step ahead', async () => {
    const { workspace } = await bench.session('a22');
    const untilTold = (name: string): string => `import os, time\nwhile not os.path.exists("${name}"): time.sleep(0.01)`;
    const busy = [];
    for (const name of ['go', 'later']) busy.push(await bench.runner.startJob('a22', request(untilTold(name), { timeout_seconds: 120 })));
    const streams = [];
    for (let index = 0; index < 3; index += 1) streams.push(await bench.runner.stream('a22', request('pass', { timeout_seconds: 120 })));
    const [first, second, third] = streams.map((source) => source.frames[Symbol.asyncIterator]()) as [AsyncIterator<string>, AsyncIterator<string>, AsyncIterator<string>];
    const next = async (frames: AsyncIterator<string>) => JSON.parse(String((await frames.next()).value).split('data: ')[1]!) as Event;
    const queued = [await next(first), await next(second), await next(third)];
    const cancelled = await bench.runner.cancelJob('a22', queued[1]!['job_id']);
    const [ended, moved] = [await next(second), await next(third)];
    await writeFiles(workspace, { go: '' });
    const served = [await next(first), await next(first), await next(third)];
    await writeFiles(workspace, { later: '' });
    for (const job of busy) await read(bench.runner.followJob('a22', job.job_id, null));
    for (const source of streams) await source[Symbol.asyncDispose]();
    await bench.runner.endSession('a22');

    expect(queued).toMatchObject([1, 2, 3].map((queue_position) => ({
      type: 'exec_status', state: 'queued', queue_position, job_id: expect.stringMatching(/^job_/), execution_id: expect.stringMatching(/^exe_/),
    })));
    expect(cancelled.status).toBe('cancelled');
    expect(ended).toMatchObject({ type: 'exec_complete', cancelled: true });
    expect(moved).toEqual({ ...queued[2], queue_position: 2 });
    expect(served).toMatchObject([
      { type: 'exec_status', state: 'running', job_id: queued[0]!['job_id'] }, { type: 'exec_start', job_id: queued[0]!['job_id'] }, { state: 'queued', queue_position: 1 },
    ]);
  });

  it('tells again, in the language of the session, why a stream got no slot', async () => {
    await openOwn({ language: 'zh-Hans' });
    await bench.session('a23');
    for (let index = 0; index < 2; index += 1) await bench.runner.startJob('a23', request('import time; time.sleep(120)', { timeout_seconds: 120 }));
    const live = await read(await bench.runner.stream('a23', request('pass', { timeout_seconds: 1 })));
    const job = bench.runner.job('a23', live[0]!['job_id']);
    const replayed = await read(bench.runner.followJob('a23', job.job_id, null));
    await bench.runner.endSession('a23');

    expect(live.at(-1)).toMatchObject({ type: 'error', code: 'QUEUE_FULL', message: '等待运行的任务太多' });
    expect(replayed).toEqual(live);
    expect(job).toMatchObject({ status: 'failed', result: null });
  });

  it('serves 50 runs of 10 sessions at once, all right and in turn (E63)', async () => {
    const sessions = Array.from({ length: 10 }, (_unused, index) => `many${index}`);
    for (const session of sessions) await bench.session(session);

    // The last one waits for all others, so its own limit bounds its wait.
    const runs = Array.from({ length: 50 }, async (_unused, index) => await bench.runner.run(sessions[index % 10]!, request(`print(${index})`, { timeout_seconds: 120 })));
    const texts = (await Promise.all(runs)).map(({ stdout }) => stdout);
    const starts = sessions.flatMap((session) => bench.runner.executions(session, { limit: 50 }).map(({ started_at: at }) => ({ session, at })));
    const order = starts.toSorted((one, other) => one.at.localeCompare(other.at)).map(({ session }) => session);

    expect(texts).toEqual(Array.from({ length: 50 }, (_unused, index) => `${index}\n`));
    expect(new Set(order.slice(0, 20)).size).toBeGreaterThanOrEqual(9);
  });
});

describe('records', () => {
  it('gives what an earlier process left open a truthful end', async () => {
    await bench.session('a12');
    const at = '2026-01-01T00:00:00.000Z';
    bench.store.executions.insert({
      execution_id: 'exe_lost', session_id: 'a12', lane: 'user', kind: 'job', started_at: at, ended_at: null, turn_index: 0, job_id: 'job_lost',
      consultation_id: null, body: { code_sha256: 'x' },
    }, { code: 'print(1)' });
    bench.store.jobs.insert({
      job_id: 'job_lost', session_id: 'a12', state: 'running', created_at: 1, started_at: 2, ended_at: null, execution_id: 'exe_lost', request: {}, result: null,
      events: '',
    });

    expect(bench.runner.recover()).toEqual({ executions: 1, jobs: 1 });
    expect(bench.runner.job('a12', 'job_lost')).toMatchObject({
      status: 'failed', reason: 'worker_lost', started_at: 2, ended_at: expect.any(Number), result: { outcome: 'start_failed', returncode: -3, reason: 'worker_lost' },
    });
    expect(bench.runner.execution('a12', 'exe_lost')).toMatchObject({ outcome: 'start_failed', returncode: -3, reason: 'worker_lost', code: 'print(1)', ended_at: expect.any(String) });
    expect((await read(bench.runner.followJob('a12', 'job_lost', null))).map(({ type }) => type)).toEqual(['exec_complete']);
    expect(await read(bench.runner.followJob('a12', 'job_lost', '1.1'))).toMatchObject([{ type: 'exec_complete', reason: 'worker_lost', id: '1.2' }]);
    expect(bench.runner.recover()).toEqual({ executions: 0, jobs: 0 });
  });

  it('lists runs newest first, page by page, and knows none of another session', async () => {
    const first = await bench.run('a13', 'print(1)');
    const second = await bench.run('a13', 'print(2)');
    await bench.session('b13');

    const ids = (query: Record<string, unknown>) => bench.runner.executions('a13', { limit: 50, ...query }).map(({ execution_id }) => execution_id);
    expect(ids({})).toEqual([second.execution_id, first.execution_id]);
    expect(ids({ before: second.execution_id })).toEqual([first.execution_id]);
    expect(ids({ lane: 'expert' })).toEqual([]);
    expect(() => bench.runner.execution('b13', first.execution_id)).toThrow(expect.objectContaining({ code: 'EXECUTION_NOT_FOUND' }));
    expect(() => bench.runner.job('b13', 'job_1')).toThrow(expect.objectContaining({ code: 'JOB_NOT_FOUND' }));
    expect(() => bench.runner.jobs('nobody')).toThrow(expect.objectContaining({ code: 'SESSION_NOT_FOUND' }));
  });
});

describe('warm workers', () => {
  it('serve one run each and are made again in the background', async () => {
    // Its second run comes soon after the first one, however long that takes here.
    await openOwn({ poolMb: 512, preload: ['json'], clock: { now: () => systemClock.now(), monotonicMs: () => systemClock.monotonicMs() / 50 } });
    const cold = await bench.run('a14', 'import os; print(os.getpid()); open("left.txt", "w"); import json; json.left = 1');
    await bench.pool.settled();
    const warm = await bench.run('a14', 'import json; print(hasattr(json, "left"))');
    await bench.pool.settled();

    expect([cold['start'], warm['start']]).toEqual(['cold', 'warm']);
    expect(warm.stdout).toBe('False\n');
    // Two without imports, since light programs come fast, and one with them.
    expect(bench.pool.idleCount('a14')).toBe(3);
  });

  it('are of two kinds: a light program gets one without imports, any other one that has them', async () => {
    await openOwn({ poolMb: 512, preload: ['pandas'] });
    await bench.session('a19');
    await bench.runner.prepare('a19');
    await bench.pool.settled();
    const light = await bench.run('a19', 'import sys; print("pandas" in sys.modules)');
    const other = await bench.run('a19', 'import sys; print("pandas" in sys.modules, eval("1"))');

    expect([light['start'], light.stdout, other['start'], other.stdout]).toEqual(['warm', 'False\n', 'warm', 'True 1\n']);
  });

  it('serve what the text of a program does not show', async () => {
    await openOwn({ poolMb: 100, preload: ['pandas'] });
    await bench.session('a20');
    await bench.runner.prepare('a20');
    await bench.pool.settled();
    const hidden = 'print(getattr(__import__("sys").modules["builtins"], "__imp" + "ort__")("pan" + "das").Series([1, 2]).sum())';
    const [first, second] = [await bench.run('a20', hidden), await bench.run('a20', hidden)];

    // The second one finds only the worker without imports.
    expect([first['start'], first.stdout, second['start'], second.stdout]).toEqual(['warm', '3\n', 'warm', '3\n']);
  });

  it('are replaced when they die while they wait (E60)', async () => {
    await openOwn({ poolMb: 512 });
    await bench.run('a15', 'pass');
    await bench.pool.settled();
    const [worker] = workerPids(process.pid);
    process.kill(worker!, 'SIGKILL');
    const answer = await bench.run('a15', 'print("fine")');

    expect(answer).toMatchObject({ reason: 'ok', stdout: 'fine\n' });
  });

  it('are replaced when they die with the job in their pipe (E60)', async () => {
    await openOwn({ poolMb: 512 });
    await bench.run('a17', 'pass');
    await bench.pool.settled();
    const [outer] = workerPids(process.pid);
    const worker = descendantsOf(outer!).at(-1)!;
    process.kill(worker, 'SIGSTOP');
    const answer = bench.run('a17', 'open("ran.txt", "a").write("x"); print("fine")');
    while (bench.pool.idleCount('a17') > 0) await new Promise(setImmediate);
    await new Promise(setImmediate);
    process.kill(worker, 'SIGKILL');

    expect(await answer).toMatchObject({ reason: 'ok', stdout: 'fine\n', start: 'cold', artifacts: [{ path: 'ran.txt', size_bytes: 1 }] });
  });

  it('with imports are not used when a file of the workspace hides a module they have', async () => {
    await openOwn({ poolMb: 512, preload: ['pandas'] });
    const { workspace } = await bench.session('a16');
    await bench.run('a16', 'pass');
    await bench.pool.settled();
    await writeFiles(workspace, { 'pandas.py': 'value = 7' });

    expect(await bench.run('a16', 'import pandas; print(pandas.value)')).toMatchObject({ start: 'warm', stdout: '7\n' });
  });

  it('leave room: the least recently used session loses its workers first (E63)', async () => {
    await openOwn({ poolMb: 185, preload: ['json'] });
    for (const id of ['a', 'b', 'c']) {
      await bench.session(id);
      await bench.runner.prepare(id);
      await bench.pool.settled();
    }

    expect(['a', 'b', 'c'].map((id) => bench.pool.idleCount(id))).toEqual([0, 2, 2]);
  });

  it('are small ones where the memory for the pool is small', async () => {
    await openOwn({ poolMb: 50, preload: ['pandas'] });
    await bench.session('a21');
    await bench.runner.prepare('a21');
    await bench.pool.settled();

    expect(bench.pool.idleCount('a21')).toBe(1);
    expect(await bench.run('a21', 'import pandas; print("late")')).toMatchObject({ start: 'warm', stdout: 'late\n' });
  });
});

it('does not take a sleep of the machine for running time (E62)', async () => {
  let skew = 0;
  const clock: Clock = { now: () => systemClock.now(), monotonicMs: () => systemClock.monotonicMs() + skew };
  await openOwn({ clock });
  await bench.session('a18');
  const source = await bench.runner.stream('a18', request('import time\nprint("up", flush=True)\ntime.sleep(1.5)\nprint("done")', { timeout_seconds: 20 }));
  const events: Event[] = [];
  for await (const frame of source.frames) {
    events.push(JSON.parse(frame.slice(frame.indexOf('data: ') + 6)) as Event);
    if (events.at(-1)!['type'] === 'exec_output' && skew === 0) skew = 8 * 3_600_000;
  }
  await source[Symbol.asyncDispose]();

  expect(events.at(-1)).toMatchObject({ type: 'exec_complete', reason: 'ok', stdout: 'up\ndone\n' });
});
