import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startComposed, TOKEN } from '../support/composed-server.ts';

const hasIpv6 = await new Promise<boolean>((resolve) => {
  const probe = createServer().once('error', () => resolve(false));
  probe.listen(0, '::1', () => probe.close(() => resolve(true)));
});

describe('settings that change limits', () => {
  it('are told in capabilities, and hold', async () => {
    await using server = await startComposed({ env: { MAX_INPUT_LENGTH: '500', TURN_MEMO_WAIT_MS: '0' } });
    const session = await server.create();
    const send = async (json: unknown) => {
      const answer = await server.request('POST', `/api/session/${session}/message/stream`, { json });
      return [answer.status, answer.json()] as const;
    };

    const { limits } = (await server.request('GET', '/api/capabilities')).json();

    expect(limits).toMatchObject({ message_chars: 500, memo_wait_ms: 0, skip_reason_chars: 200 });
    expect(await send({ message: '字'.repeat(501) })).toEqual([422, { detail: expect.stringContaining('500'), code: 'MESSAGE_TOO_LONG' }]);
  });

  it('leave the limits of the contract where they are not set', async () => {
    await using server = await startComposed();

    expect((await server.request('GET', '/api/capabilities')).json().limits).toMatchObject({ message_chars: 10_000, memo_wait_ms: 8_000 });
  });
});

it.each<[string, Record<string, unknown>, string]>([
  ['an empty text before a wrong id', { message: '', client_turn_id: '!!' }, 'MESSAGE_EMPTY'],
  ['a long text before a wrong id', { message: 'x'.repeat(10_001), client_turn_id: 5 }, 'MESSAGE_TOO_LONG'],
  ['a wrong id', { message: 'x', client_turn_id: '!!' }, 'VALIDATION_FAILED'],
  ['a missing text', { client_turn_id: '!!' }, 'VALIDATION_FAILED'],
])('a message is refused for %s', async (_title, json, code) => {
  await using server = await startComposed();

  const answer = await server.request('POST', `/api/session/${await server.create()}/message/stream`, { json });

  expect([answer.status, answer.json().code]).toEqual([422, code]);
});

it('a reattach with an address that may not be used goes on, and diagnostics say why it was left out', async () => {
  await using server = await startComposed();
  const session = await server.create();

  const answer = await server.request('POST', `/api/session/${session}/reattach`, { json: { backend_url: 'http://evil.example', auth_token: 't' } });

  expect([answer.status, answer.json()]).toEqual([200, { status: 'already_attached', turn_index: 0, imported: false }]);
  expect((await server.request('GET', '/api/diagnostics')).json().imports).toEqual([
    { session_id: session, problem: 'backend_url: scheme or host, the address and its token are ignored' },
  ]);
});

it('a session that was made with a one-segment chapter and its course is found again under that id', async () => {
  await using server = await startComposed();
  const scope = { chapter_id: 'ch1_reading_a_table', course_id: 'python_first_steps', chapter_code: 'ch1', scope_id: 'python_first_steps/ch1_reading_a_table' };
  const session = await server.create({ chapter_id: 'ch1_reading_a_table', desktop_context: { chapter_scope: scope } });

  const { sessions } = (await server.request('GET', '/api/sessions')).json();

  expect(sessions).toMatchObject([{ session_id: session, chapter_id: 'ch1_reading_a_table' }]);
});

describe.runIf(hasIpv6)('the IPv6 loopback address', () => {
  it('is an origin of our page, as it is the address that is printed', async () => {
    await using server = await startComposed({ env: { HOST: '::1', SIDECAR_WORKBENCH: 'on' } });
    const post = async (origin: string): Promise<number> => (await fetch(`${server.url}/api/session/new`, {
      method: 'POST', body: JSON.stringify({ chapter_id: 'python_first_steps/ch1_reading_a_table' }),
      headers: { origin, authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    })).status;

    expect(server.url).toBe(`http://[::1]:${server.port}`);
    expect([await post(server.url), await post(`http://[::1]:${server.port + 1}`)]).toEqual([200, 403]);
  });

  it('is no origin of ours while we listen elsewhere', async () => {
    await using server = await startComposed({ env: { SIDECAR_WORKBENCH: 'on' } });

    expect((await server.request('GET', '/api/sessions', { headers: { origin: `http://[::1]:${server.port}` } })).status).toBe(403);
  });
});
