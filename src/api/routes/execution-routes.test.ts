import { describe, expect, it } from 'vitest';
import { SidecarError } from '../../contracts/index.ts';
import type { JobFrames, UserRunner } from '../../execution/user-runner/index.ts';
import { openApi } from '../api-bench.test-support.ts';

const S = '/api/session/s1';
const ANSWER = {
  success: true, stdout: '3\n', stderr: '', returncode: 0, execution_time_ms: 1, cancelled: false, execution_id: 'exe_1', outcome: 'ok',
  truncated: { stdout: false, stderr: false }, artifacts: [], reason: 'ok',
};
const JOB = { job_id: 'job_1', session_id: 's1', status: 'queued', created_at: 1, started_at: null, ended_at: null };
const json = (body: unknown) => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** A lane that notes what it is asked and answers what the test says. */
function noting(answers: Partial<Record<keyof UserRunner, unknown>>): { runner: UserRunner; calls: unknown[][] } {
  const calls: unknown[][] = [];
  const runner = new Proxy({}, {
    get: (_target, name) => (...given: unknown[]) => {
      calls.push([name, ...given]);
      const answer = answers[name as keyof UserRunner];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  }) as UserRunner;
  return { runner, calls };
}

function framesOf(texts: readonly string[]): JobFrames & { closed: boolean } {
  const source = {
    closed: false, dropped: new AbortController().signal,
    frames: (async function* frames() { yield* texts; })(),
    [Symbol.asyncDispose]: async () => { source.closed = true; },
  };
  return source;
}

describe('routes of code', () => {
  it('parse the request, fill in its defaults and answer what the lane says', async () => {
    const { runner, calls } = noting({ run: ANSWER, startJob: JOB, jobs: [JOB], job: { ...JOB, result: null }, cancelJob: { success: true, job_id: 'job_1', status: 'cancelled' } });
    await using api = await openApi({ change: { execution: runner } });
    const ran = await api.ask('POST', `${S}/code/run`, json({ code: 'print(3)', path: null, memory_limit_mb: 128 }));
    const started = await api.ask('POST', `${S}/code/jobs`, json({ path: 'a.py', argv: ['-c'] }));
    const cancelled = await api.ask('POST', `${S}/code/jobs/job_1/cancel`);
    const listed = await api.ask('GET', `${S}/code/jobs`);
    const one = await api.ask('GET', `${S}/code/jobs/job_1`);

    expect([ran, started, cancelled, listed, one].map((answer) => [answer.status, answer.json()])).toEqual([
      [200, ANSWER], [200, JOB], [200, { success: true, job_id: 'job_1', status: 'cancelled' }], [200, { jobs: [JOB] }], [200, { ...JOB, result: null }],
    ]);
    expect(calls).toEqual([
      ['run', 's1', { code: 'print(3)', timeout_seconds: 20, memory_limit_mb: 128, stdin: '', argv: [] }],
      ['startJob', 's1', { path: 'a.py', timeout_seconds: 20, stdin: '', argv: ['-c'] }],
      ['cancelJob', 's1', 'job_1'], ['jobs', 's1'], ['job', 's1', 'job_1'],
    ]);
  });

  it.each([
    ['neither code nor path', {}], ['both', { code: 'x', path: 'a.py' }], ['no code', { code: '' }], ['too much code', { code: 'x'.repeat(20_001) }],
    ['too long a time', { code: 'x', timeout_seconds: 121 }], ['too little memory', { code: 'x', memory_limit_mb: 63 }],
    ['too many arguments', { code: 'x', argv: Array.from({ length: 33 }, () => '') }], ['too much input', { code: 'x', stdin: 'x'.repeat(65_537) }],
  ])('refuse %s before the lane hears of it', async (_title, body) => {
    const { runner, calls } = noting({});
    await using api = await openApi({ change: { execution: runner } });
    for (const route of ['run', 'stream', 'jobs']) {
      const answer = await api.ask('POST', `${S}/code/${route}`, json(body));

      expect([answer.status, answer.json().code]).toEqual([422, 'VALIDATION_FAILED']);
    }
    expect(calls).toEqual([]);
  });

  it('send the frames of a stream as they are and let go of it', async () => {
    const texts = ['id: 1.1\ndata: {"type": "exec_start"}\n\n', 'id: 1.2\ndata: {"type": "exec_complete"}\n\n'];
    const [live, resumed] = [framesOf(texts), framesOf(texts.slice(1))];
    const { runner, calls } = noting({ stream: live, followJob: resumed });
    await using api = await openApi({ change: { execution: runner } });
    const answer = await api.ask('POST', `${S}/code/stream`, json({ code: 'x' }));
    const again = await api.ask('GET', `${S}/code/jobs/job_1/stream?after=1.0`, { headers: { 'last-event-id': '1.1' } });

    expect([answer.body.includes(texts.join('')), again.body.includes('1.2'), again.body.includes('1.1')]).toEqual([true, true, false]);
    expect(answer.header('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(calls.at(-1)).toEqual(['followJob', 's1', 'job_1', '1.1']);
    expect([live.closed, resumed.closed]).toEqual([true, true]);
  });

  it('pass on refusals before a stream starts', async () => {
    const { runner } = noting({ stream: new SidecarError('LANE_REFUSED', 'x', { retryAfterSeconds: 60 }), executions: [] });
    await using api = await openApi({ change: { execution: runner } });
    const refused = await api.ask('POST', `${S}/code/stream`, json({ code: 'x' }));

    expect([refused.status, refused.header('retry-after')]).toEqual([503, '60']);
    expect((await api.ask('GET', `${S}/executions?limit=201`)).status).toBe(422);
  });

  it('say what is missing where no lane is built in', async () => {
    await using api = await openApi({ change: { execution: null } });
    const codes = [];
    for (const [method, path] of [
      ['POST', 'code/run'], ['POST', 'code/stream'], ['POST', 'code/jobs'], ['GET', 'code/jobs'], ['GET', 'code/jobs/j'], ['GET', 'code/jobs/j/stream'],
      ['POST', 'code/jobs/j/cancel'], ['GET', 'executions'], ['GET', 'executions/e'],
    ] as const) {
      const answer = await api.ask(method, `${S}/${path}`, method === 'POST' && !path.endsWith('cancel') ? json({ code: 'x' }) : {});
      codes.push([answer.status, answer.json().code]);
    }

    expect(codes).toEqual([
      [503, 'EXECUTION_UNAVAILABLE'], [503, 'EXECUTION_UNAVAILABLE'], [503, 'EXECUTION_UNAVAILABLE'], [200, undefined], [404, 'JOB_NOT_FOUND'],
      [404, 'JOB_NOT_FOUND'], [404, 'JOB_NOT_FOUND'], [200, undefined], [404, 'EXECUTION_NOT_FOUND'],
    ]);
  });
});
