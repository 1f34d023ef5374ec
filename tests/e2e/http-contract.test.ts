import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CATALOGUE, JUPYTER_ROUTES, ROUTES } from '../../src/contracts/index.ts';
import type { RouteContract } from '../../src/contracts/index.ts';
import { CHAPTER, TOKEN, startComposed } from '../support/composed-server.ts';
import type { ComposedTestServer } from '../support/composed-server.ts';
import type { RawAnswer } from '../support/raw-http.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

let server: ComposedTestServer;
let sessionId: string;
beforeAll(async () => {
  server = await startComposed();
  sessionId = await server.create();
  await server.request('PUT', `/api/session/${sessionId}/workspace/files/a.py`, { json: { content: 'print(1)\n' } });
  await using turn = await server.send(sessionId, 'What is a table?');
  await turn.untilEnd();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const keyOf = ({ method, path }: Pick<RouteContract, 'method' | 'path'>): string => `${method} ${path}`;
const isSession = ({ path }: RouteContract): boolean => path.includes('{session_id}');
const isTurnStream = ({ path }: RouteContract): boolean => path.endsWith('/message/stream');
const fill = (path: string, id = sessionId): string =>
  path.replace('{session_id}', id).replace('{filename}', 'a.py').replace('{course_id}', 'python_first_steps').replace(/\{(\w+)\}/g, 'nobody');

/** A body and a query that the route understands. */
function wellFormed({ method, path, multipart }: RouteContract): { target: string; change: object } {
  const query = path.endsWith('/notebook/file') ? '?path=a.ipynb' : '';
  const boundary = 'xx';
  const bodies: Record<string, unknown> = {
    '/session/new': { chapter_id: CHAPTER }, '/message/stream': { message: 'Why?' }, '/workspace/move': { from: 'nothing.py', to: 'b.py' },
    '/workspace/files/{filename}': { content: 'print(2)\n' }, '/code/run': { code: '1' }, '/code/jobs': { code: '1' }, '/code/stream': { code: '1' },
    '/cell/run': { code: '1' }, '/cell/stream': { code: '1' }, '/notebook/input': { request_id: 'r', value: 'v' },
    '/notebook/complete': { code: 'a', cursor_pos: 1 }, '/notebook/inspect': { code: 'a', cursor_pos: 1 },
    '/notebook/file': { notebook: { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [] } },
  };
  const upload = `--${boundary}\r\nContent-Disposition: form-data; name="files"; filename="u.csv"\r\n\r\na\r\n--${boundary}--\r\n`;
  if (multipart) return { target: path, change: { body: upload, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } } };
  const [, json] = Object.entries(bodies).find(([end]) => path.endsWith(end)) ?? [];
  return { target: path + query, change: method === 'GET' || method === 'DELETE' ? {} : { json: json ?? {} } };
}

const ask = async (route: RouteContract, id?: string): Promise<RawAnswer> => {
  const { target, change } = wellFormed(route);
  return await server.request(route.method, fill(target, id), change);
};

function expectErrorShape(answer: RawAnswer): void {
  const body = answer.json();
  expect(Object.keys(body)).toEqual(['detail', 'code']);
  expect(typeof body.detail).toBe('string');
  expect(body.detail).not.toBe('');
  expect(CATALOGUE).toHaveProperty(body.code);
  expect((CATALOGUE as Record<string, { status: number | null }>)[body.code]!.status).toBe(answer.status);
  expect(answer.header('content-type')).toBe('application/json; charset=utf-8');
}

function expectCommonHeaders(answer: RawAnswer): void {
  expect({
    cache: answer.header('cache-control'), sniff: answer.header('x-content-type-options'), resource: answer.header('cross-origin-resource-policy'),
    referrer: answer.header('referrer-policy'), id: /^req_\w{26}$/.test(answer.header('x-request-id') ?? ''), powered: answer.header('x-powered-by'),
  }).toEqual({ cache: 'no-store', sniff: 'nosniff', resource: 'same-origin', referrer: 'no-referrer', id: true, powered: undefined });
}

describe('the routes', () => {
  it('are the same in the table, the contract, the document and the file of the document', async () => {
    const table = [...ROUTES, ...JUPYTER_ROUTES].map(keyOf).toSorted();
    const contract = (await server.request('GET', '/api/contract')).json();
    const document = (await server.request('GET', '/openapi.json')).json();
    const committed: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'openapi.json'), 'utf8'));

    expect(contract.routes.map(keyOf).toSorted()).toEqual(table);
    expect(Object.entries<object>(document.paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`)).toSorted())
      .toEqual(table);
    expect(document).toEqual(committed);
  });

  it('are all served, with the headers and the shape of the contract', async () => {
    const doomed = await server.create();
    for (const route of ROUTES) {
      const isLast = route.method === 'DELETE' || route.path.endsWith('/end');
      const answer = await ask(route, isLast ? doomed : sessionId);
      expectCommonHeaders(answer);
      if (answer.status >= 400) expectErrorShape(answer);
      expect([keyOf(route), answer.status === 405 || answer.body.includes('"NOT_FOUND"')]).toEqual([keyOf(route), false]);
      if (answer.status === 429 || answer.status === 503) expect(Number(answer.header('retry-after'))).toBeGreaterThan(0);
    }
  });

  it('answer any other method with 405 and the list of theirs', async () => {
    for (const path of new Set(ROUTES.map((route) => route.path))) {
      // `new` could be a session's id, so the path has the method of that route too.
      const known = ROUTES.filter((route) => route.path === path || (path === '/api/session/new' && route.path === '/api/session/{session_id}'))
        .map(({ method }) => method as string);
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND'].filter((wanted) => !known.includes(wanted))) {
        const answer = await server.request(method, fill(path));
        expect([path, method, answer.status, answer.json().code]).toEqual([path, method, 405, 'METHOD_NOT_ALLOWED']);
        expect(answer.header('allow')?.split(', ').toSorted()).toEqual([...new Set(known)].toSorted());
        expectErrorShape(answer);
        expectCommonHeaders(answer);
      }
    }
  });

  it('answer HEAD wherever they answer GET: same status and headers, no body', async () => {
    const changing = new Set(['x-request-id', 'date', 'content-length', 'keep-alive']);
    const headersOf = (answer: RawAnswer): string[] => answer.headers.filter(([name]) => !changing.has(name)).map(([name]) => name).toSorted();
    for (const id of [sessionId, 'nobody']) {
      for (const route of ROUTES.filter(({ method }) => method === 'GET')) {
        const { target } = wellFormed(route);
        const get = await server.request('GET', fill(target, id));
        const head = await server.request('HEAD', fill(target, id));
        expect([route.path, head.status, head.body]).toEqual([route.path, get.status, '']);
        expect([route.path, head.header('content-type')]).toEqual([route.path, get.header('content-type')]);
        expect([route.path, headersOf(head).filter((name) => name !== 'transfer-encoding' && name !== 'x-accel-buffering')])
          .toEqual([route.path, headersOf(get).filter((name) => name !== 'transfer-encoding' && name !== 'x-accel-buffering')]);
      }
    }
  });
});

describe('an unknown session', () => {
  it.each(['nobody', '..', '%2e%2e', '%2e%2e%2fx', '%252e%252e', '..%5cx', '_x', 'CON', 'x'.repeat(65), 'x'.repeat(5_000), '%00', '%F0%9F%98%80', 'a%2Fb'])(
    'is 404 on every route, and told in the stream: %.40s (S28)', async (id) => {
      const before = await server.folders();
      for (const route of ROUTES.filter(isSession)) {
        const answer = await ask(route, id);
        if (isTurnStream(route)) {
          expect([answer.status, answer.header('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
          continue;
        }
        expect([keyOf(route), answer.status, answer.json().code]).toEqual([keyOf(route), 404, 'SESSION_NOT_FOUND']);
        expectErrorShape(answer);
      }

      expect(await server.folders()).toEqual(before);
    });

  it('is told in one frame with the literal that clients look for', async () => {
    const response = await fetch(`${server.url}/api/session/nobody/message/stream`, {
      method: 'POST', body: '{"message":"hi"}', headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    });

    expect(await response.text()).toBe('id: 0.1\ndata: {"type": "error","message": "会话不存在","code": "SESSION_NOT_FOUND"}\n\n');
  });

  it('is told before anything of the body is looked at', async () => {
    const answer = await server.request('PUT', '/api/session/nobody/workspace/files/a.py', { body: 'x', headers: { 'content-type': 'text/plain' } });

    expect(answer.json().code).toBe('SESSION_NOT_FOUND');
  });
});

describe('refusals', () => {
  it.each([
    ['404 before 415', 'POST', '/api/nothing', { body: 'x', headers: { 'content-type': 'text/plain' } }, 404],
    ['405 before 415', 'PATCH', '/api/sessions', { body: 'x', headers: { 'content-type': 'text/plain' } }, 405],
    ['404 before 413', 'POST', '/api/nothing', { body: Buffer.alloc(2_000_000, 0x20), headers: { 'content-type': 'application/json' } }, 404],
    ['415 before 413', 'POST', '/api/session/new', { body: Buffer.alloc(2_000_000, 0x20), headers: { 'content-type': 'text/plain' } }, 415],
    ['413 before 400', 'POST', '/api/session/new', { body: Buffer.alloc(2_000_000, 0x7b), headers: { 'content-type': 'application/json' } }, 413],
    ['400 before 422', 'POST', '/api/session/new', { body: '{"chapter_id":7', headers: { 'content-type': 'application/json' } }, 400],
    ['401 before 404', 'GET', '/api/nothing', { authorization: 'Bearer x' }, 401],
    ['403 before 401', 'GET', '/api/sessions', { authorization: 'Bearer x', headers: { origin: 'https://evil.example' } }, 403],
    ['403 for the Host before the Origin', 'GET', '/api/sessions', { host: 'evil.example', headers: { origin: 'https://evil.example' } }, 403],
    ['400 before 403', 'GET', 'http://evil.example/', { host: 'evil.example' }, 400],
  ])('come in order: %s', async (_title, method, target, change, status) => {
    const answer = await server.request(method, target, change);

    expect(answer.status).toBe(status);
    expectErrorShape(answer);
    expectCommonHeaders(answer);
  });

  const MARK = 'zq-value-that-must-not-come-back';
  const wrongValues = [7, true, [MARK], { [MARK]: MARK }, MARK, `${MARK}/../x`, null];

  it('name the field and the rule, and never echo a value, whatever a field holds (S26)', async () => {
    for (const route of ROUTES.filter(({ body }) => body !== undefined)) {
      const { target, change } = wellFormed(route);
      // Code and path together are refused, so that no value here starts a program.
      const { json = {} } = (route.path.includes('/code/') ? { json: { code: '1', path: 'a.py' } } : change) as { json?: object };
      const fields = new Set([...Object.keys(json), 'chapter_id', 'session_id', 'desktop_context', 'backend_url', 'auth_token', 'reason', 'reason_text', 'subtask_id',
        'client_turn_id', 'encoding', 'overwrite', 'timeout_seconds', 'argv', 'stdin', 'path', 'memory_limit_mb']);
      for (const field of fields) {
        for (const value of wrongValues) {
          const answer = await server.request(route.method, fill(target, isTurnStream(route) ? 'nobody' : sessionId), { json: { ...json, session_id: 'Zq', [field]: value } });
          // A chapter that is not found is named with the places where it was looked for.
          if (answer.status < 400 || answer.json().code === 'CHAPTER_NOT_FOUND') continue;
          expectErrorShape(answer);
          expect([keyOf(route), field, answer.status < 500 || answer.status === 503]).toEqual([keyOf(route), field, true]);
          expect(answer.body).not.toContain(MARK);
        }
      }
    }
  });

  it.each([
    ['a type', { chapter_id: 7 }, 'chapter_id: '], ['a deep type', { desktop_context: { bundle_paths: { chapter_bundle_path: 7 } } }, 'desktop_context.bundle_paths.chapter_bundle_path: '],
    ['a key of the client', { desktop_context: { bundle_paths: { expert_bundle_paths: { 'sk-live-1234': 7 } } } }, 'desktop_context.bundle_paths.expert_bundle_paths.…: '],
    ['an element', { desktop_context: { prompt_sources: { socratic_vs_direct_candidates: ['a', 7] } } }, 'desktop_context.prompt_sources.socratic_vs_direct_candidates.1: '],
  ])('name %s by its place', async (_title, json, expected) => {
    const answer = await server.request('POST', '/api/session/new', { json });

    expect([answer.status, answer.json().code]).toEqual([422, 'VALIDATION_FAILED']);
    expect(answer.json().detail).toContain(expected);
    expect(answer.body).not.toContain('sk-live');
  });

  it.each([
    ['/api/sessions?limit=0', 422], ['/api/sessions?limit=501', 422], ['/api/sessions?limit=x', 422], ['/api/sessions?limit=1&limit=2', 422],
    ['/api/sessions?limit=1e2', 200], ['/api/sessions?chapter_id=a&chapter_id=b', 422], ['/api/sessions?nonsense=1', 200],
    ['/api/sessions?__proto__=1&constructor=2', 200], ['/api/sessions?%ff=%ff', 200],
  ])('judge the query %s', async (target, status) => {
    const answer = await server.request('GET', target);

    expect(answer.status).toBe(status);
    if (status === 422) expectErrorShape(answer);
  });

  it.each(['/events?after=1&after=2', '/workspace/files/a.py?raw=true&raw=true', '/executions?limit=0', '/executions?lane=root', '/workspace/files?prefix=a&prefix=b'])(
    'break no route by a repeated or wrong query: %s', async (target) => {
      const answer = await server.request('GET', `/api/session/${sessionId}${target}`);

      expect([200, 422]).toContain(answer.status);
    });

  it.each(['/api/session/%zz/state', '/api/session/%/history', '/api/session/%E0%A4%A/state', `/api/session/${'a'.repeat(8_150)}%/state`])(
    'answer a path that cannot be decoded without repeating it: %.40s', async (target) => {
      const answer = await server.request('GET', target);

      expect([answer.status, answer.json().code]).toEqual([400, 'BAD_REQUEST']);
      expectErrorShape(answer);
      expectCommonHeaders(answer);
      expect(answer.body).not.toContain('%');
    });

  it.each([
    ['/expert-reports/report_0001_01', 'EXPERT_REPORT_NOT_FOUND'], ['/expert-reports/..%2fx', 'EXPERT_REPORT_NOT_FOUND'], ['/executions/exe_x', 'EXECUTION_NOT_FOUND'],
    ['/code/jobs/job_x', 'JOB_NOT_FOUND'], ['/workspace/files/none.py', 'FILE_NOT_FOUND'], ['/code/jobs/job_x/stream', 'JOB_NOT_FOUND'],
  ])('of an unknown thing name the thing: %s', async (path, code) => {
    expect((await server.request('GET', `/api/session/${sessionId}${path}`)).json().code).toBe(code);
  });

  it('of a course are told as such', async () => {
    expect((await server.request('GET', '/api/courses/none/chapters')).json().code).toBe('COURSE_NOT_FOUND');
  });
});

it('tells in diagnostics which chapters are broken, what is odd in those in use, and where their texts come from', async () => {
  await using folder = await createTemporaryFolder('curriculum');
  const texts = { 'chapter_context.md': '# A\n', 'task_completion_principles.md': 'Show it.\n' };
  for (const [name, text] of Object.entries({
    ...Object.fromEntries(Object.entries(texts).flatMap(([file, text]) => [[`c/odd/${file}`, text], [`c/broken/${file}`, text]])),
    'c/odd/task_list.md': '### Task 1: Read\n\n- **read_it**: read [type: curious]\n', 'c/broken/task_list.md': 'nothing\n',
    'c/odd/consultation_config.yaml': [
      'chapter_id: other', 'version: "1.0"', 'available_experts: [data_inspector]', 'binding_rules:', '  rules:',
      '    - { name: no_such_lock, when: { field: ok, op: nonempty }, set: { lock_until: never } }', '',
    ].join('\n'),
    'agents/memo/principles.md': 'Note what was done.\n',
  })) {
    await mkdir(folder.join(name, '..'), { recursive: true });
    await writeFile(folder.join(name), text);
  }
  await using own = await startComposed({ env: { CURRICULUM_DIR: folder.path, MAIN_AGENTS_DIR: folder.join('agents') } });
  await own.create({ chapter_id: 'c/odd' });
  await own.create({ chapter_id: 'c/odd' });

  const { content, content_sources: sources } = (await own.request('GET', '/api/diagnostics')).json();

  expect(content).toContainEqual({ chapter_id: 'c/broken', problem: expect.stringMatching(/^TASK_LIST_EMPTY: /) });
  expect(content).toContainEqual({ chapter_id: 'c/odd', problem: expect.stringMatching(/^kind_unknown: .*task_list\.md:3\)$/) });
  expect(content).toContainEqual({ chapter_id: 'c/odd', problem: expect.stringMatching(/^manifest_missing: /) });
  expect(content).toContainEqual({ chapter_id: 'c/odd', problem: expect.stringMatching(/^unparsed_rule: no_such_lock: set\.lock_until/) });
  expect(content).toContainEqual({ chapter_id: 'c/odd', problem: expect.stringMatching(/^consultation_config_problem: chapter_id is "other"/) });
  expect(sources).toEqual([{
    chapter_id: 'c/odd', sessions: 2, chapter_source: 'environment', bundle_version: null, scope_id: null,
    texts: expect.objectContaining({
      task_list: 'chapter', consultation_config: 'chapter', 'policy.memo': 'environment', 'policy.companion': 'packaged',
      'protocol.interaction_protocol': 'packaged', 'template.dynamic_report_template': 'packaged',
    }),
  }]);
  expect(JSON.stringify({ content, sources })).not.toContain(folder.path);
});

it('names no path outside the session folder and no solution', async () => {
  const answers: string[] = [];
  for (const route of ROUTES.filter((entry) => isSession(entry) && entry.method === 'GET')) answers.push((await ask(route)).body);
  const paths = answers.join('\n').match(/"\/[^"\s]{2,}"/g) ?? [];

  expect(paths.filter((path) => !path.startsWith(`"${server.sessionsDir}/${sessionId}/`))).toEqual([]);
  expect(answers.join('\n')).not.toMatch(/solution\.py/);
});
