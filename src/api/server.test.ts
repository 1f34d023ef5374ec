import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ROUTES, SidecarError } from '../contracts/index.ts';
import { sendBytes } from '../../tests/support/raw-http.ts';
import type { ApiDeps } from './api-contract.ts';
import { TOKEN, openApi } from './api-bench.test-support.ts';

const SECRETS = ['/home/somebody/secret.py', 'sk-live-0123456789abcdef', 'at Object.<anonymous>', 'upstream said no'];
const leaky = (): Error => new Error(SECRETS.join(' '));

/** Each route with the least body that it understands. */
const requests = ROUTES.filter(({ tag }) => tag !== 'pages').map((route) => {
  const fields: Record<string, unknown> = { message: 'm', content: 'c', from: 'a', to: 'b', code: 'c', cursor_pos: 0, request_id: 'r', value: 'v', notebook: {} };
  const body = route.path.match(/code\/|cell\//) === null ? JSON.stringify(fields) : '{"code":"1"}';
  const hasBody = route.method === 'POST' || route.method === 'PUT';
  const upload = '--x\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\na\r\n--x--\r\n';
  return {
    head: `${route.method} ${route.path}`, method: route.method, target: `${route.path.replace(/\{\w+\}/g, 'one')}?path=a.ipynb`,
    ...(hasBody ? { body: route.multipart ? upload : body } : {}),
    headers: { ...(hasBody ? { 'content-type': route.multipart ? 'multipart/form-data; boundary=x' : 'application/json' } : {}) } as Record<string, string>,
  };
});
const reaching = requests.filter(({ head }) =>
  !/health|contract|openapi|code\/|notebook|executions/.test(head)); // those have nothing below them that can fail

describe('an error from below', () => {
  it.each<[string, () => unknown]>([
    ['an Error', leaky], ['a TypeError', () => new TypeError(SECRETS[0])], ['a text', () => SECRETS.join(' ')], ['nothing', () => undefined],
    ['null', () => null], ['an object with a status', () => ({ statusCode: 418, message: SECRETS[0], code: 'EACCES', stack: SECRETS[2] })],
    ['a system error', () => Object.assign(leaky(), { code: 'ENOENT', path: SECRETS[0] })],
    ['an error with a cause', () => new Error('outer', { cause: leaky() })],
  ])('is INTERNAL on every route, with nothing of it in the answer: %s', async (_title, make) => {
    await using api = await openApi({ outcome: () => { throw make(); } });

    for (const { head, method, target, ...extra } of reaching) {
      const answer = await api.ask(method, target, extra);
      expect([head, answer.status, answer.json()]).toEqual([head, 500, { detail: 'something went wrong inside', code: 'INTERNAL' }]);
    }
    expect(api.errors).toHaveLength(reaching.length);
    expect(api.log.filter(({ level }) => level === 'error')).toHaveLength(reaching.length);
  });

  it('keeps its code, its facts and its wait when it is one of ours', async () => {
    let error = new SidecarError('RATE_LIMITED', SECRETS.join(' '), { retryAfterSeconds: 7, cause: leaky() });
    await using api = await openApi({ outcome: () => { throw error; } });
    const limited = await api.ask('GET', '/api/sessions');
    error = new SidecarError('SHUTTING_DOWN', 'm');
    const stopping = await api.ask('GET', '/api/sessions');
    error = new SidecarError('INVALID_PATH', 'm', { detail: { en: 'no dots', zh: '不能有点' } });
    const refused = await api.ask('GET', '/api/sessions');
    error = new SidecarError('STORAGE_FULL', 'm');
    const full = await api.ask('GET', '/api/sessions');

    expect([limited.status, limited.header('retry-after'), limited.json()]).toEqual([429, '7', { detail: 'too many requests, please wait a moment', code: 'RATE_LIMITED' }]);
    expect([stopping.status, stopping.header('retry-after')]).toEqual([503, '1']);
    expect([refused.status, refused.header('retry-after'), refused.json().detail]).toEqual([400, undefined, 'this file path is not allowed: no dots']);
    expect([full.status, full.json().code]).toEqual([507, 'STORAGE_FULL']);
  });

  it('is told in the language of the session, else of the service', async () => {
    await using api = await openApi({ change: { language: 'zh' }, outcome: () => { throw new SidecarError('FILE_NOT_FOUND', 'm'); } });

    expect((await api.ask('GET', '/api/session/one/workspace')).json().detail).toBe('文件不存在');
    expect((await api.ask('GET', '/nothing')).json().detail).toBe('没有这个接口');
    expect((await api.ask('GET', '/api/session/%zz/state')).json().detail).toBe('请求格式不正确');
    expect((await api.ask('POST', '/api/session/new', { body: '{"chapter_id":7}', headers: { 'content-type': 'application/json' } })).json().detail)
      .toMatch(/^请求字段不正确：chapter_id: 无效/);
  });

  it('in the middle of a stream cuts it, and is logged', async () => {
    const frames = (async function* fail() {
      yield 'id: 1.1\ndata: {"type": "start"}\n\n';
      throw leaky();
    })();
    await using api = await openApi({
      outcome: () => ({ frames, dropped: new AbortController().signal, [Symbol.asyncDispose]: async () => undefined }),
    });
    const response = await fetch(`${api.url}/api/session/one/events`, { headers: { authorization: `Bearer ${TOKEN}` } });

    await expect(response.text()).rejects.toThrow(/terminated|aborted|other side closed/);
    expect(api.log).toMatchObject([{ level: 'error', message: 'a stream broke off' }]);
  });
});

describe('slow clients', () => {
  const timeouts = { headersMs: 200, requestMs: 400 };
  const head = (lines: readonly string[]): string => [`POST /api/session/one/reattach HTTP/1.1`, 'Host: 127.0.0.1:PORT', `Authorization: Bearer ${TOKEN}`, ...lines].join('\r\n');

  it.each([
    ['a head', head(['X-Slow: '])], ['the first line', 'POST /api'], ['a body', `${head(['Content-Type: application/json', 'Content-Length: 100'])}\r\n\r\n{`],
    ['chunks', `${head(['Content-Type: application/json', 'Transfer-Encoding: chunked'])}\r\n\r\n5\r\n{`],
    ['an upload', `${head(['Content-Type: multipart/form-data; boundary=x', 'Content-Length: 100']).replace('reattach', 'upload')}\r\n\r\n--x\r\n`],
  ])('are closed in time when %s does not end', async (_title, text) => {
    await using api = await openApi({ change: { timeouts } });

    const answer = await sendBytes(api.port, [text.replace('PORT', String(api.port))]);

    expect([answer.status, answer.json().code, answer.header('connection')]).toEqual([400, 'BAD_REQUEST', 'close']);
  });
});

describe('listening and closing', () => {
  it('rejects with the error of the system when the port is taken', async () => {
    await using first = await openApi();

    await using second = await openApi();

    await expect(second.server.listen({ host: '127.0.0.1', port: first.port })).rejects.toThrow();
  });

  it('ends idle connections at once and streams after the grace', async () => {
    const never = Promise.withResolvers<never>();
    const api = await openApi({
      outcome: () => ({ frames: (async function* wait() { yield await never.promise; })(), dropped: new AbortController().signal, [Symbol.asyncDispose]: async () => never.reject(new Error('left')) }),
    });
    const idle = connect(api.port, '127.0.0.1');
    const stream = await fetch(`${api.url}/api/session/one/events`, { headers: { authorization: `Bearer ${TOKEN}` } });
    const closed = new Promise((resolve) => idle.once('close', resolve));

    await api.server.close(50);

    await expect(stream.text()).rejects.toThrow();
    idle.resume();
    await closed;
  });
});

describe('what is remembered of errors', () => {
  it('keeps what any page or program can cause apart from what happened to a client with the token', async () => {
    await using api = await openApi({ change: { workbenchDir: null }, outcome: () => { throw new SidecarError('FILE_NOT_FOUND', 'm'); } });
    const stranger = { authorization: 'Bearer wrong' };

    await api.ask('GET', '/api/sessions', { headers: stranger });
    await api.ask('GET', '/assets/nothing.js', { headers: stranger });
    await api.ask('POST', '/health', { headers: stranger });
    await api.ask('GET', '/health', { host: 'evil.example' });
    await api.ask('GET', '/api/session/one/workspace');
    await api.ask('GET', '/nothing');
    await api.ask('GET', '/api/session/%zz/state');

    expect(api.refusals).toEqual(['TOKEN_REQUIRED', 'NOT_FOUND', 'TOKEN_REQUIRED', 'HOST_NOT_ALLOWED']);
    expect(api.errors).toEqual(['FILE_NOT_FOUND', 'NOT_FOUND', 'BAD_REQUEST']);
  });

  it('counts an error in an open route of desktop mode as one of a client', async () => {
    const guard = { token: TOKEN, mode: 'desktop' as const, allowedOrigins: [], desktopOrigins: [] };
    await using api = await openApi({ change: { guard }, outcome: () => { throw new SidecarError('SESSION_NOT_FOUND', 'm'); } });

    await (await fetch(`${api.url}/api/session/one/history`)).text();

    expect([api.errors, api.refusals]).toEqual([['SESSION_NOT_FOUND'], []]);
  });
});

it('lists expert reports with the nine fields of the contract', async () => {
  const item = {
    report_id: 'report_0001_01', consultation_id: 'consult_0001', user_turn_index: 1, scenario_id: 's', expert_id: 'e_x', title: 't',
    created_at: '2026-01-01T00:00:00.000Z', binding_effect: 'none', summary: 'short',
  };
  const more = { key_findings: ['f'], evidence: { a: 1 }, implication_for_next_step: 'i', expert_sources: [], related_consultation_ids: [], markdown: 'm', executions: ['exe_1'] };
  await using api = await openApi({ outcome: () => [{ ...item, ...more }] });

  expect((await api.ask('GET', '/api/session/one/expert-reports')).json()).toEqual({ reports: [item] });
  expect((await api.ask('GET', '/api/session/one/expert-reports/report_0001_01')).json()).toEqual({ ...item, ...more });
});

it('answers /health with 503 as soon as shutdown has begun', async () => {
  const report = { isStopping: () => true, noteError: () => undefined } as unknown as ApiDeps['report']; // proof: nothing else is asked here
  await using api = await openApi({ change: { report } });

  for (const authorization of [`Bearer ${TOKEN}`, 'Bearer wrong']) {
    const answer = await api.ask('GET', '/health', { headers: { authorization } });
    expect([answer.status, answer.header('retry-after'), answer.body]).toEqual([503, '1', '{"status":"stopping"}']);
  }
});

it.each([
  ['the header, before the query', '?after=1.2', { 'last-event-id': '1.1' }, '1.1'], ['the query', '?after=1.2', {}, '1.2'],
  ['the query, when the header is empty', '?after=1.2', { 'last-event-id': '' }, '1.2'], ['nothing, when the query is empty', '?after=', {}, null],
  ['nothing', '', {}, null],
])('resumes events after %s', async (_title, query, headers, expected) => {
  const asked: unknown[] = [];
  const stream = { frames: (async function* none() {})(), dropped: new AbortController().signal, [Symbol.asyncDispose]: async () => undefined };
  const sessions = {
    ensureKnown: async () => undefined, pathsOf: () => ({}), languageOf: () => 'en',
    follow: (_id: string, after: string | null) => {
      asked.push(after);
      return stream;
    },
  } as unknown as ApiDeps['sessions']; // proof: nothing else is asked here
  await using api = await openApi({ change: { sessions } });

  await api.ask('GET', `/api/session/one/events${query}`, { headers });

  expect(asked).toEqual([expected]);
});
