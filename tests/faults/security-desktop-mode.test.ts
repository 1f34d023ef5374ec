import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTES } from '../../src/contracts/index.ts';
import { CHAPTER, TOKEN, startComposed } from '../support/composed-server.ts';
import type { ComposedTestServer } from '../support/composed-server.ts';

const ELECTRON = 'Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 TutorApp/2.1.0 Chrome/124.0 Electron/30.0.9 Safari/537.36';
const BROWSER = 'Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 Chrome/140.0 Safari/537.36';
const ORIGINS = ['null', 'file://', 'http://localhost:3000'];

let server: ComposedTestServer;
let sessionId: string;
beforeAll(async () => {
  server = await startComposed({ env: { SIDECAR_AUTH: 'desktop' } });
  sessionId = await server.create();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const fill = (path: string): string => path.replace('{session_id}', sessionId).replace('{filename}', 'a.py').replace(/\{(\w+)\}/g, 'nobody');
const open = ROUTES.filter(({ auth }) => auth === 'open');
const closed = ROUTES.filter(({ auth }) => auth === 'token');

/** Sends every route of a class with its emptiest body; `end` is left out, because it ends the session for the others. */
async function statuses(routes: typeof ROUTES, headers: Record<string, string>): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (const { method, path } of routes) {
    const answer = await server.request(method, path.endsWith('/end') ? fill(path).replace(sessionId, 'nobody') : fill(path), {
      authorization: '', headers, ...(method === 'GET' || method === 'DELETE' ? {} : { json: {} }),
    });
    seen[`${method} ${path}`] = answer.status;
    if (answer.status >= 400) expect(Object.keys(answer.json())).toEqual(['detail', 'code']);
  }
  return seen;
}

/** What the open routes answer to a request that the guard let through. */
const ANSWERED = {
  'GET /api/contract': 200, 'POST /api/session/new': 404, 'POST /api/session/{session_id}/reattach': 200,
  'POST /api/session/{session_id}/message/stream': 422, 'POST /api/session/{session_id}/message/cancel': 200,
  'GET /api/session/{session_id}/dynamic_report': 200, 'GET /api/session/{session_id}/dynamic-report': 200, 'GET /api/sessions': 200,
  'GET /api/session/{session_id}/history': 200, 'POST /api/session/{session_id}/skip-task': 200, 'POST /api/session/{session_id}/end': 404,
};
const allOf = (routes: typeof ROUTES, status: number) => Object.fromEntries(routes.map(({ method, path }) => [`${method} ${path}`, status]));

describe('a page', () => {
  it.each(ORIGINS)('from a browser with the desktop origin %s reaches nothing, with or without a token (S12)', async (origin) => {
    expect(await statuses(open, { origin, 'user-agent': BROWSER })).toEqual(allOf(open, 403));
    expect((await server.request('GET', '/api/sessions', { headers: { origin, 'user-agent': BROWSER } })).status).toBe(403);
    expect((await server.request('OPTIONS', '/api/sessions', { headers: { origin, 'user-agent': BROWSER } })).status).toBe(403);
  });

  it.each(['cross-site', 'same-site', 'same-origin', 'none'])('without an origin but with Sec-Fetch-Site %s needs the token (S14)', async (site) => {
    expect(await statuses(open, { 'sec-fetch-site': site, 'user-agent': BROWSER })).toEqual(allOf(open, 401));
  });

  it('cannot get the user agent granted that would make it the app (S11)', async () => {
    const answer = await server.request('OPTIONS', '/api/session/new', {
      authorization: '', headers: { origin: 'null', 'user-agent': ELECTRON, 'access-control-request-method': 'POST', 'access-control-request-headers': 'user-agent' },
    });

    expect(answer.header('access-control-allow-headers')).toBe('authorization, content-type, if-match, last-event-id');
    expect(answer.header('access-control-allow-credentials')).toBeUndefined();
  });

  it.each(['http://localhost:3001', 'http://localhost:3000/', 'http://localhost:3000.evil.example', 'app://tutor'])('from %s is refused even inside Electron', async (origin) => {
    expect((await server.request('GET', '/api/sessions', { headers: { origin, 'user-agent': ELECTRON } })).status).toBe(403);
  });
});

describe('the shipped app', () => {
  it.each<[string, Record<string, string>]>([
    ...ORIGINS.map((origin): [string, Record<string, string>] => [`with origin ${origin}`, { origin, 'user-agent': ELECTRON }]),
    ['without an origin', { 'user-agent': ELECTRON }],
    ['without an origin, as its renderer asks', { 'user-agent': ELECTRON, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' }],
    ['from its main process', { 'user-agent': 'node' }],
    ['from a program without a user agent', {}],
  ])('is answered on every open route and on no other: %s (S13, S15)', async (_title, headers) => {
    expect(await statuses(open, headers)).toEqual(ANSWERED);
    expect(await statuses(closed, headers)).toEqual(allOf(closed, 401));
  });

  it('may read the answers: the origin is granted as it was sent', async () => {
    for (const origin of ORIGINS) {
      const answer = await server.request('GET', '/api/sessions', { authorization: '', headers: { origin, 'user-agent': ELECTRON } });
      expect([answer.status, answer.header('access-control-allow-origin'), answer.header('vary')]).toEqual([200, origin, 'origin']);
    }
  });

  it('runs a whole turn, greeting first, and reads history and report', async () => {
    const headers = { origin: 'null', 'user-agent': ELECTRON, 'content-type': 'application/json' };
    const created = await server.request('POST', '/api/session/new', {
      authorization: '', headers, body: JSON.stringify({ chapter_id: CHAPTER, desktop_context: null, session_id: null, backend_url: null, auth_token: null }),
    });
    const { session_id: id, initial_message: greeting } = created.json();

    const stream = await fetch(`${server.url}/api/session/${id}/message/stream`, {
      method: 'POST', headers, body: JSON.stringify({ message: '[系统：开始]' }),
    });
    const frames = (await stream.text()).split('\n\n').filter((frame) => frame.includes('data: ')).map((frame) => JSON.parse(/data: (.*)/.exec(frame)![1]!));
    const history = await server.request('GET', `/api/session/${id}/history`, { authorization: '', headers });
    const report = await server.request('GET', `/api/session/${id}/dynamic_report`, { authorization: '', headers });

    expect(greeting).toBe('你好！欢迎来到学习平台。');
    expect(frames[0]).toMatchObject({ type: 'start', kind: 'greeting', turn_index: 0 });
    expect(frames.at(-1)).toMatchObject({ type: 'complete', turn_index: 1 });
    expect(history.json().turns[0]).toMatchObject({ turn_index: 0, user_message: '[系统：开始]', kind: 'greeting' });
    expect(report.json().report).not.toBe('');
  });

  it('is refused with a wrong token even on an open route, and everything is open to the right one', async () => {
    for (const authorization of ['Bearer wrong', `Basic ${TOKEN}`, 'Bearer ']) {
      expect((await server.request('GET', '/api/sessions', { authorization, headers: { 'user-agent': ELECTRON } })).status).toBe(401);
    }
    expect((await server.request('GET', `/api/session/${sessionId}/state`, { headers: { 'user-agent': ELECTRON, origin: 'null' } })).status).toBe(200);
  });

  it('is told errors in Chinese, also for a session that does not exist', async () => {
    const answer = await server.request('GET', '/api/session/nobody/history', { authorization: '' });

    expect(answer.json()).toEqual({ detail: '会话不存在', code: 'SESSION_NOT_FOUND' });
  });
});

it('still checks the Host, and opens no notebook, file or unknown path', async () => {
  const hostile = await server.request('GET', '/api/sessions', { authorization: '', host: 'evil.example', headers: { 'user-agent': ELECTRON } });
  const unknown = await Promise.all(['/jupyter/api', '/api/nothing', '/api/session', `/api/session/${sessionId}`, '/openapi.json'].map(async (path) =>
    (await server.request('GET', path, { authorization: '', headers: { 'user-agent': ELECTRON } })).status));

  expect(hostile.status).toBe(403);
  expect(unknown).toEqual([401, 401, 401, 401, 401]);
});

it('shows its mode in the capabilities', async () => {
  expect((await server.request('GET', '/api/capabilities')).json().auth_mode).toBe('desktop');
});

it('takes other desktop origins from the configuration', async () => {
  await using other = await startComposed({ env: { SIDECAR_AUTH: 'desktop', SIDECAR_DESKTOP_ORIGINS: 'http://localhost:5173' } });
  const ask = async (origin: string) => (await other.request('GET', '/api/sessions', { authorization: '', headers: { origin, 'user-agent': ELECTRON } })).status;

  expect([await ask('http://localhost:5173'), await ask('null')]).toEqual([200, 403]);
});
