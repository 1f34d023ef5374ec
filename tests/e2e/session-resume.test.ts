import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { companionReply, gate, inPieces, speakReply, text } from '../support/provider/index.ts';
import type { SseEvent } from '../support/sse-client.ts';
import { requireGapFree } from '../support/sse-client.ts';
import { CA, scriptQuietly, startTutor } from '../support/tutor.ts';
import type { Tutor } from '../support/tutor.ts';
import { dataOf, expectOrder, textOf } from '../support/turn-order.ts';

let tutor: Tutor;
let session: string;
beforeAll(async () => { tutor = await startTutor(); });
beforeEach(async () => {
  tutor.provider.reset();
  scriptQuietly(tutor.provider);
  session = await tutor.sidecar.create();
});
afterAll(async () => { await tutor[Symbol.asyncDispose](); });

const PROSE = 'Look at the first row of the table. It names the columns.\n\nThen count the rows: how many are there? 🧮 Write down the number, and compare it.';
const raw = (events: readonly SseEvent[]): string => events.map((event) => event.raw).join('');

it('a closed connection ends nothing: the turn is committed and can be followed from any frame, byte for byte', async () => {
  tutor.provider.script(CA, [...inPieces(companionReply({ prose: PROSE }), 12).slice(0, 6), gate('rest'), ...inPieces(companionReply({ prose: PROSE }), 12).slice(6)]);
  const witness = await tutor.sidecar.events(session);
  const leaver = await tutor.sidecar.send(session, 'What now?');
  const seen = await leaver.until('companion_chunk');
  await leaver.close();
  await tutor.provider.reached('rest');
  const resumed = await tutor.sidecar.events(session, seen.id);
  tutor.provider.release('rest');

  const whole = await witness.untilTerminal();
  const rest = await resumed.untilTerminal();

  expectOrder(dataOf(whole), 'locked');
  requireGapFree(whole);
  expect(raw(leaver.events) + raw(rest)).toBe(raw(whole));
  expect(textOf(dataOf(whole))).toBe(PROSE);
  expect((await tutor.history(session))[0].companion_response).toBe(PROSE);
  for (const [index, cut] of whole.entries()) {
    await using again = await tutor.sidecar.events(session, cut.id);
    const want = raw(whole.slice(index + 1));
    while (raw(again.events).length < want.length) await again.next();
    expect(raw(again.events)).toBe(want);
  }
});

it('a resume works behind a restart too, under a new generation, and a foreign id is told', async () => {
  const first = await tutor.sidecar.send(session, 'one');
  await first.untilTerminal();
  await tutor.restart('SIGKILL');
  const cut = first.events[2]!;
  await using resumed = await tutor.sidecar.events(session, cut.id);
  await using lost = await tutor.sidecar.events(session, '1.9999');
  const other = await tutor.sidecar.create();
  await using foreign = await tutor.sidecar.events(other, cut.id);

  const second = await tutor.sidecar.send(session, 'two');
  await second.untilTerminal();
  await resumed.until((event) => event.id === second.events.at(-1)!.id);

  expect(raw(resumed.events)).toBe(raw([...first.events.slice(3), ...second.events]));
  expect(second.events[0]!.id.split('.')[0]).not.toBe(cut.id.split('.')[0]);
  expect((await lost.next())?.data).toMatchObject({ type: 'stream_reset', turn_index: 1 });
  expect((await foreign.next())?.data).toMatchObject({ type: 'stream_reset', turn_index: 0 });
});

it('without an id a reader joins the running turn at its start, else goes live and stays across turns', async () => {
  const live = await tutor.sidecar.events(session);
  tutor.provider.script(CA, [gate('here'), text(companionReply())]);
  const sender = await tutor.sidecar.send(session, 'one');
  await tutor.provider.reached('here');
  const late = await tutor.sidecar.events(session);
  tutor.provider.release('here');
  await sender.untilTerminal();
  await late.untilTerminal();
  await tutor.sidecar.turn(session, 'two');
  await live.untilTerminal();
  await live.until('complete');

  expect(raw(late.events)).toBe(raw(sender.events));
  expect(live.events.filter((event) => event.type === 'start')).toHaveLength(2);
  expect(live.comments).toContain('retry: 1000');
  requireGapFree(live.events);
});

it('of two messages at once one runs, the other is refused, and no index is used twice', async () => {
  tutor.provider.script(CA, [gate('here'), text(companionReply())]);
  const send = async (message: string) => await fetch(`${tutor.sidecar.url}/api/session/${session}/message/stream`, {
    method: 'POST', body: JSON.stringify({ message }), headers: { 'content-type': 'application/json', authorization: `Bearer ${tutor.sidecar.token}` },
  });

  const answers = await Promise.all(['a', 'b', 'c'].map(send));
  await tutor.provider.reached('here');
  tutor.provider.release('here');
  const texts = await Promise.all(answers.map(async (answer) => await answer.text()));

  expect(answers.map((answer) => answer.status).toSorted()).toEqual([200, 409, 409]);
  expect(texts.filter((body) => body.startsWith('{')).map((body) => JSON.parse(body).code)).toEqual(['SESSION_BUSY', 'SESSION_BUSY']);
  await tutor.sidecar.turn(session, 'd');
  expect((await tutor.history(session)).map((past) => past.turn_index)).toEqual([0, 1]);
});

it('a repeated client_turn_id joins the running turn and replays it when it is over, also behind a restart', async () => {
  tutor.provider.script(CA, [gate('here'), text(companionReply())]);
  const same = { client_turn_id: 'turn_1' };
  const first = await tutor.sidecar.send(session, 'one', same);
  await tutor.provider.reached('here');
  const joined = await tutor.sidecar.send(session, 'one', same);
  tutor.provider.release('here');
  await Promise.all([first.untilEnd(), joined.untilEnd()]);
  const replayed = await tutor.sidecar.send(session, 'another text', same);
  await replayed.untilEnd();
  await tutor.restart();
  const later = await tutor.sidecar.send(session, 'one', same);
  await later.untilEnd();

  expect([raw(joined.events), raw(replayed.events), raw(later.events)]).toEqual(Array(3).fill(raw(first.events)));
  expect(tutor.provider.requests.filter((request) => request.model === CA)).toHaveLength(1);
  expect(await tutor.history(session)).toHaveLength(1);
  const bad = await tutor.sidecar.call('POST', `/api/session/${session}/message/stream`, { message: 'x', client_turn_id: 'a b' });
  expect([bad.status, bad.body.code]).toEqual([422, 'VALIDATION_FAILED']);
});

it('a repeat of a message whose turn a crash erased is told so and starts nothing', async () => {
  tutor.provider.script(CA, [gate('here'), text(companionReply())]);
  await tutor.sidecar.send(session, 'one', { client_turn_id: 'turn_1' });
  await tutor.provider.reached('here');
  await tutor.restart();

  const repeat = await tutor.sidecar.send(session, 'one', { client_turn_id: 'turn_1' });
  await repeat.untilEnd();

  expect(dataOf(repeat.events)).toMatchObject([{ type: 'error', code: 'SHUTTING_DOWN' }]);
  expect(await tutor.history(session)).toEqual([]);
  expectOrder(await tutor.sidecar.turn(session, 'one', { client_turn_id: 'turn_2' }), 'locked');
});

it('nothing shown is taken back and chunks never split a character, whatever the pieces', async () => {
  tutor.provider.script(CA, companionReply({ judgement: { checkpoint: true }, prose: 'gone' }), inPieces(speakReply({ prose: '😀'.repeat(300) }), Infinity));

  const events = await tutor.sidecar.turn(session, 'done');

  expectOrder(events, 'unlocked');
  expect(textOf(events)).toBe('😀'.repeat(300));
  for (const event of events) if (event['type'] === 'companion_chunk') expect(String(event['content']).isWellFormed()).toBe(true);
});
