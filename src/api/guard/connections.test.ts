import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, it } from 'vitest';
import { limitConnections } from './connections.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

/** A server of at most two connections that answers only when told to. */
async function openServer() {
  const waiting: ServerResponse[] = [];
  const arrivals: (() => void)[] = [];
  const server = createServer((_request, response) => {
    waiting.push(response);
    arrivals.shift()?.();
  });
  limitConnections(server, 2);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const clients: Socket[] = [];
  const open = async () => {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    clients.push(client);
    const closed = new Promise<'closed'>((resolve) => {
      client.on('error', () => undefined).once('close', () => resolve('closed'));
    });
    await Promise.all([new Promise((resolve) => client.once('connect', resolve)), new Promise((resolve) => server.once('connection', resolve))]);
    return { client, closed };
  };
  return {
    open,
    async ask(client: Socket): Promise<ServerResponse> {
      const arrived = new Promise<void>((resolve) => arrivals.push(resolve));
      client.write(REQUEST);
      await arrived;
      return waiting.at(-1)!;
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

it('ends the connection that has been idle longest when there are too many', async () => {
  await using server = await openServer();
  const first = await server.open();
  const second = await server.open();
  const third = await server.open();

  expect(await first.closed).toBe('closed');
  expect([second.client.destroyed, third.client.destroyed]).toEqual([false, false]);
});

it('never ends a connection in the middle of an answer', async () => {
  await using server = await openServer();
  const busy = await server.open();
  const answer = await server.ask(busy.client);
  const idle = await server.open();
  const fresh = await server.open();

  expect(await idle.closed).toBe('closed');
  answer.end('done');
  const [text] = await new Promise<Buffer[]>((resolve) => busy.client.once('data', (chunk: Buffer) => resolve([chunk])));
  expect(String(text)).toContain('done');
  expect(fresh.client.destroyed).toBe(false);
});

it('refuses a new connection when all others are busy', async () => {
  await using server = await openServer();
  for (let index = 0; index < 2; index += 1) await server.ask((await server.open()).client);

  expect(await (await server.open()).closed).toBe('closed');
});

it('counts a connection as idle again after its answer', async () => {
  await using server = await openServer();
  const first = await server.open();
  first.client.resume();
  const answer = await server.ask(first.client);
  await new Promise<void>((resolve) => {
    answer.once('close', resolve);
    answer.end('done');
  });
  await server.open();
  await server.open();

  expect(await first.closed).toBe('closed');
});
