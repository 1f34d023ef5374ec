import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTES } from '../../src/contracts/index.ts';
import { TOKEN, startComposed } from '../support/composed-server.ts';
import type { ComposedTestServer } from '../support/composed-server.ts';
import { sendBytes } from '../support/raw-http.ts';
import type { RawAnswer } from '../support/raw-http.ts';

const ALLOWED = 'http://editor.example:8080';
const FOREIGN = 'https://evil.example';

let server: ComposedTestServer;
beforeAll(async () => {
  server = await startComposed({ env: { SIDECAR_ALLOWED_ORIGINS: ALLOWED, SIDECAR_WORKBENCH: 'on' } });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const routes = ROUTES.map((route) => ({
  ...route, target: route.path.replace('{filename}', 'a.py').replace(/\{(\w+)\}/g, 'nobody'), head: `${route.method} ${route.path}`,
}));
const guarded = routes.filter(({ auth }) => auth !== 'none');
const verdict = (answer: RawAnswer): string => `${answer.status} ${answer.json().code}`;
const corsHeaders = (answer: RawAnswer): string[] => answer.headers.map(([name]) => name).filter((name) => name.startsWith('access-control-'));

describe('Host (S01, S02)', () => {
  it.each([
    ['a rebinding name', () => `evil.example:${server.port}`],
    ['a longer name that begins like ours', () => `localhost.evil.example:${server.port}`],
    ['our address as a subdomain', () => `127.0.0.1:${server.port}.evil.example`],
    ['another port', () => '127.0.0.1:1'],
    ['no port', () => '127.0.0.1'],
    ['another loopback address', () => `127.0.0.2:${server.port}`],
    ['the unspecified address', () => `0.0.0.0:${server.port}`],
    ['user info', () => `x@127.0.0.1:${server.port}`],
    ['an empty value', () => ''],
  ])('refuses %s, also with a token', async (_title, host) => {
    expect(verdict(await server.request('GET', '/health', { host: host() }))).toBe('403 HOST_NOT_ALLOWED');
  });

  it.each(['127.0.0.1', 'localhost', 'LOCALHOST', '[::1]'])('admits %s with our port', async (name) => {
    expect((await server.request('GET', '/health', { host: `${name}:${server.port}` })).status).toBe(200);
  });

  it.each([
    ['no Host', { host: null }],
    ['two Hosts', { headers: { host: ['127.0.0.1:1', '127.0.0.1:1'] }, host: null }],
  ])('refuses %s (S03)', async (_title, change) => {
    const answer = await server.request('GET', '/health', change);

    expect(verdict(answer)).toBe('400 BAD_REQUEST');
    expect(answer.header('x-request-id')).toMatch(/^req_/);
  });

  it.each([
    'http://127.0.0.1/health', '//127.0.0.1/health', '/health#/api/contract', '*', `/health?${'a'.repeat(8_200)}`,
  ])('refuses the target %.40s (S03)', async (target) => {
    expect(verdict(await server.request('GET', target))).toBe('400 BAD_REQUEST');
  });
});

describe('Origin', () => {
  it('refuses a foreign origin with a token on every route and preflight, without any CORS header (S04)', async () => {
    const answers = await Promise.all(routes.flatMap(({ method, target }) => [method, 'OPTIONS', 'HEAD'].map(async (used) => {
      const answer = await server.request(used, target, { headers: { origin: FOREIGN } });
      return { used, target, status: answer.status, cors: corsHeaders(answer), body: used === 'HEAD' ? '' : answer.json().code };
    })));

    expect(answers.filter(({ used, status, cors, body }) =>
      status !== 403 || cors.length > 0 || body !== (used === 'HEAD' ? '' : 'ORIGIN_NOT_ALLOWED'))).toEqual([]);
  });

  it.each([
    'null', 'file://', 'http://localhost:3000', 'http://127.0.0.1:1', 'http://localhost:3000.evil.example', `${ALLOWED}/`, ALLOWED.toUpperCase(),
    'https://editor.example:8080', 'http://editor.example', '', ' ', `${ALLOWED} ${FOREIGN}`, `${ALLOWED},${FOREIGN}`,
  ])('refuses the origin %j in token mode, with and without a token (S05, S06)', async (origin) => {
    for (const authorization of ['', `Bearer ${TOKEN}`]) {
      for (const agent of ['Mozilla/5.0 Chrome/140', 'Mozilla/5.0 Electron/30.0.0']) {
        const answer = await server.request('GET', '/api/contract', { authorization, headers: { origin, 'user-agent': agent } });
        expect([verdict(answer), corsHeaders(answer)]).toEqual(['403 ORIGIN_NOT_ALLOWED', []]);
      }
    }
  });

  it('refuses two origins', async () => {
    const answer = await server.request('GET', '/health', { headers: { origin: [ALLOWED, ALLOWED] } });

    expect(verdict(answer)).toBe('400 BAD_REQUEST');
  });

  it('grants reading to an allowed origin, exactly and without credentials', async () => {
    const ok = await server.request('GET', '/api/contract', { headers: { origin: ALLOWED } });
    const refused = await server.request('GET', '/api/contract', { authorization: '', headers: { origin: ALLOWED } });

    expect(ok.status).toBe(200);
    expect(ok.header('access-control-allow-origin')).toBe(ALLOWED);
    expect(ok.header('vary')).toBe('origin');
    expect(ok.header('access-control-expose-headers')).toBe('etag, retry-after, x-request-id');
    expect(ok.header('access-control-allow-credentials')).toBeUndefined();
    expect(refused.status).toBe(401);
  });

  it('admits our own origins while the workbench is on, with a token only', async () => {
    for (const origin of [`http://127.0.0.1:${server.port}`, `http://localhost:${server.port}`]) {
      expect((await server.request('GET', '/api/sessions', { headers: { origin } })).status).toBe(200);
      expect((await server.request('GET', '/api/sessions', { authorization: '', headers: { origin } })).status).toBe(401);
    }
  });

  it('refuses our own origin while the workbench is off', async () => {
    await using closed = await startComposed();

    expect(verdict(await closed.request('GET', '/api/sessions', { headers: { origin: closed.url } }))).toBe('403 ORIGIN_NOT_ALLOWED');
  });
});

describe('preflight', () => {
  const ask = async (extra: Record<string, string> = {}) => await server.request('OPTIONS', '/api/session/new', {
    authorization: '', headers: { origin: ALLOWED, 'access-control-request-method': 'POST', ...extra },
  });

  it('grants the methods and headers of the contract, and nothing more (S11)', async () => {
    const answer = await ask({ 'access-control-request-headers': 'user-agent, cookie, x-http-method-override' });

    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers.filter(([name]) => name.startsWith('access-control-')))).toEqual({
      'access-control-allow-origin': ALLOWED,
      'access-control-allow-methods': 'GET, POST, PUT, DELETE',
      'access-control-allow-headers': 'authorization, content-type, if-match, last-event-id',
      'access-control-max-age': '600',
      'access-control-expose-headers': 'etag, retry-after, x-request-id',
    });
  });

  it('grants a private network only when asked', async () => {
    expect((await ask()).header('access-control-allow-private-network')).toBeUndefined();
    expect((await ask({ 'access-control-request-private-network': 'true' })).header('access-control-allow-private-network')).toBe('true');
  });

  it('grants nothing without an origin, and never reaches a route', async () => {
    const answer = await server.request('OPTIONS', '/api/session/new', { authorization: '' });

    expect([answer.status, corsHeaders(answer), answer.body]).toEqual([204, [], '']);
    expect((await server.request('OPTIONS', '/no/such/path', { authorization: '' })).status).toBe(204);
  });
});

describe('token', () => {
  it.each([
    ['none', ''], ['wrong', `Bearer ${'x'.repeat(TOKEN.length)}`], ['a prefix', `Bearer ${TOKEN.slice(0, -1)}`], ['a suffix', `Bearer ${TOKEN}x`],
    ['another scheme', `Basic ${Buffer.from(`a:${TOKEN}`).toString('base64')}`], ['no scheme', TOKEN], ['an empty one', 'Bearer '],
    ['another case', `Bearer ${TOKEN.toUpperCase()}`], ['the scheme of notebooks', `token ${TOKEN}`],
  ])('refuses every guarded route with %s (S07)', async (_title, authorization) => {
    const answers = await Promise.all(guarded.map(async ({ method, target, head }) =>
      [head, verdict(await server.request(method, target, { authorization }))]));

    expect(answers.filter(([, seen]) => seen !== '401 TOKEN_REQUIRED')).toEqual([]);
  });

  it('answers the pages and the health without one, and health tells no more then', async () => {
    const health = await server.request('GET', '/health', { authorization: '' });

    expect(health.json()).toEqual({ status: 'healthy' });
    expect((await server.request('GET', '/health', { authorization: 'Bearer wrong' })).json()).toEqual({ status: 'healthy' });
    expect(Object.keys((await server.request('GET', '/health')).json())).toEqual(['status', 'version', 'pid', 'uptime_ms']);
    for (const path of ['/', '/docs', '/assets/docs.css']) expect((await server.request('GET', path, { authorization: '' })).status).toBe(200);
  });

  it('does not tell which paths exist: 401 first, 404 and 405 only with a token (S08)', async () => {
    expect(verdict(await server.request('GET', '/no/such/path', { authorization: '' }))).toBe('401 TOKEN_REQUIRED');
    expect(verdict(await server.request('PATCH', '/health', { authorization: '' }))).toBe('401 TOKEN_REQUIRED');
    expect(verdict(await server.request('GET', '/no/such/path'))).toBe('404 NOT_FOUND');
    expect(verdict(await server.request('PATCH', '/health'))).toBe('405 METHOD_NOT_ALLOWED');
  });

  it.each([
    ['GET', `/api/sessions?token=${TOKEN}`], ['POST', `/jupyter/api/kernels?token=${TOKEN}`], ['GET', `/api/contract?token=${TOKEN}&a=/jupyter`],
  ])('takes no token from the query: %s %.20s (S09)', async (method, target) => {
    expect(verdict(await server.request(method, target, { authorization: '' }))).toBe('401 TOKEN_REQUIRED');
  });

  it('sees a path that is encoded otherwise as unknown, so that no class is widened', async () => {
    for (const target of ['/%68ealth', '/api/%73essions', '/HEALTH', '/health/', '/health;x', '/./health', '/x/../health', '/api/session//state']) {
      expect([target, verdict(await server.request('GET', target, { authorization: '' }))]).toEqual([target, '401 TOKEN_REQUIRED']);
      expect([target, verdict(await server.request('GET', target))]).toEqual([target, '404 NOT_FOUND']);
    }
  });
});

it.each([
  ['x-forwarded-host', '127.0.0.1:1'], ['x-forwarded-for', '10.0.0.1'], ['x-original-url', '/health'], ['x-rewrite-url', '/health'],
  ['x-http-method-override', 'DELETE'], ['forwarded', 'host=evil.example'], ['cookie', `token=${TOKEN}`],
])('ignores %s (S17)', async (name, value) => {
  const refused = await server.request('GET', '/api/sessions', { authorization: '', headers: { [name]: value } });
  const answered = await server.request('GET', '/api/sessions', { headers: { [name]: value } });

  expect([refused.status, answered.status, answered.header('set-cookie')]).toEqual([401, 200, undefined]);
});

describe('WebSocket upgrade (S10)', () => {
  const upgrade = async (lines: readonly string[], { to = server, host = `127.0.0.1:${to.port}` }: { to?: ComposedTestServer; host?: string } = {}) => await sendBytes(to.port, [[
    'GET /jupyter/api/kernels/x/channels HTTP/1.1', `Host: ${host}`, 'Connection: Upgrade', 'Upgrade: websocket',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13', ...lines, '', '',
  ].join('\r\n')]);

  it.each([
    ['a foreign origin', [`Authorization: Bearer ${TOKEN}`, `Origin: ${FOREIGN}`], {}, '403 ORIGIN_NOT_ALLOWED'],
    ['no token', [], {}, '401 TOKEN_REQUIRED'],
    ['a wrong Host', [`Authorization: Bearer ${TOKEN}`], { host: 'evil.example:80' }, '403 HOST_NOT_ALLOWED'],
  ])('is refused with %s', async (_title, lines, place, expected) => {
    const answer = await upgrade(lines, place);

    expect([verdict(answer), answer.header('upgrade'), corsHeaders(answer)]).toEqual([expected, undefined, []]);
    expect(answer.header('x-request-id')).toMatch(/^req_/);
  });

  it('with our own address as the origin, which some libraries send by themselves, is refused unless the workbench is on', async () => {
    await using plain = await startComposed();
    const own = (to: ComposedTestServer): string[] => [`Authorization: Bearer ${TOKEN}`, `Origin: http://127.0.0.1:${to.port}`];
    const verdicts = [await upgrade(own(plain), { to: plain }), await upgrade(own(plain).slice(0, 1), { to: plain }), await upgrade(own(server))].map(verdict);

    expect(verdicts).toEqual(['403 ORIGIN_NOT_ALLOWED', '404 KERNEL_NOT_FOUND', '404 KERNEL_NOT_FOUND']);
  });

  it('leaves other offers alone: the request is answered as it is', async () => {
    const answer = await server.request('GET', '/health', { headers: { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' } });

    expect(answer.status).toBe(200);
  });
});
