import { stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { DEFAULT_WAIT_MS, createProvider, within } from '../support/provider/index.ts';
import { collectSse, openSse, parseFrame, requireGapFree } from '../support/sse-client.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

describe('readers and folders of the tests', () => {
  const frame = (id: string, type: string) => `id: ${id}\ndata: {"type": "${type}"}\n\n`;

  async function serveSse(body: readonly string[], hold = false) {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
      for (const piece of body) response.write(piece);
      if (!hold) response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const close = async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    };
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server, [Symbol.asyncDispose]: close };
  }

  it('reads frames across pieces up to the terminal one, with comments aside', async () => {
    await using server = await serveSse(['id: 1.1\nda', 'ta: {"type": "start"}\n', '\n: ping\n\n', frame('1.2', 'complete')], true);

    const events = await collectSse({ url: server.url });

    expect(events.map((event) => [event.id, event.type])).toEqual([['1.1', 'start'], ['1.2', 'complete']]);
    expect(events[1]!.raw).toBe(frame('1.2', 'complete'));
    requireGapFree(events);
    expect(() => requireGapFree([events[1]!, events[0]!])).toThrow(/follows/);
  });

  it('bounds every wait and closes early', async () => {
    await using server = await serveSse([frame('1.1', 'start')], true);
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    server.server.on('request', (_request, response) => response.once('close', resolve));
    const stream = await openSse({ url: server.url, boundMs: 2_000 });

    await expect(stream.untilTerminal()).rejects.toThrow(/waited [\d.]+ ms: no further frame/);
    await stream.close();
    await within(gone, DEFAULT_WAIT_MS, () => 'the server still sees the connection');
  });

  it.each([
    ['a carriage return', 'id: 1.1\r\ndata: {"type": "a"}\n\n', /carriage return/],
    ['no id', 'data: {"type": "a"}\n\n', /exactly one/],
    ['two data lines', 'id: 1.1\ndata: {"type": "a"}\ndata: {}\n\n', /exactly one/],
    ['an event line', 'id: 1.1\nevent: a\ndata: {"type": "a"}\n\n', /exactly one/],
    ['type not first', 'id: 1.1\ndata: {"x": 1, "type": "a"}\n\n', /at the beginning/],
    ['no space after the colon', 'id: 1.1\ndata: {"type":"a"}\n\n', /at the beginning/],
    ['broken JSON', 'id: 1.1\ndata: {"type": "a"\n\n', /JSON/],
  ])('refuses a frame with %s', (_title, raw, message) => {
    expect(() => parseFrame(raw)).toThrow(message);
  });

  it('refuses a body that ends inside a frame, and an answer that is no stream', async () => {
    await using strict = await createProvider();
    await using cut = await serveSse(['id: 1.1\ndata: {"type']);

    await expect(collectSse({ url: cut.url })).rejects.toThrow(/inside a frame/);
    await expect(openSse({ url: `${strict.url}/nowhere`, body: {} })).rejects.toThrow(/no event stream but 404/);
  });

  it('removes a temporary folder with its files', async () => {
    let path = '';
    {
      await using folder = await createTemporaryFolder();
      path = folder.path;
      await writeFile(folder.join('a.txt'), 'x');
    }
    await expect(stat(path)).rejects.toThrow(/ENOENT/);
  });
});
