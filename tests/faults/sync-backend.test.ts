import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startBackendServer } from '../support/backend-server.ts';
import type { BackendReply, BackendServer, SeenRequest } from '../support/backend-server.ts';
import { gate, within } from '../support/provider/index.ts';
import { CA, GREETING, startTutor } from '../support/tutor.ts';
import type { Tutor } from '../support/tutor.ts';
import { expectOrder } from '../support/turn-order.ts';

const TOKEN = 'backend-token-1';
const ACCEPT: BackendReply = { status: 201 };

/** A backend whose requests can be waited for. */
interface Watched { server: BackendServer; answer(reply: (request: SeenRequest) => BackendReply): void; until(fits: (request: SeenRequest) => boolean): Promise<SeenRequest> }

function watch(server: BackendServer): Watched {
  let decide: (request: SeenRequest) => BackendReply = () => ACCEPT;
  let waiting: (() => void)[] = [];
  server.reply = (request) => {
    const reply = decide(request);
    for (const wake of waiting.splice(0)) wake();
    return reply;
  };
  const until = async (fits: (request: SeenRequest) => boolean): Promise<SeenRequest> => {
    for (;;) {
      const found = server.seen.find(fits);
      if (found !== undefined) return found;
      await within(new Promise<void>((resolve) => waiting.push(resolve)), 60_000, () => `the backend saw only ${server.seen.map((seen) => seen.path).join(', ')}`);
    }
  };
  return { server, until, answer: (reply) => { decide = reply; } };
}

let tutor: Tutor;
let backend: Watched;
let session: string;
beforeEach(async () => {
  backend = watch(await startBackendServer());
  tutor = await startTutor();
  session = await tutor.sidecar.create({ backend_url: `${backend.server.url}/`, auth_token: TOKEN });
});
afterEach(async () => {
  await tutor[Symbol.asyncDispose]();
  await backend.server[Symbol.asyncDispose]();
});

const path = (kind: string, bid = session): string => `/v1/sessions/${bid}/${kind}`;
const isReportOf = (turns: number) => (request: SeenRequest): boolean =>
  request.path.endsWith('/report') && backend.server.turns.get(request.path.replace('/report', '/turns'))?.size === turns;
const reattach = async (token: string) => (await tutor.sidecar.call('POST', `/api/session/${session}/reattach`, {
  backend_url: backend.server.url, auth_token: token,
})).body;

describe('the backend', () => {
  it('gets turns in order, then memory and report, and nothing before the first commit or of a cancelled turn', async () => {
    tutor.provider.script(CA, [gate('here')]);
    const stream = await tutor.sidecar.send(session, 'never mind');
    await tutor.provider.reached('here');
    await tutor.sidecar.call('POST', `/api/session/${session}/message/cancel`);
    await stream.untilTerminal();
    const before = backend.server.seen.length;

    await tutor.sidecar.turn(session, GREETING);
    await tutor.sidecar.turn(session, 'What is a table?');
    await backend.until(isReportOf(2));

    expect(before).toBe(0);
    expect([...backend.server.turns.get(path('turns'))!]).toEqual([[0, GREETING], [1, 'What is a table?']]);
    expect(new Set(backend.server.seen.map((request) => request.authorization))).toEqual(new Set([`Bearer ${TOKEN}`]));
    const firstTurn = backend.server.seen.find((request) => request.path === path('turns'))!;
    expect(Object.keys(firstTurn.body).toSorted()).toEqual(['chapter_id', 'companion_response', 'turn_index', 'turn_outcome', 'user_message']);
    const memory = backend.server.documents.get(path('memory'));
    expect(memory).toMatchObject({
      chapter_id: 'ch1_reading_a_table', memory_json: { key_observations: expect.any(Array), memory_state: expect.any(Object) },
      agent_state: { session_state: { session_id: session }, instruction_packet: { instruction_version: 1 } },
    });
    expect(backend.server.documents.get(path('report')).report_md).toContain('## ');
    expect(new Set(backend.server.seen.map((request) => request.body.chapter_id))).toEqual(new Set(['ch1_reading_a_table']));
  });

  it('that hangs delays no turn and no stop, and gets everything once after a kill, a restart and a new token', async () => {
    backend.answer(() => 'stall');
    expectOrder(await tutor.sidecar.turn(session, 'one'), 'locked');
    await backend.until((request) => request.path === path('turns'));
    expectOrder(await tutor.sidecar.turn(session, 'two'), 'locked');
    await tutor.restart('SIGKILL');
    backend.answer(() => ACCEPT);
    backend.server.seen.length = 0;

    expectOrder(await tutor.sidecar.turn(session, 'three'), 'unlocked'); // no reattach, so no token yet; the third without progress
    const { body } = await tutor.sidecar.call('GET', '/api/diagnostics');
    const unasked = backend.server.seen.length;
    const answer = await reattach('backend-token-2');
    await backend.until(isReportOf(3));

    expect(unasked).toBe(0);
    expect(body.sync.pending).toBeGreaterThan(0);
    expect(answer).toMatchObject({ turn_index: 3, imported: false });
    expect([...backend.server.turns.get(path('turns'))!]).toEqual([[0, 'one'], [1, 'two'], [2, 'three']]);
    expect(backend.server.seen.filter((request) => request.path === path('turns')).map((request) => request.body.turn_index)).toEqual([0, 1, 2]);
    expect(new Set(backend.server.seen.map((request) => request.authorization))).toEqual(new Set(['Bearer backend-token-2']));
    expect(await tutor.sidecar.kill('SIGTERM')).toBe(0);
  });

  it('that no longer knows the session gets it registered and everything again, under its new id', async () => {
    await tutor.sidecar.turn(session, 'one');
    await backend.until(isReportOf(1));
    backend.answer((request) => {
      if (request.path.startsWith('/v1/chapters/')) return { status: 201, body: JSON.stringify({ session_id: 'remote-9' }), headers: { 'content-type': 'application/json' } };
      return request.path.includes('remote-9') ? ACCEPT : { status: 404 };
    });

    await tutor.sidecar.turn(session, 'two');
    await backend.until((request) => request.path === path('report', 'remote-9') && backend.server.turns.get(path('turns', 'remote-9'))?.size === 2);

    expect([...backend.server.turns.get(path('turns', 'remote-9'))!]).toEqual([[0, 'one'], [1, 'two']]);
    await tutor.restart('SIGKILL');
    await reattach(TOKEN);
    await tutor.sidecar.turn(session, 'three');
    await backend.until((request) => request.path === path('turns', 'remote-9') && request.body.turn_index === 2);
  });

  it('that refuses the token is asked again only with a newer one', async () => {
    backend.answer((request) => (request.authorization === `Bearer ${TOKEN}` ? { status: 401 } : ACCEPT));
    await tutor.sidecar.turn(session, 'one');
    await backend.until((request) => request.path === path('turns'));
    await tutor.sidecar.turn(session, 'two');
    const refused = backend.server.seen.length;

    await reattach('backend-token-2');
    await backend.until(isReportOf(2));

    expect(refused).toBe(1);
    expect([...backend.server.turns.get(path('turns'))!]).toEqual([[0, 'one'], [1, 'two']]);
  });

  it('that dislikes one turn gets the others, and the row is told in diagnostics', async () => {
    backend.answer((request) => (request.body.user_message === 'one' ? { status: 422 } : ACCEPT));
    await tutor.sidecar.turn(session, 'one');
    await tutor.sidecar.turn(session, 'two');
    await backend.until((request) => request.path === path('report') && backend.server.turns.get(path('turns'))?.has(1) === true);

    const { body } = await tutor.sidecar.call('GET', '/api/diagnostics');
    expect(body.sync).toMatchObject({ dead_letters: 1 });
    expect([...backend.server.turns.get(path('turns'))!.keys()]).toEqual([1]);
  });

  it('hears of a skip and of an end at once, but of no final report', async () => {
    await tutor.sidecar.turn(session, 'one');
    await backend.until(isReportOf(1));
    await tutor.sidecar.call('POST', `/api/session/${session}/skip-task`, { reason: '太难了' });
    await backend.until((request) => request.body.agent_state?.session_state.skip_log.length === 1);
    const { body } = await tutor.sidecar.call('POST', `/api/session/${session}/end`);
    await backend.until((request) => request.body.agent_state?.session_state.end_confirmed === true);

    expect(JSON.stringify(backend.server.seen.map((request) => request.body))).not.toContain(String(body.final_report).split('\n')[0]);
  });
});
