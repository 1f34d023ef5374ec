import { expect, it } from 'vitest';
import { silentLog, systemClock } from '../../config/index.ts';
import type { StreamEvent, TurnEvent } from '../../contracts/index.ts';
import { openStore } from '../../store/index.ts';
import type { Store } from '../../store/index.ts';
import { sampleSession, sampleTurn } from '../../../tests/support/store-rows.ts';
import { parseFrame } from '../../../tests/support/sse-client.ts';
import { createTemporaryFolder } from '../../../tests/support/temporary-folder.ts';
import { createStreamHub } from './stream-hub.ts';
import type { Subscription, TurnStreamHub } from './index.ts';

const chunk = (content: string): TurnEvent => ({ type: 'companion_chunk', content });
const start = (turnId: string): TurnEvent => ({ type: 'start', turn_id: turnId, turn_index: 0, kind: 'student' });
const complete = (turnId: string): TurnEvent => ({ type: 'complete', turn_index: 1, turn_id: turnId, report_ready: true, end_suggested: false });
const late = (turnIndex: number): StreamEvent => ({ type: 'report_updated', turn_index: turnIndex, revision: 1 });

interface Bench extends AsyncDisposable { store: Store; hub: TurnStreamHub; begin(turnId: string): void; commit(turnId: string): void; turn(turnId: string): void }

/** A hub over a real store with the session `s1`; `restart` gives the hub of the next process. */
async function openBench(): Promise<Bench & { restart(): TurnStreamHub }> {
  const folder = await createTemporaryFolder('hub');
  const store = await openStore({ dir: folder.path, clock: systemClock, log: silentLog });
  store.sessions.insert(sampleSession('s1'));
  const open = (): TurnStreamHub => createStreamHub({ store, onStoreError: (error) => { throw error; } });
  const bench = {
    store, hub: open(),
    begin: (turnId: string) => {
      store.turns.insert(sampleTurn(turnId, 's1'));
      bench.hub.emit('s1', turnId, start(turnId));
    },
    commit: (turnId: string) => {
      store.frames.append(bench.hub.takeUnsaved('s1', turnId));
      bench.hub.keepSaving(turnId);
      bench.hub.emit('s1', turnId, complete(turnId));
    },
    turn: (turnId: string) => {
      bench.begin(turnId);
      bench.hub.emit('s1', turnId, chunk(turnId));
      bench.commit(turnId);
    },
    restart: () => (bench.hub = open()),
    [Symbol.asyncDispose]: async () => {
      bench.hub.close();
      store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
  return bench;
}

/** The frames that are there without waiting, as `id type`. */
async function taken(subscription: Subscription): Promise<string[]> {
  subscription.close();
  const seen: string[] = [];
  for await (const frame of subscription.frames) {
    const parsed = parseFrame(frame);
    if (typeof parsed !== 'string') seen.push(`${parsed.id} ${parsed.type}`);
  }
  return seen;
}

it('resumes behind any frame of the last turns with everything after it, once and in order', async () => {
  await using bench = await openBench();
  const live = bench.hub.follow('s1', null);
  bench.turn('a');
  bench.hub.emit('s1', null, late(0));
  bench.turn('b');
  bench.turn('c');
  bench.begin('d');
  bench.hub.emit('s1', 'd', chunk('d'));
  bench.hub.emit('s1', null, late(2));
  bench.hub.emit('s1', 'd', chunk('e'));

  const all = await taken(live);

  expect(all.map((frame) => frame.split(' ')[0])).toEqual(all.map((_frame, index) => `1.${index + 1}`));
  for (const [index, frame] of all.entries()) {
    expect(await taken(bench.hub.follow('s1', frame.split(' ')[0]!))).toEqual(all.slice(index + 1));
  }
  expect(await taken(bench.hub.follow('s1', '1.0'))).toEqual(all);
});

it('resumes behind a committed turn in the next process, with a new generation', async () => {
  await using bench = await openBench();
  bench.turn('a');
  bench.begin('lost');
  bench.hub.emit('s1', null, late(0));
  bench.restart();
  bench.turn('b');

  expect(await taken(bench.hub.follow('s1', '1.2'))).toEqual(['1.3 complete', '2.1 start', '2.2 companion_chunk', '2.3 complete']);
  for (const id of ['1.4', '1.5']) { // frames of the turn that the crash erased, and in its midst
    expect(await taken(bench.hub.follow('s1', id))).toEqual(['2.3 stream_reset']);
  }
});

it.each(['x', '', '1.', '9.9', '-1.1', '1.1\n', 'ffff', '1.99999999999'])('answers the unknown id %j with a reset', async (id) => {
  await using bench = await openBench();
  bench.turn('a');

  expect(await taken(bench.hub.follow('s1', id))).toEqual(['1.3 stream_reset']);
});

it('begins with the start of the running turn, else live', async () => {
  await using bench = await openBench();
  bench.turn('a');
  const idle = await taken(bench.hub.follow('s1', null));
  bench.begin('b');

  expect(idle).toEqual([]);
  expect(await taken(bench.hub.follow('s1', null))).toEqual(['1.4 start']);
});

it('keeps the last finished turn also when it failed, until the next one', async () => {
  await using bench = await openBench();
  bench.begin('a');
  bench.hub.emit('s1', 'a', { type: 'cancelled', turn_id: 'a' });
  const kept = await taken(bench.hub.follow('s1', '1.1'));
  bench.turn('b');

  expect(kept).toEqual(['1.2 cancelled']);
  expect(await taken(bench.hub.follow('s1', '1.1'))).toEqual(['1.5 stream_reset']);
});

it('follows one turn only, to its terminal frame', async () => {
  await using bench = await openBench();
  bench.begin('a');
  const following = bench.hub.followTurn('s1', 'a');
  bench.hub.emit('s1', null, late(0));
  bench.hub.emit('s1', 'a', complete('a'));
  bench.hub.emit('s1', null, late(1));

  expect(await taken(following)).toEqual(['1.1 start', '1.3 complete']);
});

it('replays a committed turn from memory and, after a restart, from the store', async () => {
  await using bench = await openBench();
  bench.turn('a');
  const replayed = await taken(bench.hub.followTurn('s1', 'a'));
  bench.restart();

  expect(replayed).toEqual(['1.1 start', '1.2 companion_chunk', '1.3 complete']);
  expect(await taken(bench.hub.followTurn('s1', 'a'))).toEqual(replayed);
});

it.each([
  ['cancelled', 'cancelled', { type: 'cancelled', turn_id: 'a' }],
  ['interrupted', 'error', { type: 'error', code: 'SHUTTING_DOWN' }],
  ['failed', 'llm_error', { type: 'llm_error', code: 'LLM_AUTH', agent: 'CA', retryable: false }],
  ['complete', 'complete', { type: 'complete', turn_id: 'a', turn_index: 1 }],
] as const)('tells the end of a %s turn whose frames are gone', async (end, type, event) => {
  await using bench = await openBench();
  bench.begin('a');
  const error = { agent: 'CA' as const, kind: 'auth' as const, retryable: false, detail: 'x' };
  bench.store.turns.update('a', { end, ...(end === 'failed' ? { error } : {}) });
  bench.restart();

  const following = bench.hub.followTurn('s1', 'a');
  const frames: string[] = [];
  for await (const frame of following.frames) frames.push(frame);

  expect(frames).toHaveLength(1);
  expect(parseFrame(frames[0]!)).toMatchObject({ type, data: event });
});

it('keeps frames of the session that stand in a failed turn', async () => {
  await using bench = await openBench();
  bench.begin('a');
  bench.hub.emit('s1', null, late(0));
  bench.hub.emit('s1', 'a', { type: 'cancelled', turn_id: 'a' });
  bench.restart();

  expect(await taken(bench.hub.follow('s1', '1.2'))).toEqual([]);
});

it('gives frames back whose transaction failed', async () => {
  await using bench = await openBench();
  bench.begin('a');
  const rows = bench.hub.takeUnsaved('s1', 'a');
  bench.hub.returnUnsaved('s1', rows);

  expect(bench.hub.takeUnsaved('s1', 'a')).toEqual(rows);
  expect(bench.hub.takeUnsaved('s1', 'a')).toEqual([]);
});

it('tells readers of the session goodbye when a session is reset and when the hub closes, and opens a new generation', async () => {
  await using bench = await openBench();
  const reader = bench.hub.follow('s1', null);
  bench.hub.reset('s1', { type: 'session_imported', turn_index: 4 });
  const second = bench.hub.follow('s1', null);
  bench.hub.emit('s1', null, late(1));
  bench.hub.close();

  expect(await taken(reader)).toEqual(['1.1 session_imported']);
  expect(await taken(second)).toEqual(['2.1 report_updated', '2.1 server_shutdown']);
  expect(await taken(bench.hub.follow('s1', null))).toEqual([]);
});

it('refuses a ninth reader of a session, and has room again when one leaves', async () => {
  await using bench = await openBench();
  const readers = Array.from({ length: 8 }, () => bench.hub.follow('s1', null));
  const refused = expect.objectContaining({ code: 'TOO_MANY_SUBSCRIBERS' });

  expect(() => bench.hub.follow('s1', null)).toThrow(refused);
  expect(() => bench.hub.followTurn('s1', 'a')).toThrow(refused);
  readers[0]!.close();
  readers[0]!.close();
  expect(await taken(bench.hub.follow('s1', null))).toEqual([]);
});

it('drops a reader that lets 2000 frames pile up, and only that one', async () => {
  await using bench = await openBench();
  bench.begin('a');
  const sleepy = bench.hub.follow('s1', null);
  for (let count = 0; count < 2_001; count += 1) bench.hub.emit('s1', 'a', chunk('x'));

  expect(sleepy.dropped.aborted).toBe(true);
  expect(await taken(bench.hub.followTurn('s1', 'a'))).toHaveLength(2_002);
});
