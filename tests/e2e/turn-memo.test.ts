import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAULTS, breakOff, companionReply, gate, inPieces, memoReply, recordReply, status, structured, text } from '../support/provider/index.ts';
import { CA, GREETING, MA, RMA, SMALL, scriptQuietly, scriptUnlock, startTutor } from '../support/tutor.ts';
import type { Tutor } from '../support/tutor.ts';
import { expectOrder, noticesOf, toldUsage } from '../support/turn-order.ts';

let tutor: Tutor;
let session: string;
beforeAll(async () => { tutor = await startTutor(); });
beforeEach(async () => {
  tutor.provider.reset();
  scriptQuietly(tutor.provider);
  session = await tutor.sidecar.create();
});
afterAll(async () => { await tutor[Symbol.asyncDispose](); });

const turn = async (message = 'What is a table?') => await tutor.sidecar.turn(session, message);
const notes = (fields: object): ReturnType<typeof structured> => structured(memoReply({ ...fields }));

describe('a memo', () => {
  it('that fails takes nothing away, the report shows this turn\'s tasks, and the next one covers both', async () => {
    tutor.provider.script(MA, notes({
      report: { activity: 'opened the file', points: [], solid: ['reads headers'], needs_support: [], next_step: 'count the rows' },
      error_entries: [{ error_type: 'coding', description: 'forgot the quotes', context: 'read_csv' }],
    }));
    await turn('one');
    const rich = await tutor.report(session);
    tutor.provider.script(MA, status(400, { error: { message: 'no' } }));
    await tutor.sidecar.call('POST', `/api/session/${session}/skip-task`, { reason: '太难了' });

    const degraded = await turn('two');
    const poor = await tutor.report(session);
    tutor.provider.script(MA, notes({ error_entries: [{ error_type: 'conceptual', description: 'mixes up rows and columns', context: 'shape' }] }));
    await turn('three');

    expectOrder(degraded, 'locked');
    expect(noticesOf(degraded)).toEqual(['memo_degraded']);
    expect(rich).toContain('reads headers');
    expect(poor).toContain('reads headers');
    expect(poor).toMatch(/skipped/i);
    const { ext } = await tutor.state(session);
    expect(ext.errors.map((entry: any) => entry.description)).toEqual(['forgot the quotes', 'mixes up rows and columns']);
    const last = tutor.provider.requests.filter((request) => request.model === MA).at(-1)!;
    expect(last.text).toContain('two');
  });

  it('that is late tells report and tokens on the event stream, and is the next turn\'s in time', async () => {
    await using hurried = await startTutor({ env: { TURN_MEMO_WAIT_MS: '0' } });
    const id = await hurried.sidecar.create();
    const live = await hurried.sidecar.events(id);
    hurried.provider.script(MA, [gate('memo'), text(memoReply({ observations: { add: ['reads headers first'], drop: [] } }))]);

    const events = await hurried.sidecar.turn(id, 'What is a table?');
    await hurried.provider.reached('memo');
    hurried.provider.release('memo');
    const usage = await live.until((event) => event.data['type'] === 'token_usage' && event.data['agent'] === 'MA');
    const update = await live.until('report_updated');

    expect(noticesOf(events)).toEqual(['memo_late']);
    expect(update.data['turn_index']).toBe(0);
    expect((await hurried.history(id))[0].token_usage.MA).toMatchObject({ input_tokens: usage.data['input_tokens'], output_tokens: usage.data['output_tokens'] });
    await hurried.sidecar.turn(id, 'And now?');
    expect(hurried.provider.requests.filter((request) => request.model === CA).at(-1)!.text).toContain('reads headers first');
  });

  it('sends patches with the items\' ids, and hears digest items by id', async () => {
    tutor.provider.script(MA, notes({ observations: { add: ['reads headers first'], drop: [] } }));
    await turn('one');
    tutor.provider.script(MA, notes({ observations: { add: ['counts rows'], drop: ['o1'] } }));
    await turn('two');
    await turn('three');

    const [, second, third] = tutor.provider.requests.filter((request) => request.model === MA);
    expect(second!.text).toMatch(/o1.*reads headers first/);
    expect(third!.text).toContain('counts rows');
    expect(third!.text).not.toContain('reads headers first');
  });

  it('keeps what it learnt about errors when the session ends meanwhile', async () => {
    tutor.provider.script((request) => request.model === MA && !request.text.includes('final'), [gate('memo'), text(memoReply({
      error_entries: [{ error_type: 'coding', description: 'forgot the quotes', context: 'read_csv' }],
    }))]);
    const stream = await tutor.sidecar.send(session, 'one');
    await tutor.provider.reached('memo');
    await tutor.sidecar.call('POST', `/api/session/${session}/message/cancel`); // cuts the wait short
    await stream.untilTerminal();
    const live = await tutor.sidecar.events(session);
    tutor.provider.script(MA, [gate('narrative'), text('{"narrative":"A good start."}')]);

    const ending = tutor.sidecar.call('POST', `/api/session/${session}/end`);
    await tutor.provider.reached('narrative');
    tutor.provider.release('memo');
    await live.until('report_updated');
    tutor.provider.release('narrative');
    const { body } = await ending;

    expect(body).toMatchObject({ generated_by: 'model', turn_index: 1, final_report: expect.stringContaining('forgot the quotes') });
    expect(await tutor.state(session)).toMatchObject({ end_confirmed: true, ext: { errors: [{ description: 'forgot the quotes' }] } });
  });
});

/** Turns whose tokens must be told, stored and listed alike. */
const TURNS: readonly [string, () => void][] = [
  ['locked', () => {}],
  ['unlocked', () => scriptUnlock(tutor.provider, { judgement: { checkpoint: true } })],
  ['repaired', () => {
    tutor.provider.script(CA, companionReply({ record: null }));
    tutor.provider.script(SMALL, recordReply());
  }],
  ['tried again', () => tutor.provider.script(CA, FAULTS.status429Milliseconds.reply(''), companionReply())],
  ['with a failed plan', () => {
    scriptUnlock(tutor.provider, { judgement: { checkpoint: true } });
    tutor.provider.script(RMA, status(400, { error: { message: 'no' } }));
  }],
  ['with a failed memo', () => tutor.provider.script(MA, [...inPieces(memoReply()).slice(0, 2), breakOff('end')], status(400, { error: { message: 'no' } }))],
  ['without reported usage', () => tutor.provider.script(CA, FAULTS.missingUsage.reply(companionReply()))],
];

describe('tokens', () => {
  it.each(TURNS)('of a turn that is %s agree: events, history and usage route', async (_title, script) => {
    script();

    const events = await turn();

    const told = toldUsage(events);
    const [past] = await tutor.history(session);
    const { turns, totals, unattributed } = await tutor.usage(session);
    const tokens = (usage: object): object => Object.fromEntries(Object.entries(usage).map(([agent, { input_tokens, output_tokens }]: any) => [agent, { input_tokens, output_tokens }]));
    expect(events.at(-1)?.['type']).toBe('complete');
    expect(tokens(past.token_usage)).toEqual(told);
    expect(tokens(turns[0].agents)).toEqual(told);
    expect(tokens(totals)).toEqual(told);
    expect(unattributed).toEqual({ input_tokens: 0, output_tokens: 0, calls: 0 });
    const calls = Object.values<any>(turns[0].agents).reduce((sum, agent) => sum + agent.calls, 0);
    expect(calls).toBe(tutor.provider.requests.length);
  });

  it('of a failed turn are told and listed apart', async () => {
    tutor.provider.script(CA, [...inPieces(companionReply({ prose: 'Look at the first row.\n\nThen', record: null })), breakOff('cut')]);

    const events = await turn();

    expectOrder(events, 'modelFailsInText');
    const { CA: told } = toldUsage(events);
    expect((await tutor.usage(session)).unattributed).toEqual({ ...told, calls: 1 });
    expect(await tutor.history(session)).toEqual([]);
  });

  it('of a greeting are the companion\'s alone', async () => {
    const events = await turn(GREETING);

    expect(Object.keys(toldUsage(events))).toEqual(['CA']);
  });
});
