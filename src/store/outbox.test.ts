import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AT, sampleHistory, sampleSession } from '../../tests/support/store-rows.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { silentLog, systemClock } from '../config/index.ts';
import { openStore } from './open-store.ts';
import { memoryItem, reportItem, turnItem } from './outbox-items.ts';
import type { OutboxKind } from './store-rows.ts';

async function openScratch() {
  const folder = await createTemporaryFolder();
  const store = await openStore({ dir: folder.path, clock: systemClock, log: silentLog });
  const addSession = (id: string, origin = 'https://b.example') => {
    store.sessions.insert(sampleSession(id));
    store.backends.put({ session_id: id, origin, url: `${origin}/api`, bid: null, paused: null });
  };
  return {
    store, addSession,
    [Symbol.asyncDispose]: async () => {
      store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const turn = (index: number, body: unknown = { index }) => ({ kind: 'turn' as const, turn_index: index, body });
const memory = (version: number) => ({ kind: 'memory' as const, turn_index: null, body: { version } });
const report = (version: number) => ({ kind: 'report' as const, turn_index: null, body: { version } });
const RANK: Record<OutboxKind, number> = { turn: 0, memory: 1, report: 2 };

describe('the outbox', () => {
  it('hands out one row a session: turns by index, then memory, then report', async () => {
    await using scratch = await openScratch();
    const { outbox } = scratch.store;
    scratch.addSession('s1');
    for (const item of [report(1), memory(1), turn(1), turn(0)]) outbox.enqueue('s1', item, AT);

    const order: unknown[] = [];
    for (let [row] = outbox.due(0, 9); row !== undefined; [row] = outbox.due(0, 9)) {
      order.push(row.turn_index ?? row.kind);
      outbox.done(row.id);
    }

    expect(order).toEqual([0, 1, 'memory', 'report']);
  });

  it('replaces a waiting memory by a new row that keeps its wait, so that a late answer settles only what was sent', async () => {
    await using scratch = await openScratch();
    const { outbox } = scratch.store;
    scratch.addSession('s1');
    outbox.enqueue('s1', memory(1), AT);
    const sent = outbox.due(0, 1)[0]!;
    outbox.retry(sent.id, { nextAtMs: 5_000, error: 'HTTP_500' });

    outbox.enqueue('s1', memory(2), AT);
    outbox.done(sent.id);

    expect(outbox.ofSession('s1')).toMatchObject([{ body: { version: 2 }, attempts: 1, next_at: 5_000, error: 'HTTP_500' }]);
    expect(outbox.ofSession('s1')[0]?.id).not.toBe(sent.id);
  });

  it('never changes a waiting turn', async () => {
    await using scratch = await openScratch();
    const { outbox } = scratch.store;
    scratch.addSession('s1');
    outbox.enqueue('s1', turn(0, 'first'), AT);

    outbox.enqueue('s1', turn(0, 'second'), AT);

    expect(outbox.ofSession('s1').map((row) => row.body)).toEqual(['first']);
  });

  it('waits with the whole session for its first row, and goes on past a dead letter', async () => {
    await using scratch = await openScratch();
    const { outbox } = scratch.store;
    scratch.addSession('s1');
    scratch.addSession('s2');
    for (const item of [turn(0), turn(1)]) outbox.enqueue('s1', item, AT);
    outbox.enqueue('s2', turn(0), AT);
    const first = outbox.ofSession('s1')[0]!;

    outbox.retry(first.id, { nextAtMs: 900.4, error: 'NETWORK' });

    expect(outbox.due(900, 9).map((row) => row.session_id)).toEqual(['s2']);
    expect([outbox.nextDueAt(new Set()), outbox.nextDueAt(new Set(['s2'])), outbox.nextDueAt(new Set(['s1', 's2']))]).toEqual([0, 901, null]);
    outbox.bury(first.id, 'HTTP_422');
    expect(outbox.due(0, 9).map((row) => [row.session_id, row.turn_index])).toEqual([['s1', 1], ['s2', 0]]);
    expect(outbox.summary()).toEqual({ pending: 2, oldest_at: AT, dead_letters: 1 });
    expect(outbox.pendingOf('s1')).toBe(1);
  });

  it('gives out nothing for a paused or unknown backend', async () => {
    await using scratch = await openScratch();
    const { backends, outbox, sessions } = scratch.store;
    scratch.addSession('s1');
    sessions.insert(sampleSession('s2'));
    for (const id of ['s1', 's2']) outbox.enqueue(id, turn(0), AT);

    backends.pause({ sessionId: 's1' }, 'denied');

    expect(outbox.due(0, 9)).toEqual([]);
    expect(outbox.nextDueAt(new Set())).toBeNull();
    expect([outbox.pendingOf('s1'), outbox.pendingOf('s2'), outbox.summary().pending]).toEqual([1, 0, 1]);
  });

  it('does not wait for a time that only a clock set back can explain', async () => {
    await using scratch = await openScratch();
    const { outbox } = scratch.store;
    scratch.addSession('s1');
    outbox.enqueue('s1', turn(0), AT);
    outbox.retry(outbox.due(0, 1)[0]!.id, { nextAtMs: 400_000_000, error: 'NETWORK' });

    expect(outbox.due(0, 9)).toHaveLength(1);
  });

  it('keeps order and newest state under any sequence of commits and answers', async () => {
    await using scratch = await openScratch();
    const { outbox, transaction } = scratch.store;
    scratch.addSession('s1');
    const step = fc.oneof(
      fc.constant('commit' as const), fc.constant('memory' as const), fc.constant('report' as const), fc.constant('send' as const),
      fc.constant('fail' as const), fc.constant('bury' as const),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      outbox.deleteOf('s1');
      let turns = 0;
      let version = 0;
      const settled: number[] = [];
      const faults: unknown[] = [];
      const newest: Partial<Record<OutboxKind, number>> = {};
      for (const action of [...steps, ...Array.from({ length: 45 }, () => 'send' as const)]) transaction(() => {
        const head = outbox.due(1_000, 1)[0];
        if (action === 'commit') outbox.enqueue('s1', turn(turns++), AT);
        if (action === 'memory' || action === 'report') {
          newest[action] = version += 1;
          outbox.enqueue('s1', action === 'memory' ? memory(version) : report(version), AT);
        }
        if (head === undefined) return;
        if (action === 'fail') outbox.retry(head.id, { nextAtMs: 1_000, error: 'NETWORK' });
        if (action !== 'send' && action !== 'bury') return;
        const waiting = outbox.ofSession('s1').filter((row) => row.state === 'pending');
        const isNewest = head.kind === 'turn' || (head.body as { version: number }).version === newest[head.kind];
        const isFirst = waiting.every((row) => RANK[row.kind] >= RANK[head.kind]);
        if (!isNewest || !isFirst || waiting.filter((row) => row.kind !== 'turn').length > 2) faults.push(head);
        if (head.kind === 'turn') settled.push(head.turn_index!);
        if (action === 'send') outbox.done(head.id);
        else outbox.bury(head.id, 'HTTP_400');
      });
      expect(faults).toEqual([]);
      expect(settled).toEqual(Array.from({ length: turns }, (_, index) => index));
      expect(outbox.pendingOf('s1')).toBe(0);
    }), { numRuns: 40 });
  });
});

describe('backends', () => {
  it('pauses an origin for one user without touching other reasons, and resumes only what waits for a token', async () => {
    await using scratch = await openScratch();
    const { backends } = scratch.store;
    const users = { s1: 'anna', s2: 'ben', s3: null, s4: 'anna', s5: 'anna' } as const;
    for (const [id, user] of Object.entries(users)) {
      scratch.addSession(id, id === 's5' ? 'https://other.example' : undefined);
      backends.put({ ...backends.get(id)!, user_hash: user });
    }
    backends.pause({ sessionId: 's4' }, 'denied');
    const reasons = () => backends.all().map((row) => row.paused);

    backends.pause({ origin: 'https://b.example', userHash: 'anna' }, 'token');
    expect(reasons()).toEqual(['token', null, 'token', 'denied', null]);
    backends.pause({ origin: 'https://b.example' }, 'token');
    backends.resume({ origin: 'https://b.example', userHash: 'ben' });

    expect(reasons()).toEqual(['token', null, null, 'denied', null]);
  });
});

describe('outbox items', () => {
  const session = sampleSession('s1', { report_md: '# r' });

  it('carry a turn without its usage', () => {
    expect(turnItem('ch1', sampleHistory('s1', 3))).toEqual({
      kind: 'turn', turn_index: 3,
      body: {
        chapter_id: 'ch1', turn_index: 3, user_message: 'question 3', companion_response: 'answer 3', turn_outcome: sampleHistory('s1', 3).turn_outcome,
      },
    });
  });

  it('carry the memory under our own session id, with an error summary only when there is one', () => {
    const foreign = { ...session, state: { ...session.state, session_id: 'other' } };
    const body = { chapter_id: 'ch1', memory_json: session.digest, agent_state: { session_state: session.state, instruction_packet: session.packet } };

    expect(memoryItem(foreign)).toEqual({ kind: 'memory', turn_index: null, body });
    expect(memoryItem(foreign, '## x')).toEqual({
      kind: 'memory', turn_index: null, body: { ...body, agent_state: { ...body.agent_state, student_error_summary: '## x' } },
    });
    expect(reportItem(session)).toEqual({ kind: 'report', turn_index: null, body: { chapter_id: 'ch1', report_md: '# r' } });
  });
});
