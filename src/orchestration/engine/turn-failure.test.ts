import { describe, expect, it } from 'vitest';
import type { Log } from '../../config/index.ts';
import { silentLog } from '../../config/index.ts';
import type { TurnEvent } from '../../contracts/index.ts';
import { breakOff, companionReply, gate, inPieces, memoReply, recordReply, status, structured, text } from '../../../tests/support/provider/index.ts';
import { expectOrder, noticesOf, orderOf, toldUsage } from '../../../tests/support/turn-order.ts';
import { CompanionSpeech } from './companion-speech.ts';
import { MODELS, SESSION, openEngineBench } from './engine-bench.test-support.ts';
import { RunningTurn } from './running-turn.ts';

const REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON history BEGIN SELECT RAISE(ABORT, 'the disk says no'); END";
const REFUSE_FRAMES = REFUSE.replace('INSERT ON history', 'INSERT ON frames');
const ALLOW = 'DROP TRIGGER refuse';

describe('a commit', () => {
  it('that the store refuses twice ends the turn with an error, and nothing is left of it', async () => {
    await using bench = await openEngineBench();
    bench.sql(REFUSE);
    const before = bench.row();

    const events = await bench.turn('What is a table?');
    const after = bench.row();
    bench.sql(ALLOW);

    expect(orderOf(events)).toBe('start text chunk done U(CA) error(INTERNAL)');
    expect(after).toEqual({ ...before, generation: 1 });
    expect([bench.store.history.list(SESSION), bench.store.memoJobs.all(), bench.store.outbox.ofSession(SESSION)]).toEqual([[], [], []]);
    expectOrder(await bench.turn('once more'), 'locked');
    expect(bench.row().state.turn_index).toBe(1);
  });

  it('into a folder that was cleared ends the turn, and the next one works when the folder is back', async () => {
    await using bench = await openEngineBench();
    bench.provider.script(MODELS.CA, companionReply({ record: null }));
    bench.provider.script(MODELS.SMALL, [gate('repair'), text(recordReply())]);
    const { turnId } = bench.engine.start(SESSION, { text: 'What is a table?', clientTurnId: null });
    await bench.provider.reached('repair');
    const following = bench.follow(turnId);
    const restore = bench.loseFile();
    bench.provider.release('repair');

    const events = await following;
    restore();

    expectOrder(events, 'commitRefused');
    expect(events.at(-1)).toMatchObject({ code: 'STORAGE_FAILED' });
    const [reply, repair] = bench.provider.requests;
    expect(toldUsage(events).CA?.input_tokens).toBeGreaterThan(reply!.promptTokens + repair!.promptTokens / 2); // both calls, one of them estimated
    expectOrder(await bench.turn('once more'), 'locked');
  });

  it('that the store refuses once is tried again, with every frame in it', async () => {
    const log: Log = { ...silentLog, warn: () => { if (isRefusing) bench.sql(ALLOW); isRefusing = false; } };
    let isRefusing = false;
    await using bench = await openEngineBench({ log });
    bench.sql(REFUSE_FRAMES);
    isRefusing = true;

    const events = await bench.turn('What is a table?');

    expectOrder(events, 'locked');
    const { turn_id: turnId } = bench.store.history.list(SESSION)[0]!;
    await bench.restart();
    expect(await bench.follow(turnId)).toEqual(events);
  });
});

describe('the deadline of a turn', () => {
  it.each([
    ['before text', [gate('here')]],
    ['in the text', [...inPieces(companionReply({ prose: 'Look here.', record: null })), gate('here')]],
  ])('ends it %s, closes the socket and leaves no trace', async (_title, reply) => {
    await using bench = await openEngineBench({ settings: { turnDeadlineMs: 400 } });
    bench.provider.script(MODELS.CA, reply);
    const before = bench.row();

    const events = await bench.turn('What is a table?');

    expectOrder(events, 'deadline');
    expect(events.at(-1)).toMatchObject({ code: 'TURN_DEADLINE', retryable: true, agent: 'CA' });
    expect(await (await bench.provider.nextRequest()).closed).toBe('client_closed');
    expect(bench.row()).toEqual({ ...before, generation: 1 });
  });

  it('no longer counts behind the commit', async () => {
    await using bench = await openEngineBench({ settings: { turnDeadlineMs: 1_000 } });
    bench.provider.script(MODELS.MA, [gate('memo'), text(memoReply())]);
    const { turnId } = bench.engine.start(SESSION, { text: 'What is a table?', clientTurnId: null });
    await bench.provider.reached('memo');
    const following = bench.follow(turnId);
    await bench.engine.cancel(SESSION); // only ends the wait
    bench.provider.release('memo');

    expectOrder(await following, 'locked');
  });
});

it('asks the companion three times at most, whether it was the call or the reply that broke', async () => {
  await using bench = await openEngineBench();
  const busy = status(503, { error: { message: 'busy' } });
  bench.provider.script(MODELS.CA, [text('@@judgement {"check'), breakOff('reset')], busy, busy, busy);

  const events = await bench.turn('What is a table?');

  expect(events.at(-1)).toMatchObject({ type: 'llm_error' });
  expect(bench.provider.requests.filter((request) => request.model === MODELS.CA)).toHaveLength(3);
});

it('a committed turn is complete, whatever breaks behind the commit', async () => {
  await using bench = await openEngineBench({ onQueued: () => { throw new Error('the sender is gone'); } });

  const events = await bench.turn('What is a table?');

  expect(events.at(-1)).toMatchObject({ type: 'complete', turn_index: 1 });
  expect(bench.store.turns.get(bench.store.history.list(SESSION)[0]!.turn_id)).toMatchObject({ end: 'complete', phase: 'complete' });
});

it('ends a turn without content, and only that', async () => {
  await using bench = await openEngineBench();
  bench.store.sessions.update(SESSION, { content_hash: null }, '2026-01-02T03:04:05.000Z');

  const events = await bench.turn('What is a table?');

  expectOrder(events, 'contentMissing');
  expect(bench.provider.requests).toEqual([]);
  expect(bench.engine.isBusy(SESSION)).toBe(false);
});

it('stopping ends the running turn as interrupted and starts no other', async () => {
  await using bench = await openEngineBench();
  bench.provider.script(MODELS.CA, [...inPieces(companionReply({ prose: 'Look here.', record: null })), gate('here')]);
  const { turnId } = bench.engine.start(SESSION, { text: 'What is a table?', clientTurnId: 'mine' });
  await bench.provider.reached('here');
  const following = bench.follow(turnId);

  await bench.engine.stop();

  expectOrder(await following, 'stopped');
  expect(bench.store.turns.get(turnId)).toMatchObject({ end: 'interrupted', phase: 'ended' });
  expect(() => bench.engine.start(SESSION, { text: 'more', clientTurnId: null })).toThrow(expect.objectContaining({ code: 'SHUTTING_DOWN' }));
  expect(bench.engine.start(SESSION, { text: 'What is a table?', clientTurnId: 'mine' })).toMatchObject({ turnId, joined: true });
});

describe('a memo', () => {
  it('that a stop cuts off is resumed, and every token of both runs is told and stored once', async () => {
    await using bench = await openEngineBench();
    bench.provider.script(MODELS.MA, [text('{"obs'), gate('memo')]);
    const { turnId } = bench.engine.start(SESSION, { text: 'What is a table?', clientTurnId: null });
    await bench.provider.reached('memo');
    const following = bench.follow(turnId);
    await bench.restart();
    const told = await following;
    const live = bench.hub.follow(SESSION, null);
    bench.provider.script(MODELS.MA, structured(memoReply({ observations: { add: ['reads headers first'], drop: [] } })));

    bench.engine.recover();
    const late: string[] = [];
    for await (const frame of live.frames) {
      late.push(frame);
      if (frame.includes('report_updated')) break;
    }

    expect(orderOf(told)).toBe('start text chunk done U(CA) complete');
    expect(noticesOf(told)).toEqual(['memo_late']);
    const usage = late.find((frame) => frame.includes('token_usage'))!;
    const rows = bench.store.ledger.ofTurn(turnId).filter((row) => row.agent === 'MA');
    const sum = { input_tokens: rows.reduce((total, row) => total + row.usage.input_tokens, 0), output_tokens: rows.reduce((total, row) => total + row.usage.output_tokens, 0) };
    expect(rows).toHaveLength(2);
    expect(JSON.parse(usage.slice(usage.indexOf('{')))).toMatchObject(sum);
    expect(bench.store.history.list(SESSION)[0]?.token_usage?.MA).toMatchObject(sum);
    expect(bench.row().digest.key_observations).toEqual(['reads headers first']);
    expect(bench.store.memoJobs.all()).toEqual([]);
  });

  it('that failed is tried again at the next start, and only its new tokens are told', async () => {
    await using bench = await openEngineBench();
    const broken = [text('{"obs'), breakOff('end')];
    bench.provider.script(MODELS.MA, broken, broken, structured(memoReply()));
    const first = toldUsage(await bench.turn('What is a table?')).MA!;
    await bench.restart();
    const live = bench.hub.follow(SESSION, null);

    bench.engine.recover();
    const late: TurnEvent[] = [];
    for await (const frame of live.frames) {
      late.push(JSON.parse(frame.slice(frame.indexOf('{'))) as TurnEvent);
      if (frame.includes('report_updated')) break;
    }

    const second = toldUsage(late).MA!;
    const rows = bench.store.ledger.ofTurn(bench.store.history.list(SESSION)[0]!.turn_id).filter((row) => row.agent === 'MA');
    const spent = rows.map((row) => row.usage.input_tokens);
    expect([first.input_tokens, second.input_tokens]).toEqual([spent[0]! + spent[1]!, spent[2]]);
    expect(bench.store.history.list(SESSION)[0]?.token_usage?.MA).toMatchObject({ input_tokens: first.input_tokens + second.input_tokens });
  });

  it('that ends while the next turn runs is kept by that turn\'s commit', async () => {
    await using bench = await openEngineBench({ settings: { memoWaitMs: 0 } });
    bench.provider.script(MODELS.MA, [gate('memo'), text(memoReply({ observations: { add: ['reads headers first'], drop: [] } }))], [gate('never')]);
    await bench.turn('one');
    await bench.provider.reached('memo');
    bench.provider.script(MODELS.CA, [gate('answer'), text(companionReply())]);
    const { turnId } = bench.engine.start(SESSION, { text: 'two', clientTurnId: null });
    await bench.provider.reached('answer');
    const live = bench.hub.follow(SESSION, null);
    const following = bench.follow(turnId);
    bench.provider.release('memo');
    for await (const frame of live.frames) if (frame.includes('report_updated')) break;
    bench.provider.release('answer');

    expectOrder(await following, 'locked');
    expect(bench.row()).toMatchObject({ digest: { key_observations: ['reads headers first'] }, state: { turn_index: 2 } });
  });

  it('never delays the next turn, and what waits becomes one', async () => {
    await using bench = await openEngineBench({ settings: { memoWaitMs: 0 } });
    bench.provider.script(MODELS.MA, [gate('memo'), text(memoReply())], structured(memoReply({ memory_delta: 'second and third' })));

    await bench.turn('one');
    await bench.provider.reached('memo');
    await bench.turn('two');
    await bench.turn('three');
    const live = bench.hub.follow(SESSION, null);
    bench.provider.release('memo');
    let updates = 0;
    for await (const frame of live.frames) if (frame.includes('report_updated') && (updates += 1) === 2) break;

    expect(bench.provider.requests.filter((request) => request.model === MODELS.MA)).toHaveLength(2);
    expect(bench.store.memoJobs.all()).toEqual([]);
    expect(bench.row().digest.memory_state?.deltas.at(-1)).toEqual({ turn_index: 2, text: 'second and third' });
  });

  it('for a session that was deleted meanwhile writes nothing', async () => {
    await using bench = await openEngineBench({ settings: { memoWaitMs: 0 } });
    bench.provider.script(MODELS.MA, [gate('memo'), text(memoReply())]);
    await bench.turn('one');
    await bench.provider.reached('memo');

    bench.store.sessions.delete(SESSION);
    bench.provider.release('memo');
    await bench.provider.idle();
    await bench.engine.stop();

    expect(bench.store.sessions.get(SESSION)).toBeNull();
    expect([bench.store.history.list(SESSION), bench.store.memoJobs.all(), bench.store.revisions.latest(SESSION, 'digest')]).toEqual([[], [], null]);
  });
});

it('a failure in a timer of the speech ends the call, not the process', async () => {
  await using bench = await openEngineBench();
  const identity = { turnId: 'trn_x', sessionId: SESSION, turnIndex: 0, kind: 'student', message: 'x', language: 'en', clientTurnId: null } as const;
  const turn = new RunningTurn(identity, { hub: bench.hub, store: bench.store, settings: { memoWaitMs: 0, turnDeadlineMs: 60_000, language: 'en' } });
  let now = 0;
  using speech = new CompanionSpeech(turn, {
    mode: 'reply', secrets: [], solutions: { kind: 'open' }, mayGoOn: () => { throw new Error('the store broke'); },
    clock: { now: () => new Date(now), monotonicMs: () => (now += 7_000) },
  });
  const { signal } = speech;
  async function* parts() {
    yield { type: 'text' as const, text: '@@judgement {"checkpoint":' };
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    throw new Error('aborted');
  }

  await expect(speech.read(parts())).rejects.toThrow('the store broke');
  turn.finish('failed', { type: 'cancelled', turn_id: 'trn_x' });
});
