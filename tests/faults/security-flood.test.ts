import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TOKEN, startComposed } from '../support/composed-server.ts';
import type { ComposedTestServer } from '../support/composed-server.ts';
import { chunks, companionReply, createProvider } from '../support/provider/index.ts';
import { sendBytes } from '../support/raw-http.ts';
import type { SseStream } from '../support/sse-client.ts';
import { API_KEY, CA, modelEnvironment, scriptQuietly } from '../support/tutor.ts';

let server: ComposedTestServer;
beforeAll(async () => {
  server = await startComposed();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** A server that is held up by those who never finish answers when their ten seconds are over, not before. */
const HELD_UP_MS = 8_000;

const openIdle = async (): Promise<Socket> => {
  const socket = connect(server.port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
};
const health = async (): Promise<{ status: number; ms: number }> => {
  const from = performance.now();
  const { status } = await server.request('GET', '/health', { authorization: '' });
  return { status, ms: performance.now() - from };
};

describe('connections (S21)', () => {
  it('are kept to 256: three hundred idle ones cost nobody an answer', async () => {
    const idle = await Promise.all(Array.from({ length: 300 }, openIdle));
    await using stream = await server.events(await server.create());

    const seen = [await health(), await health(), await health()];
    const alive = idle.filter((socket) => !socket.destroyed).length;
    for (const socket of idle) socket.destroy();

    expect(seen.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(Math.max(...seen.map(({ ms }) => ms))).toBeLessThan(HELD_UP_MS);
    expect(alive).toBeLessThanOrEqual(256);
    expect(stream.response.status).toBe(200);
  });

  it('that send their head slowly are closed after ten seconds, and health answers all the while', async () => {
    const heads = Array.from({ length: 50 }, async () => await sendBytes(server.port, [`GET /health HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nX-Slow: `]));
    const slowest = { ms: 0 };
    const done = Promise.all(heads).then((answers) => ({ answers }));
    let ended: Awaited<typeof done> | null = null;
    void done.then((result) => { ended = result; });
    while (ended === null) {
      slowest.ms = Math.max(slowest.ms, (await health()).ms);
      await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 250))]);
    }

    expect([...new Set((await done).answers.map((answer) => `${answer.status} ${answer.json().code}`))]).toEqual(['400 BAD_REQUEST']);
    expect(slowest.ms).toBeLessThan(HELD_UP_MS);
  });
});

describe('subscribers (S23)', () => {
  it('are eight a session: the ninth is told to come back, and room is made when one leaves', async () => {
    const id = await server.create();
    const streams: SseStream[] = await Promise.all(Array.from({ length: 8 }, async () => await server.events(id)));

    const ninth = await server.request('GET', `/api/session/${id}/events`);
    const other = await server.events(await server.create());
    await streams[0]!.close();
    const after = await untilAdmitted(id);
    for (const stream of [...streams, other]) await stream.close();

    expect([ninth.status, ninth.json().code]).toEqual([429, 'TOO_MANY_SUBSCRIBERS']);
    expect(Number(ninth.header('retry-after'))).toBeGreaterThan(0);
    expect(after).toBe(200);
  });

  async function untilAdmitted(id: string): Promise<number> {
    for (let attempt = 0; ; attempt += 1) {
      const { status } = await server.request('GET', `/api/session/${id}/events`);
      if (status === 200 || attempt === 100) return status;
    }
  }

  it('that never read slow down nobody: the turn goes on and is whole for the others', async () => {
    await using provider = await createProvider({ apiKey: API_KEY });
    const prose = Array.from({ length: 400 }, (_, index) => `line ${index} ${'x'.repeat(60)}`).join('\n');
    scriptQuietly(provider);
    provider.script(CA, chunks(companionReply({ prose }).match(/[\s\S]{1,400}/g)!));
    await using tutor = await startComposed({ env: modelEnvironment(provider) });
    const id = await tutor.create();
    const deaf = connect(tutor.port, '127.0.0.1');
    deaf.on('error', () => undefined).pause();
    deaf.write(`GET /api/session/${id}/events HTTP/1.1\r\nHost: 127.0.0.1:${tutor.port}\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);

    await using turn = await tutor.send(id, 'Tell me everything');
    const events = await turn.untilTerminal();
    deaf.destroy();

    expect(events.at(-1)).toMatchObject({ type: 'complete' });
    expect(events.filter(({ type }) => type === 'companion_chunk').map(({ data }) => data['content']).join('')).toContain('line 399');
  });
});

describe('an event id (S22)', () => {
  let mine: string;
  let foreign: string;
  let foreignIds: string[];
  beforeAll(async () => {
    mine = await server.create();
    foreign = await server.create();
    await using stream = await server.send(foreign, 'a message of the other session');
    foreignIds = (await stream.untilEnd()).map(({ id }) => id);
  });

  it.each([
    'of another session', '-1', '0', '1.-1', '1.1.1', '99999999999999999999.1', '1.99999999999999999999', 'NaN', "1.1' OR 1=1--", '../1', '{}', '1,1', '1e3.1',
  ])('that is not ours resets the stream and shows no foreign frame: %s', async (given) => {
    await using stream = await server.events(mine, given === 'of another session' ? foreignIds.at(-2) : given);

    const first = await stream.next();

    expect(first).toMatchObject({ type: 'stream_reset', data: { turn_index: 0 } });
    expect(stream.rawBytes.toString()).not.toContain('other session');
  });

  it('in the query counts only without the header', async () => {
    const response = await fetch(`${server.url}/api/session/${foreign}/events?after=${foreignIds[0]}`, { headers: { authorization: `Bearer ${TOKEN}` } });
    const reader = response.body!.getReader();
    let text = '';
    while (!text.includes('"complete"')) text += Buffer.from((await reader.read()).value!).toString();
    await reader.cancel();

    expect(text.startsWith('retry: 1000\n\n')).toBe(true);
    expect(text).not.toContain(`id: ${foreignIds[0]}\n`);
    expect(text).toContain(`id: ${foreignIds[1]}\n`);
  });
});

it('admits thirty creations of a hundred in a burst, and leaves nothing half-made of the rest (S25)', async () => {
  await using fresh = await startComposed();

  const answers = await Promise.all(Array.from({ length: 100 }, async () =>
    await fresh.request('POST', '/api/session/new', { json: { chapter_id: 'python_first_steps/ch1_reading_a_table' } })));

  const refused = answers.filter(({ status }) => status === 429);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(30);
  expect(refused).toHaveLength(70);
  expect(refused.every((answer) => Number(answer.header('retry-after')) > 0 && answer.json().code === 'RATE_LIMITED')).toBe(true);
  expect((await fresh.request('GET', '/api/sessions')).json().sessions).toHaveLength(30);
  expect(await fresh.folders()).toHaveLength(30);
});
