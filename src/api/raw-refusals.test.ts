import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, it } from 'vitest';
import { createGuard } from './guard/index.ts';
import { createRawRefusals } from './raw-refusals.ts';

/** An HTTP server that refuses what is no request, with nothing else behind it. */
async function openServer() {
  const server = createServer((_request, response) => response.end('ok'));
  const guard = createGuard({
    token: 'token', mode: 'token', allowedOrigins: [], desktopOrigins: [], ownOrigins: () => [], hosts: () => new Set(['x']),
  });
  const refusals = createRawRefusals(server, { guard, mintId: () => 'req_1', language: 'zh' });
  server.on('clientError', (_error, socket) => refusals.refuseSocket(socket as Socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const open = new Set<Socket>();
  return {
    connect: (halfOpen = false): Socket => {
      const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: halfOpen });
      socket.on('error', () => undefined);
      open.add(socket);
      return socket;
    },
    connections: async (): Promise<number> => await new Promise((resolve) => server.getConnections((_error, count) => resolve(count))),
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => { text += chunk.toString(); });
  await new Promise((resolve) => socket.once('end', resolve));
  return text;
}

it('answers what is no HTTP in the form and language of the contract, and ends the connection', async () => {
  await using server = await openServer();
  const socket = server.connect();
  socket.write('\0\r\n\r\n');

  const [head, body] = (await readAll(socket)).split('\r\n\r\n');

  expect(head!.split('\r\n').toSorted()).toEqual([
    'HTTP/1.1 400 Refused', 'cache-control: no-store', 'connection: close', `content-length: ${Buffer.byteLength(body!)}`,
    'content-type: application/json; charset=utf-8', 'cross-origin-resource-policy: same-origin', 'referrer-policy: no-referrer',
    'x-content-type-options: nosniff', 'x-request-id: req_1',
  ]);
  expect(JSON.parse(body!)).toEqual({ detail: '请求格式不正确', code: 'BAD_REQUEST' });
});

it('lets a client go that has read its refusal and never closes', async () => {
  await using server = await openServer();
  const socket = server.connect(true);
  socket.write('\0\r\n\r\n');
  await readAll(socket);

  // Bounded by the time limit of the test; a socket that stays would stay for ever.
  while (await server.connections() > 0) await new Promise((resolve) => setTimeout(resolve, 20));

  expect(socket.destroyed).toBe(false); // it was the server that ended it
});

it('is silent to a client that has gone, and still serves the next one', async () => {
  await using server = await openServer();
  const gone = server.connect();
  gone.write('\0\r\n\r\n');
  gone.destroy();
  const next = server.connect();
  next.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');

  expect(await readAll(next)).toContain('200 OK');
});
