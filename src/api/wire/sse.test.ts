import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { streamFrames, writeText } from './sse.ts';
import type { FrameSource } from './sse.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** A real response, its socket on the client's side, and what the client has read. */
async function openResponse() {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>();
  const server = createServer((_request, response) => resolve(response));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const client: Socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const received: string[] = [];
  const ended = new Promise<void>((done) => {
    client.once('close', () => done());
  });
  const response = await promise;
  return {
    response, client, ended,
    read(): void {
      client.on('data', (chunk: Buffer) => received.push(chunk.toString()));
    },
    /** The body without chunk marks, and whether it came to its proper end. */
    text: () => received.join('').replace(/^.*?\r\n\r\n/s, '').replaceAll(/(^|\r\n)[0-9a-f]+\r\n/g, ''),
    isWhole: () => received.join('').endsWith('0\r\n\r\n'),
    head: () => received.join('').split('\r\n\r\n')[0] ?? '',
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function sourceOf(frames: AsyncIterable<string>) {
  const drop = new AbortController();
  const state = { disposed: 0 };
  const source: FrameSource = { frames, dropped: drop.signal, [Symbol.asyncDispose]: async () => { state.disposed += 1; } };
  return { source, drop, state };
}

async function* yields(...frames: readonly string[]): AsyncGenerator<string> {
  yield* frames;
}

it('writes the frames as they are, under the head of the contract, and ends the body', async () => {
  await using wire = await openResponse();
  wire.read();
  const { source, state } = sourceOf(yields('id: 1.1\ndata: {"type": "start"}\n\n', 'id: 1.2\ndata: {"type": "complete"}\n\n'));

  await streamFrames(wire.response, source, { retryMs: 1_000 });
  wire.client.end();
  await wire.ended;

  expect(wire.text()).toContain('retry: 1000\n\nid: 1.1\ndata: {"type": "start"}\n\nid: 1.2\ndata: {"type": "complete"}\n\n');
  expect(wire.isWhole()).toBe(true);
  expect(wire.head().toLowerCase()).toMatch(/content-type: text\/event-stream; charset=utf-8\r\nx-accel-buffering: no/);
  expect(state.disposed).toBeGreaterThan(0);
});

it('cuts the connection of a reader that was given up, and gives the source back', async () => {
  await using wire = await openResponse();
  wire.read();
  const never = Promise.withResolvers<string>();
  const { source, drop, state } = sourceOf((async function* wait() {
    yield 'id: 1.1\n\n';
    yield await never.promise;
  })());

  const streaming = streamFrames(wire.response, source);
  drop.abort();
  await wire.ended;
  never.resolve('id: 1.2\n\n');
  await streaming;

  expect(wire.isWhole()).toBe(false);
  expect(wire.text()).not.toContain('1.2');
  expect(state.disposed).toBeGreaterThan(0);
});

it('gives the source back as soon as the reader leaves, also while nothing comes', async () => {
  await using wire = await openResponse();
  const left = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const source: FrameSource = {
    frames: (async function* wait() {
      await end.promise;
      yield 'late';
    })(),
    dropped: new AbortController().signal,
    [Symbol.asyncDispose]: async () => left.resolve(),
  };

  const streaming = streamFrames(wire.response, source);
  wire.client.destroy();
  await left.promise;
  end.resolve();

  await expect(streaming).resolves.toBeUndefined();
});

it('cuts the connection when its source fails, so that nobody takes that for the end', async () => {
  await using wire = await openResponse();
  wire.read();
  const { source, state } = sourceOf((async function* fail() {
    yield 'id: 1.1\n\n';
    throw new Error('the source broke');
  })());

  await expect(streamFrames(wire.response, source)).rejects.toThrow('the source broke');
  await wire.ended;

  expect(wire.isWhole()).toBe(false);
  expect(state.disposed).toBeGreaterThan(0);
});

it('sends a comment after ten quiet seconds, and again after ten more', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  await using wire = await openResponse();
  wire.read();
  const end = Promise.withResolvers<void>();
  const { source } = sourceOf((async function* wait() {
    await end.promise;
    yield 'last\n\n';
  })());

  const streaming = streamFrames(wire.response, source);
  vi.advanceTimersByTime(9_999);
  const early = vi.getTimerCount();
  vi.advanceTimersByTime(10_001);
  end.resolve();
  await streaming;
  wire.client.end();
  await wire.ended;

  expect(wire.text()).toContain(': ping\n\n: ping\n\nlast\n\n');
  expect(wire.text().match(/ping/g)).toHaveLength(2);
  expect([early, vi.getTimerCount()]).toEqual([1, 0]);
});

it('tells that the reader is gone when the response is over or destroyed', async () => {
  await using one = await openResponse();
  await using other = await openResponse();
  one.response.end();
  other.response.destroy();

  expect([await writeText(one.response, 'x'), await writeText(other.response, 'x')]).toEqual(['gone', 'gone']);
});

it('waits for a slow reader, and stops waiting when it leaves', async () => {
  await using slow = await openResponse();
  await using leaving = await openResponse();
  const big = 'x'.repeat(32 * 1024 * 1024);

  const sent = writeText(slow.response, big);
  const waiting = slow.response.writableNeedDrain;
  slow.read();
  const gone = writeText(leaving.response, big);
  leaving.client.destroy();

  expect(waiting).toBe(true);
  expect([await sent, await gone]).toEqual(['sent', 'gone']);
  expect(slow.response.listenerCount('drain') + leaving.response.listenerCount('close')).toBeLessThanOrEqual(2);
});
