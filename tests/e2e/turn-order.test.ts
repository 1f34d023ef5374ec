import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAULTS, breakOff, companionReply, gate, inPieces, memoReply, status, structured } from '../support/provider/index.ts';
import { requireGapFree } from '../support/sse-client.ts';
import { CA, GREETING, MA, RMA, SMALL, scriptQuietly, scriptUnlock, startTutor } from '../support/tutor.ts';
import type { Tutor } from '../support/tutor.ts';
import { dataOf, expectOrder, noticesOf, textOf } from '../support/turn-order.ts';

let tutor: Tutor;
let session: string;
beforeAll(async () => { tutor = await startTutor(); });
beforeEach(async () => {
  tutor.provider.reset();
  scriptQuietly(tutor.provider);
  session = await tutor.sidecar.create();
});
afterAll(async () => { await tutor[Symbol.asyncDispose](); });

const send = async (message = 'What is a table?') => {
  const stream = await tutor.sidecar.send(session, message);
  await stream.untilTerminal();
  await stream.untilEnd();
  requireGapFree(stream.events);
  return dataOf(stream.events);
};

describe('the order of events', () => {
  it('of a greeting and of an introduction after a skip', async () => {
    const greeting = await send(GREETING);
    await tutor.sidecar.call('POST', `/api/session/${session}/skip-task`, { reason: '太难了' });
    const introduction = await send('[TASK_SKIPPED]');

    expectOrder(greeting, 'internal');
    expectOrder(introduction, 'internal');
    expect([greeting[0]!['kind'], introduction[0]!['kind']]).toEqual(['greeting', 'task_skipped']);
    expect(tutor.provider.requests.map((request) => request.model)).toEqual([CA, CA]);
    expect((await tutor.history(session)).map((turn) => turn.user_message)).toEqual([GREETING, '[TASK_SKIPPED]']);
  });

  it('of a locked turn, with one companion call', async () => {
    const events = await send();

    expectOrder(events, 'locked');
    expect(tutor.provider.requests.map((request) => request.model)).toEqual([CA, MA]);
  });

  it('of a spoken skip, without a planner', async () => {
    scriptUnlock(tutor.provider, { judgement: { skip: 'asked:too_hard' } });

    const events = await send('skip this please');

    expectOrder(events, 'locked');
    expect(tutor.provider.requests.map((request) => request.model)).toEqual([CA, CA, MA]);
  });

  it('of an unlocked turn', async () => {
    scriptUnlock(tutor.provider, { judgement: { checkpoint: true } });

    const events = await send('done');

    expectOrder(events, 'unlocked');
    expect(textOf(events)).toBe('Here is the new step.');
  });

  it('of a turn whose planner fails: the packet stays', async () => {
    scriptUnlock(tutor.provider, { judgement: { checkpoint: true } });
    tutor.provider.always(RMA, status(400, { error: { message: 'no' } }));

    const events = await send('done');

    expectOrder(events, 'unlocked');
    expect(noticesOf(events)).toEqual(['planner_degraded']);
    expect((await tutor.state(session)).current_instruction_version).toBe(1);
  });

  it('of a turn whose memo fails', async () => {
    tutor.provider.always(MA, status(400, { error: { message: 'no' } }));

    const events = await send();

    expectOrder(events, 'locked');
    expect(noticesOf(events)).toEqual(['memo_degraded']);
  });

  it('of a turn whose memo is late', async () => {
    tutor.provider.script(MA, [gate('memo'), ...inPieces(memoReply())]);

    const stream = await tutor.sidecar.send(session, 'What is a table?');
    await tutor.provider.reached('memo');
    const cancel = await tutor.sidecar.call('POST', `/api/session/${session}/message/cancel`); // cuts the wait short
    tutor.provider.release('memo');

    const events = dataOf(await stream.untilTerminal());
    expectOrder(events, 'locked');
    expect(cancel.body).toMatchObject({ cancelled: false, outcome: 'committed' });
    expect(noticesOf(events)).toEqual(['memo_late']);
    expect(events.some((event) => event['agent'] === 'MA' && event['type'] === 'token_usage')).toBe(false);
  });

  it('of a model that fails before any text', async () => {
    tutor.provider.script(CA, FAULTS.status401.reply(''));

    const events = await send();

    expectOrder(events, 'modelFailsBeforeText');
    expect(events.at(-1)).toMatchObject({ code: 'LLM_AUTH', agent: 'CA', retryable: false });
  });

  it('of a model that fails before any text, behind the planner', async () => {
    tutor.provider.script(CA, companionReply({ judgement: { checkpoint: true } }), status(400, { error: { message: 'no' } }));

    const events = await send('done');

    expectOrder(events, 'modelFailsBeforeText');
    expect(events.map((event) => event['agent'])).toContain('RMA');
  });

  it('of a model that fails in the text', async () => {
    tutor.provider.script(CA, [...inPieces(companionReply({ prose: 'Look at the first row.\n\nThen', record: null })), breakOff('cut')]);

    const events = await send();

    expectOrder(events, 'modelFailsInText');
    expect(textOf(events)).toContain('Look at the first row.');
  });

  it('of a cancelled turn, before and in the text', async () => {
    tutor.provider.script(CA, [gate('head'), ...inPieces(companionReply())]);
    const before = await tutor.sidecar.send(session, 'one');
    await tutor.provider.reached('head');
    await tutor.sidecar.call('POST', `/api/session/${session}/message/cancel`);
    tutor.provider.script(CA, [...inPieces(companionReply({ prose: 'Look at the first row.', record: null })), gate('text')]);
    const inside = await tutor.sidecar.send(session, 'two');
    await inside.until('companion_chunk');
    await tutor.provider.reached('text');
    await tutor.sidecar.call('POST', `/api/session/${session}/message/cancel`);

    expectOrder(dataOf(await before.untilTerminal()), 'cancelledBeforeText');
    expectOrder(dataOf(await inside.untilTerminal()), 'cancelledInText');
    expect(await inside.next()).toBeNull();
  });

  it('of a cancelled turn behind its text: the text is whole', async () => {
    tutor.provider.script(CA, companionReply({ record: null }));
    tutor.provider.script(SMALL, [gate('repair')]);
    const stream = await tutor.sidecar.send(session, 'one');
    await stream.until('companion_complete');
    await tutor.provider.reached('repair');

    await tutor.sidecar.call('POST', `/api/session/${session}/message/cancel`);

    const events = dataOf(await stream.untilTerminal());
    expectOrder(events, 'cancelledInText');
    expect(events.find((event) => event['type'] === 'companion_complete')).toEqual({ type: 'companion_complete' });
  });

  it('of an unknown session: one frame', async () => {
    const stream = await tutor.sidecar.send('nobody', 'hello');

    expectOrder(dataOf(await stream.untilEnd()), 'unknownSession');
    expect(stream.events[0]).toMatchObject({ id: '0.1', data: { message: '会话不存在' } });
  });

  it.each([
    ['blank', ' \n\t', 422, 'MESSAGE_EMPTY'],
    ['too long', '😀'.repeat(10_001), 422, 'MESSAGE_TOO_LONG'],
    ['no text', 7, 422, 'VALIDATION_FAILED'],
  ])('is none for a message that is %s', async (_title, message, code, name) => {
    const answer = await tutor.sidecar.call('POST', `/api/session/${session}/message/stream`, { message });

    expect([answer.status, answer.body.code, Object.keys(answer.body)]).toEqual([code, name, ['detail', 'code']]);
    expect(tutor.provider.requests).toEqual([]);
  });

  it('is none for an ended session', async () => {
    await send();
    await tutor.sidecar.call('POST', `/api/session/${session}/end`);

    const answer = await tutor.sidecar.call('POST', `/api/session/${session}/message/stream`, { message: 'more' });

    expect([answer.status, answer.body.code]).toEqual([409, 'SESSION_ENDED']);
  });
});

it('keeps a shaped memo reply readable on every rung', async () => {
  tutor.provider.always(MA, structured(memoReply({ observations: { add: ['reads headers first'], drop: [] } })));

  expectOrder(await send(), 'locked');
  expect(noticesOf(await send('again'))).toEqual([]);
});
