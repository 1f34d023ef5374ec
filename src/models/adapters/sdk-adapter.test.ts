import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { FAULTS, createProvider, finish, gate, raw, refusal, status, text, type Provider } from '../../../tests/support/provider/index.ts';
import type { AdapterCall, AdapterPart } from '../adapter-port.ts';
import { initialShape } from '../quirks.ts';
import { KEY, replyRequest } from '../test-models.ts';
import { UpstreamError } from '../upstream-error.ts';
import { loadSdkAdapter } from './index.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createProvider();
});
afterAll(async () => {
  await provider.close();
});
beforeEach(() => provider.reset());
afterEach(() => vi.restoreAllMocks());

function callTo(protocol: 'openai' | 'anthropic', change: Partial<AdapterCall> = {}, base = provider.url): AdapterCall {
  const url = base + (protocol === 'openai' ? '/v1/chat/completions' : '/v1/messages');
  const endpoint = { provider: protocol, url, apiKey: KEY, model: 'tutor-1', temperature: null };
  return { request: replyRequest(), endpoint, shape: initialShape(endpoint), rung: null, onActivity: () => undefined, ...change };
}

async function read(call: AdapterCall, signal: AbortSignal = AbortSignal.timeout(60_000)): Promise<{ parts: AdapterPart[]; error: unknown }> {
  const adapter = await loadSdkAdapter();
  const parts: AdapterPart[] = [];
  try {
    for await (const part of adapter.stream(call, signal)) parts.push(part);
    return { parts, error: null };
  } catch (error) {
    return { parts, error };
  }
}

/** Everything the library could print, and every promise nobody waits for. */
function watchForNoise(): { calls: () => unknown[]; [Symbol.dispose](): void } {
  const spies = (['error', 'warn', 'log', 'info'] as const).map((name) => vi.spyOn(console, name).mockImplementation(() => undefined));
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown) => void rejections.push(reason);
  process.on('unhandledRejection', onRejection);
  process.on('warning', onRejection);
  return {
    calls: () => [...spies.flatMap((spy) => spy.mock.calls), ...rejections],
    [Symbol.dispose]: () => {
      process.off('unhandledRejection', onRejection);
      process.off('warning', onRejection);
    },
  };
}

describe.each(['openai', 'anthropic'] as const)('traps of the library (%s)', (protocol) => {
  it.each([
    ['an error before the first byte', () => status(500)],
    ['an error inside the stream', () => FAULTS.errorMidStream.reply('Hello there')],
    ['a broken event', () => FAULTS.malformedJson.reply('Hello there')],
    ['a cut stream', () => FAULTS.cutMidStream.reply('Hello there')],
  ])('throws %s, prints nothing and leaves no rejected promise', async (_title, reply) => {
    using noise = watchForNoise();
    provider.enqueue(reply());

    const { error } = await read(callTo(protocol));
    await delay(20);

    expect(error).toBeInstanceOf(UpstreamError);
    expect(noise.calls()).toEqual([]);
  });

  it.each([
    ['a status', () => status(503)],
    ['an overload as the first event', () => FAULTS.errorAtStart.reply('')],
  ])('asks once after %s', async (_title, reply) => {
    provider.always(() => true, reply());

    await read(callTo(protocol));

    expect(provider.requests).toHaveLength(1);
  });

  it('throws at once on abort, quietly, with what was streamed already delivered', async () => {
    using noise = watchForNoise();
    const controller = new AbortController();
    provider.enqueue([text('one '), gate('never')]);
    const stream = (await loadSdkAdapter()).stream(callTo(protocol), controller.signal)[Symbol.asyncIterator]();
    const first = await stream.next();

    controller.abort();
    const error: unknown = await stream.next().catch((failure: unknown) => failure);
    const request = await provider.nextRequest();
    await request.closed;
    await delay(20);

    expect(first.value).toEqual({ type: 'text', text: 'one ' });
    expect(error).toMatchObject({ facts: { kind: 'cancelled' } });
    expect(request.state).toBe('client_closed');
    expect(noise.calls()).toEqual([]);
  });

  it('waits for a first byte no longer than its signal', async () => {
    provider.enqueue(FAULTS.stallBeforeHeaders.reply(''));

    const { error } = await read(callTo(protocol), AbortSignal.timeout(60));

    expect(error).toMatchObject({ facts: { kind: 'cancelled' } });
  });

  it('sends roles that alternate, the key in its header only, and no word of the library', async () => {
    provider.enqueue(text('ok'));
    const messages = [
      { role: 'system' as const, content: 'rules' }, { role: 'assistant' as const, content: 'earlier' }, { role: 'user' as const, content: '1' },
      { role: 'user' as const, content: '2' }, { role: 'system' as const, content: 'mode' },
    ];

    await read(callTo(protocol, { request: replyRequest({ messages }) }));

    provider.assertClean();
    const request = provider.requests[0]!;
    expect(request.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(request.system).toBe('rules');
    expect(request.lastMessage).toBe('1\n\n2\n\nmode');
    expect(request.rawBody).not.toContain(KEY);
    expect(request.headers['user-agent']).toBe('sidecar');
  });

  it('tells of bytes that carry no text', async () => {
    const onActivity = vi.fn<() => void>();
    provider.enqueue(FAULTS.keepAlives.reply('Hello'));

    await read(callTo(protocol, { onActivity }));

    expect(onActivity.mock.calls.length).toBeGreaterThan(2);
  });
});

it('marks the stable prefix for the cache of the messages protocol', async () => {
  provider.enqueue(text('ok'));

  await read(callTo('anthropic'));

  expect(provider.requests[0]!.body['system']).toEqual([{ type: 'text', text: 'You are a tutor.', cache_control: { type: 'ephemeral' } }]);
  expect(provider.requests[0]!.headers['anthropic-version']).toBe('2023-06-01');
});

it.each([
  ['openai', 'data: {"type":"status","progress":1}\n\n'],
  ['anthropic', 'event: future\ndata: {"type":"future_event","x":1}\n\n'],
] as const)('passes over an event that carries no content (%s)', async (protocol, frame) => {
  provider.enqueue([text('one '), raw(frame), text('two')]);

  const { parts, error } = await read(callTo(protocol));

  expect(error).toBeNull();
  expect(parts.map((part) => (part.type === 'text' ? part.text : '')).join('')).toBe('one two');
});

it('asks for JSON by that word where the object mode demands it', async () => {
  provider.enqueue(text('{}'));
  const request = replyRequest({ structure: { name: 'plan', schema: { type: 'object' } } });

  await read(callTo('openai', { request, rung: 'json_object' }));

  provider.assertClean();
  expect(provider.requests[0]!.system).toContain('JSON');
});

it('never shows a refusal, whatever the finish reason says', async () => {
  provider.enqueue([refusal('I cannot help with that.'), finish('stop')]);

  const { parts, error } = await read(callTo('openai'));

  expect(parts).toEqual([]);
  expect(error).toMatchObject({ facts: { kind: 'content_filter' } });
});

it('goes nowhere but to its endpoint', async () => {
  const fetched = vi.spyOn(globalThis, 'fetch');
  provider.enqueue(text('ok'));

  await read(callTo('openai'));

  expect(fetched.mock.calls.map(([url]) => url)).toEqual([`${provider.url}/v1/chat/completions`]);
});

describe('answers that are no stream', () => {
  it.each([
    ['a reply without end', { contentType: 'text/event-stream', piece: 'x'.repeat(1024 * 1024), times: 20 }, { kind: 'unreadable', what: 'more than a reply may hold' }],
    ['an error object with status 200', { contentType: 'application/json', piece: '{"error":{"message":"Rate limit"}}', times: 1 }, { kind: 'reported' }],
    ['a completion in one piece', { contentType: 'application/json', piece: '{"choices":[]}', times: 1 }, { kind: 'unreadable' }],
  ])('names %s', async (_title, { contentType, piece, times }, expected) => {
    const server = createServer((message, response) => {
      message.resume().on('end', () => {
        response.writeHead(200, { 'content-type': contentType });
        write(response, piece, times);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { error } = await read(callTo('openai', {}, `http://127.0.0.1:${(server.address() as AddressInfo).port}`));

      expect(error).toMatchObject({ facts: expected });
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

function write(response: ServerResponse, piece: string, times: number): void {
  if (times === 0 || response.destroyed) return void response.end();
  response.write(`${piece}`, () => write(response, piece, times - 1));
}
