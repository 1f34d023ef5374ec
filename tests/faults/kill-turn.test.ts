import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { companionReply, gate, inPieces, memoReply, text } from '../support/provider/index.ts';
import type { Match, Part } from '../support/provider/index.ts';
import { CA, MA, RMA, SMALL, scriptQuietly, startTutor } from '../support/tutor.ts';
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

const UNLOCKING = companionReply({ judgement: { checkpoint: true } });
const HERE = gate('here');

/** Every kept answer agrees, nothing runs, nothing is half there. */
async function expectLegal(committed: number): Promise<void> {
  const history = await tutor.history(session);
  const state = await tutor.state(session);
  const { turns } = await tutor.usage(session);
  const { body } = await tutor.sidecar.call('GET', '/api/sessions');
  expect(history.map((past) => past.turn_index)).toEqual(Array.from({ length: committed }, (_value, index) => index));
  expect(state).toMatchObject({ turn_index: committed, session_id: session });
  expect(turns.map((turn: any) => turn.turn_index)).toEqual(history.map((past) => past.turn_index));
  expect(body.sessions.find((row: any) => row.session_id === session)).toMatchObject({ turn_index: committed, busy: false });
  expect((await tutor.report(session)) === '').toBe(committed === 0);
  expect((await readdir(tutor.sessionsDir)).filter((name) => /^\.(new|trash)|tmp|~$/.test(name))).toEqual([]);
}

describe('a process that is killed', () => {
  it.each<[string, (readonly [Match, readonly Part[]])[]]>([
    ['before the model says anything', [[CA, [HERE]]]],
    ['in the judgement', [[CA, [text('@@judgement {"check'), HERE]]]],
    ['in the text', [[CA, [...inPieces(companionReply({ prose: 'Look here.', record: null })), HERE]]]],
    ['in the plan', [[CA, [text(UNLOCKING)]], [RMA, [text('{"packet"'), HERE]]]],
    ['before the second answer', [[CA, [text(UNLOCKING)]], [CA, [HERE]]]],
    ['in the repair of the record', [[CA, [text(companionReply({ record: null }))]], [SMALL, [HERE]]]],
  ])('%s leaves no trace of the turn, and the next message needs no reattach', async (_title, replies) => {
    await tutor.sidecar.turn(session, 'first');
    const before = await tutor.trace(session);
    for (const [match, parts] of replies) tutor.provider.script(match, [...parts]);
    const stream = await tutor.sidecar.send(session, 'second');
    const start = await stream.until('start');
    await tutor.provider.reached('here');

    await tutor.restart('SIGKILL');

    expect(await tutor.trace(session)).toEqual(before);
    await expectLegal(1);
    await using resumed = await tutor.sidecar.events(session, start.id);
    expect((await resumed.next())?.data).toMatchObject({ type: 'stream_reset', turn_index: 1 });
    expectOrder(await tutor.sidecar.turn(session, 'again'), 'locked');
    await expectLegal(2);
  });

  it('in the memo keeps the turn, gives it its `complete` frame, and remembers later', async () => {
    tutor.provider.script(MA, [HERE, text(memoReply())]);
    const stream = await tutor.sidecar.send(session, 'first');
    const last = await stream.until((event) => event.data['phase'] === 'remembering');
    await tutor.provider.reached('here');
    const notes = memoReply({ observations: { add: ['reads headers first'], drop: [] } });
    tutor.provider.always(MA, [gate('again'), text(notes)]);

    await tutor.restart('SIGKILL');

    const resumed = await tutor.sidecar.events(session, last.id);
    expect((await resumed.next())?.data).toMatchObject({ type: 'complete', turn_index: 1, report_ready: true });
    await tutor.provider.reached('again');
    tutor.provider.release('again');
    const usage = await resumed.until('token_usage');
    expect((await resumed.until('report_updated')).data).toMatchObject({ turn_index: 0 });
    await expectLegal(1);
    const [past] = await tutor.history(session);
    expect(past.token_usage.MA).toMatchObject({ input_tokens: usage.data['input_tokens'], output_tokens: usage.data['output_tokens'] });
    expectOrder(await tutor.sidecar.turn(session, 'next'), 'locked');
    expect(tutor.provider.requests.filter((request) => request.model === CA).at(-1)!.text).toContain('reads headers first');
  });

  it('at any frame of a turn has either all of it or nothing', async () => {
    let committed = 0;
    for (const seen of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, Infinity]) {
      tutor.provider.script(CA, inPieces(companionReply({ prose: 'Look at the header. Then count.' })));
      const stream = await tutor.sidecar.send(session, `message ${seen}`);
      for (let count = 0; count < seen; count += 1) if (await stream.next() === null) break;
      const isSurelyCommitted = stream.events.some((event) => event.type === 'complete' || event.data['phase'] === 'remembering');

      await tutor.restart('SIGKILL');
      tutor.provider.reset();
      scriptQuietly(tutor.provider);

      const history = await tutor.history(session);
      if (isSurelyCommitted) expect(history).toHaveLength(committed + 1);
      committed = history.length;
      await expectLegal(committed);
      if (history.at(-1)?.user_message === `message ${seen}`) expect(history.at(-1).companion_response).toContain(textOf(dataOf(stream.events)));
    }
    expect(committed).toBeGreaterThan(0);
  });
});
