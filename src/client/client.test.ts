import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeFrame } from '../contracts/index.ts';
import { createSidecarClient } from './client.ts';
import type { NormalisedEvent } from './events.ts';
import { SidecarApiError } from './sidecar-api-error.ts';

interface Seen { method: string; url: string; headers: IncomingMessage['headers']; body: string }
type Answer = (response: ServerResponse, request: Seen) => void;

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server that gives its answers in order and keeps what it was asked. */
async function serve(...answers: Answer[]): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const { method = '', url = '', headers } = request;
      const asked = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') };
      seen.push(asked);
      const answer = answers.shift();
      if (answer === undefined) response.writeHead(500).end('no answer is left');
      else answer(response, asked);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const json = (body: unknown, status = 200): Answer => (response) => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(status === 204 ? undefined : JSON.stringify(body));
};
const sse = (text: string, ending: 'end' | 'break'): Answer => (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.write(text, () => (ending === 'end' ? response.end() : response.destroy()));
};
const collect = async (events: AsyncIterable<NormalisedEvent>): Promise<NormalisedEvent[]> => {
  const all: NormalisedEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
};
const frame = (sequence: number, event: { type: string; [field: string]: unknown }): string => encodeFrame(`3.${sequence}`, event);

const start = frame(1, { type: 'start', turn_id: 'trn_1', turn_index: 4, kind: 'student' });
const chunk = (sequence: number, content: string): string => frame(sequence, { type: 'companion_chunk', content });
const complete = (sequence: number): string =>
  frame(sequence, { type: 'complete', turn_index: 5, turn_id: 'trn_1', report_ready: true, end_suggested: false });

describe('send', () => {
  it('normalises a turn as the shipped desktop does and stops at its end', async () => {
    const { url, seen } = await serve(sse([
      ': ping\n\n', start, frame(2, { type: 'turn_phase', phase: 'thinking' }),
      frame(3, { type: 'consultation_start', expert_id: 'e', title: 't', consultation_id: 'c', scenario_id: 's' }),
      frame(4, { type: 'consultation_complete', expert_id: 'e', consultation_id: 'c' }),
      frame(5, { type: 'companion_start' }), chunk(6, '你好'), frame(7, { type: 'companion_complete' }),
      frame(8, { type: 'token_usage', agent: 'CA', turn_index: 4, input_tokens: 10, output_tokens: 2 }),
      frame(9, { type: 'from_the_future', x: 1 }), complete(10), chunk(11, 'too late'),
    ].join(''), 'end'), json({ report: '# R' }));

    const events = await collect(createSidecarClient({ endpoint: { url, token: 't0k' } }).send('s 1', 'hi', { clientTurnId: 'turn-1' }));

    expect(events).toEqual([
      { type: 'start', turn_id: 'trn_1', turn_index: 4, kind: 'student' },
      { type: 'turn_phase', phase: 'thinking' },
      { type: 'expert_consultation', phase: 'start', payload: { type: 'consultation_start', expert_id: 'e', title: 't', consultation_id: 'c', scenario_id: 's' } },
      { type: 'expert_consultation', phase: 'complete', payload: { type: 'consultation_complete', expert_id: 'e', consultation_id: 'c' } },
      { type: 'companion_start' }, { type: 'roadmap_update', phase: 'start' },
      { type: 'companion_chunk', content: '你好' },
      { type: 'companion_complete' }, { type: 'roadmap_update', phase: 'complete' },
      { type: 'token_usage', agent: 'CA', turnIndex: 4, inputTokens: 10, outputTokens: 2 },
      { type: 'from_the_future', x: 1 },
      { type: 'done', turnIndex: 5 },
      { type: 'memo_update', phase: 'start', turnIndex: 5 }, { type: 'memo_update', phase: 'complete', turnIndex: 5, report: '# R' },
    ]);
    expect(seen.map(({ method, url: path, headers }) => [method, path, headers.authorization])).toEqual([
      ['POST', '/api/session/s%201/message/stream', 'Bearer t0k'], ['GET', '/api/session/s%201/dynamic_report', 'Bearer t0k'],
    ]);
    expect(JSON.parse(seen[0]!.body)).toEqual({ message: 'hi', client_turn_id: 'turn-1' });
  });

  it.each([
    [{ type: 'error', message: 'm', code: 'INTERNAL' }, { type: 'error', message: 'm', code: 'INTERNAL' }],
    [{ type: 'llm_error', error: 'e', code: 'LLM_AUTH', agent: 'CA', retryable: false }, { type: 'llm_error', error: 'e', code: 'LLM_AUTH', retryable: false }],
    [{ type: 'cancelled', turn_id: 'trn_1' }, { type: 'cancelled', turn_id: 'trn_1' }],
  ])('ends with %j', async (raw, expected) => {
    const { url } = await serve(sse(start + frame(2, raw) + chunk(3, 'too late'), 'end'));

    expect((await collect(createSidecarClient({ endpoint: { url } }).send('s', 'hi'))).slice(1)).toEqual([expected]);
  });

  it('reads frames with CRLF and split characters', async () => {
    const bytes = Buffer.from((start + chunk(2, '分段') + frame(3, { type: 'cancelled', turn_id: 'trn_1' })).replaceAll('\n', '\r\n'));
    const { url } = await serve((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const cut = bytes.indexOf(Buffer.from('分')) + 1;
      response.write(bytes.subarray(0, cut), () => setImmediate(() => response.end(bytes.subarray(cut))));
    });

    expect((await collect(createSidecarClient({ endpoint: { url } }).send('s', 'hi')))[1]).toEqual({ type: 'companion_chunk', content: '分段' });
  });

  it('resumes after the last frame when the connection breaks, with nothing twice', async () => {
    const { url, seen } = await serve(
      sse(start + chunk(2, 'a'), 'break'),
      (response) => response.destroy(),
      sse(`retry: 1000\n\n${chunk(3, 'b')}${complete(4)}`, 'end'),
      json({ report: 'r' }),
    );

    const events = await collect(createSidecarClient({ endpoint: { url } }).send('s', 'hi'));

    expect(events.map(({ type }) => type)).toEqual([
      'start', 'companion_chunk', 'reconnecting', 'reconnected', 'companion_chunk', 'done', 'memo_update', 'memo_update',
    ]);
    expect(seen[1]).toMatchObject({ method: 'GET', url: '/api/session/s/events', headers: { 'last-event-id': '3.2' } });
    expect(seen[2]!.headers['last-event-id']).toBe('3.2');
  });

  it('repeats the send with the same turn id when nothing was seen of the turn', async () => {
    const { url, seen } = await serve(sse(': ping\n\n', 'break'), sse(start + frame(2, { type: 'cancelled', turn_id: 'trn_1' }), 'end'));

    await collect(createSidecarClient({ endpoint: { url } }).send('s', 'hi'));

    const [first, second] = seen.map(({ body }) => JSON.parse(body));
    expect(second).toEqual(first);
    expect(first.client_turn_id).toMatch(/^[0-9a-f]{32}$/);
  });

  it('finds a restarted sidecar at its new address and shows a turn that a crash erased', async () => {
    const old = await serve(sse(start, 'break'));
    const fresh = await serve(sse(encodeFrame('4.1', { type: 'stream_reset', reason: 'unknown_id', turn_index: 4 }), 'end'));
    const endpoints = [{ url: old.url, token: 'old' }, { url: fresh.url, token: 'new' }];

    const events = await collect(createSidecarClient({ endpoint: () => endpoints.shift()! }).send('s', 'hi'));

    expect(events.at(-1)).toEqual({ type: 'stream_reset', reason: 'unknown_id', turn_index: 4 });
    expect(fresh.seen[0]!.headers.authorization).toBe('Bearer new');
  });

  it('gives the last known report when the new one cannot be read', async () => {
    const { url } = await serve(json({ report: 'known' }), sse(start + complete(2), 'end'), json({ detail: 'x', code: 'INTERNAL' }, 500));
    const client = createSidecarClient({ endpoint: { url } });
    await client.dynamicReport('s');

    expect((await collect(client.send('s', 'hi'))).at(-1)).toEqual({ type: 'memo_update', phase: 'complete', turnIndex: 5, report: 'known' });
  });

  it('gives up when the sidecar stays away', async () => {
    const { url } = await serve(sse(start, 'break'), (response) => response.destroy(), (response) => response.destroy());

    const events = collect(createSidecarClient({ endpoint: { url } }).send('s', 'hi', { reconnectForMs: 1 }));

    await expect(events).rejects.toMatchObject({ name: 'SidecarApiError', status: 0, code: 'CONNECTION_LOST' });
  });

  it('stops following when its signal is aborted and closes the connection', async () => {
    const closed = Promise.withResolvers<void>();
    const { url } = await serve((response) => {
      response.on('close', closed.resolve);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(start);
    });
    const stop = new AbortController();
    const events = createSidecarClient({ endpoint: { url } }).send('s', 'hi', { signal: stop.signal });
    await events.next();

    stop.abort();

    await expect(events.next()).rejects.toMatchObject({ name: 'AbortError' });
    await closed.promise;
  });
});

describe('calls', () => {
  it('throws refusals with status, code and sentence', async () => {
    const { url } = await serve(json({ detail: '会话不存在', code: 'SESSION_NOT_FOUND' }, 404));

    const error = await createSidecarClient({ endpoint: { url } }).history('s').catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(SidecarApiError);
    expect(error).toMatchObject({ status: 404, code: 'SESSION_NOT_FOUND', detail: '会话不存在' });
  });

  it.each([
    ['another program', (response: ServerResponse) => response.writeHead(404).end('<html>'), { status: 404, code: 'ANSWER_INVALID' }],
    ['a closed door', (response: ServerResponse) => response.destroy(), { status: 0, code: 'CONNECTION_LOST' }],
    ['half an answer', (response: ServerResponse) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"turns"', () => response.destroy());
    }, { status: 0, code: 'CONNECTION_LOST' }],
    ['a redirect', (response: ServerResponse) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), { status: 0 }],
  ])('tells %s', async (_title, answer, expected) => {
    const { url } = await serve(answer);

    await expect(createSidecarClient({ endpoint: { url } }).history('s')).rejects.toMatchObject(expected);
  });

  it('bounds a call that is never answered', async () => {
    const { url } = await serve(() => undefined);

    await expect(createSidecarClient({ endpoint: { url } }).health({ timeoutMs: 30 })).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });

  it('sends each call as the contract says', async () => {
    const { url, seen } = await serve(...Array.from({ length: 9 }, () => json({ sessions: [], files: [], chapters: [] })), json(null, 204));
    const client = createSidecarClient({ endpoint: { url: `${url}/` } });

    await client.createSession({ chapter_id: 'c/ch' });
    await client.listSessions({ limit: 2 });
    await client.skipTask('s', { reason: '已掌握' });
    await client.cancel('s');
    await client.writeFile('s', { name: '数据/a b.py', content: 'x' }, { ifMatch: '"e"' });
    await client.chapters({ courseId: 'c' });
    await client.runCode('s', { code: '1' });
    await client.upload('s', [{ name: 'd.csv', content: new Blob(['a']) }]);
    await client.writeNotebook('s', { path: 'n.ipynb', notebook: {} });
    await client.deleteSession('s', { force: true });

    expect(seen.map(({ method, url: path }) => `${method} ${decodeURIComponent(path)}`)).toEqual([
      'POST /api/session/new', 'GET /api/sessions?limit=2', 'POST /api/session/s/skip-task', 'POST /api/session/s/message/cancel',
      'PUT /api/session/s/workspace/files/数据/a b.py', 'GET /api/courses/c/chapters', 'POST /api/session/s/code/run',
      'POST /api/session/s/upload', 'PUT /api/session/s/notebook/file?path=n.ipynb', 'DELETE /api/session/s?force=true',
    ]);
    expect(seen[4]!.headers['if-match']).toBe('"e"');
    expect(seen[7]!.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
  });

  it('follows a session across a lost connection until it is told to stop', async () => {
    const { url, seen } = await serve(
      sse(chunk(7, 'a'), 'break'),
      (response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunk(8, 'b')),
    );
    const stop = new AbortController();
    const ids: string[] = [];

    for await (const { id } of createSidecarClient({ endpoint: { url } }).follow('s', { lastEventId: '3.6', signal: stop.signal })) {
      ids.push(id);
      if (ids.length === 2) stop.abort();
    }

    expect(ids).toEqual(['3.7', '3.8']);
    expect(seen.map(({ headers }) => headers['last-event-id'])).toEqual(['3.6', '3.7']);
  });
});
