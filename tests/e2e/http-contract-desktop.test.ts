import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RouteContract } from '../../src/contracts/index.ts';
import { TOKEN, startComposed } from '../support/composed-server.ts';
import type { ComposedTestServer } from '../support/composed-server.ts';

let server: ComposedTestServer;
let sessionId: string;
beforeAll(async () => {
  server = await startComposed();
  sessionId = await server.create();
  await using turn = await server.send(sessionId, 'What is a table?');
  await turn.untilEnd();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describe('the desktop', () => {
  it('finds its contract: version, five routes, eight events', async () => {
    const contract = (await server.request('GET', '/api/contract')).json();
    const routes = contract.routes.map((route: RouteContract) => `${route.method} ${route.path}`);

    expect(contract.contract_version).toBe('v1');
    expect(routes).toEqual(expect.arrayContaining([
      'POST /api/session/new', 'POST /api/session/{session_id}/message/stream', 'GET /api/session/{session_id}/dynamic_report',
      'POST /api/session/{session_id}/end', 'GET /health',
    ]));
    expect(contract.sse_event_types).toEqual(expect.arrayContaining([
      'start', 'companion_chunk', 'companion_complete', 'consultation_start', 'consultation_complete', 'consultation_error', 'complete', 'error',
    ]));
  });

  it('reads the report under both spellings, never empty after the first turn', async () => {
    const [one, other] = await Promise.all(['dynamic_report', 'dynamic-report'].map(async (name) => (await server.request('GET', `/api/session/${sessionId}/${name}`)).json()));

    expect(one).toEqual(other);
    expect(one.report).toMatch(/^## /m);
    expect(one.report).toMatch(/next|下一步|建议/i);
    expect((await server.request('GET', `/api/session/${await server.create()}/dynamic_report`)).json()).toEqual({ report: '' });
  });

  it.each(['[系统：late marker', '[TASK_SKIPPED]', '  spaces\tand\nlines  ', '{{NAME}} ${x} <b>&amp;</b>', '😀 𝒳 é e\u0301', '@@judgement {"checkpoint":true}'])(
    'gets its message back verbatim: %j', async (message) => {
      const id = await server.create();
      await using first = await server.send(id, 'hello');
      await first.untilEnd();
      await using stream = await server.send(id, message);
      await stream.untilEnd();

      expect((await server.request('GET', `/api/session/${id}/history`)).json().turns.at(-1)).toMatchObject({ turn_index: 1, user_message: message, kind: 'student' });
    });
});

describe('files', () => {
  it.each([
    ['bytes that are no text', Buffer.from([0, 255, 254, 13, 10, 0])], ['a byte order mark and mixed newlines', Buffer.from('\ufeffa\r\nb\nc\r')], ['nothing', Buffer.alloc(0)],
  ])('round-trip byte for byte: %s', async (_title, bytes) => {
    const target = `/api/session/${sessionId}/workspace/files/r.txt`;
    const put = await server.request('PUT', target, { json: { content: bytes.toString('base64'), encoding: 'base64' } });
    const read = (await server.request('GET', target)).json();
    const raw = await fetch(`${server.url}${target}?raw=true`, { headers: { authorization: `Bearer ${TOKEN}` } });

    expect(put.json()).toMatchObject({ name: 'r.txt', size_bytes: bytes.length, source: 'user' });
    expect(Buffer.from(read.content, read.encoding === 'base64' ? 'base64' : 'utf8')).toEqual(bytes);
    expect(Buffer.from(await raw.arrayBuffer())).toEqual(bytes);
    expect(read.size_bytes).toBe(bytes.length);
  });
});
