import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import {
  AT, sampleCall, sampleExecution, sampleFrame, sampleHistory, sampleJob, sampleSession, sampleTurn,
} from '../../tests/support/store-rows.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { silentLog, systemClock } from '../config/index.ts';
import type { Log } from '../config/index.ts';
import { blankDigest, blankPacket, blankState } from './blank-values.ts';
import { openStore } from './open-store.ts';

const later = (seconds: number): string => new Date(Date.parse(AT) + seconds * 1_000).toISOString();

async function openScratch(log: Log = silentLog) {
  const folder = await createTemporaryFolder();
  const store = await openStore({ dir: folder.path, clock: systemClock, log });
  /** Changes the file behind the store's back. */
  const tamper = (sql: string): void => {
    const raw = new DatabaseSync(folder.join('sidecar.db'));
    raw.exec(sql);
    raw.close();
  };
  return {
    store, tamper,
    [Symbol.asyncDispose]: async () => {
      store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('sessions', () => {
  it('updates columns, counts the revision up and keeps the list in step', async () => {
    await using scratch = await openScratch();
    const { sessions } = scratch.store;
    const row = sampleSession('s1');
    sessions.insert(row);
    const state = { ...row.state, turn_index: 3, end_confirmed: true };

    const revision = sessions.update('s1', { state, report_md: '# r', final_by: 'rules', desktop_context: null }, later(60));

    expect(revision).toBe(2);
    expect(sessions.get('s1')).toEqual({ ...row, state, report_md: '# r', final_by: 'rules', desktop_context: null, revision: 2, last_updated: later(60) });
    expect(sessions.list({})).toEqual([{
      session_id: 's1', chapter_id: 'ch1', chapter_title: '读取数据', turn_index: 3, created_at: AT, last_updated: later(60), end_confirmed: true,
    }]);
  });

  it('refuses to store an object that could not be read again, and to update an unknown session', async () => {
    await using scratch = await openScratch();
    const { sessions } = scratch.store;
    const row = sampleSession('s1');
    sessions.insert(row);

    expect(() => sessions.update('s1', { state: { ...row.state, turn_index: -1 } }, AT)).toThrow('turn_index');
    expect(() => sessions.update('s2', { report_md: '' }, AT)).toThrow(expect.objectContaining({ code: 'SESSION_NOT_FOUND' }));
    expect(sessions.get('s1')).toEqual(row);
  });

  it('sets the generation without a new revision', async () => {
    await using scratch = await openScratch();
    scratch.store.sessions.insert(sampleSession('s1'));

    scratch.store.sessions.setGeneration('s1', 7);

    expect(scratch.store.sessions.get('s1')).toEqual(sampleSession('s1', { generation: 7 }));
  });

  it('lists newest first, filtered and limited, and finds ids that differ only by case', async () => {
    await using scratch = await openScratch();
    const { sessions } = scratch.store;
    for (const [id, chapter, seconds] of [['a', 'ch1', 1], ['B', 'ch2', 3], ['c', 'ch1', 2]] as const) {
      sessions.insert(sampleSession(id, { chapter_id: chapter, last_updated: later(seconds) }));
    }

    const ids = (filter: { chapterId?: string; limit?: number }) => sessions.list(filter).map((row) => row.session_id);

    expect([ids({}), ids({ chapterId: 'ch1' }), ids({ limit: 2 }), ids({ chapterId: 'ch1', limit: 1 })]).toEqual([
      ['B', 'c', 'a'], ['c', 'a'], ['B', 'c'], ['c'],
    ]);
    expect([sessions.findCaseTwin('b'), sessions.findCaseTwin('B'), sessions.findCaseTwin('x')]).toEqual(['B', null, null]);
    expect(sessions.ids()).toEqual(new Set(['a', 'B', 'c']));
  });

  it('deletes a session with all its rows and touches no other', async () => {
    await using scratch = await openScratch();
    const { store } = scratch;
    for (const id of ['s1', 's2']) {
      store.sessions.insert(sampleSession(id));
      store.turns.insert(sampleTurn(`trn_${id}`, id));
      store.history.insert(sampleHistory(id, 0));
      store.frames.append([sampleFrame(id, [1, 1], `trn_${id}`)]);
      store.ledger.insert(sampleCall(id));
      store.outbox.enqueue(id, { kind: 'report', turn_index: null, body: {} }, AT);
      store.backends.put({ session_id: id, origin: 'https://b', url: 'https://b', bid: null, paused: null });
      store.executions.insert(sampleExecution(`exe_${id}`, id));
      store.consultations.mintId(id);
      store.systemEvents.insert({ session_id: id, timestamp: AT, event_type: 'x', message: '', details: {} });
    }

    store.sessions.delete('s1');

    const left = ['s1', 's2'].map((id) => [
      store.sessions.get(id), store.turns.get(`trn_${id}`), store.history.list(id)[0], store.frames.ofTurn(`trn_${id}`)[0],
      store.ledger.ofSession(id)[0], store.outbox.ofSession(id)[0], store.backends.get(id), store.executions.get(`exe_${id}`),
      store.systemEvents.list(id, 9)[0],
    ].filter((row) => row !== null && row !== undefined).length);
    expect(left).toEqual([0, 9]);
  });

  it('refuses rows of a session that does not exist at the end of the transaction', async () => {
    await using scratch = await openScratch();
    const { store } = scratch;

    store.transaction(() => {
      store.history.insert(sampleHistory('s1', 0));
      store.sessions.insert(sampleSession('s1'));
    });

    expect(store.history.list('s1')).toHaveLength(1);
    expect(() => store.history.insert(sampleHistory('s2', 0))).toThrow('FOREIGN KEY');
  });
});

describe('a stored object that no longer parses', () => {
  it.each([
    ['state', { state: blankState({ sessionId: 's1', chapterId: 'ch1', turnIndex: 4, endConfirmed: true, instructionVersion: 6 }) }],
    ['packet', { packet: blankPacket(6) }],
    ['digest', { digest: blankDigest() }],
    ['desktop_context', { desktop_context: null }],
  ] as const)('reads as blank and marked for %s, is set aside once, and heals with the next update', async (column, blank) => {
    const lines: string[] = [];
    await using scratch = await openScratch({ ...silentLog, error: (_fields, message) => void lines.push(message) });
    const { store } = scratch;
    const row = sampleSession('s1', { packet: blankPacket(6) });
    const healthy = { ...row, state: { ...row.state, turn_index: 4, end_confirmed: true, current_instruction_version: 6 } };
    store.sessions.insert(healthy);
    scratch.tamper(`UPDATE sessions SET ${column} = '{"turn_index":"x"' WHERE session_id = 's1'`);

    const first = store.sessions.get('s1');
    store.sessions.get('s1');

    expect(first).toEqual({ ...healthy, ...blank, damaged: [column] });
    expect(store.quarantine.list('s1')).toMatchObject([{ kind: `sessions.${column}`, body: '{"turn_index":"x"', problem: 'not JSON' }]);
    expect(lines).toHaveLength(1);
    store.sessions.update('s1', { [column]: healthy[column] }, AT);
    expect(store.sessions.get('s1')).toEqual({ ...healthy, revision: 2 });
  });

  it('costs a turn its outcome but not its texts, and a call its details but not its tokens', async () => {
    await using scratch = await openScratch();
    const { store } = scratch;
    store.sessions.insert(sampleSession('s1'));
    store.history.insert(sampleHistory('s1', 0, { turn_outcome: { ...sampleHistory('s1', 0).turn_outcome, checkpoint_reached: true } }));
    store.ledger.insert(sampleCall('s1'));
    store.ledger.insert(sampleCall('s1', { attempt: 2 }));
    scratch.tamper(`UPDATE history SET turn_outcome = '{}', token_usage = '[]'; UPDATE ledger SET body = 'x' WHERE id = 1`);

    expect(store.history.list('s1')).toEqual([{ ...sampleHistory('s1', 0), token_usage: null }]);
    expect(store.ledger.ofSession('s1')).toEqual([sampleCall('s1', { attempt: 2 })]);
    expect(store.ledger.tokensSince(AT, 's1')).toBe(240);
    expect(store.quarantine.list().map((row) => row.kind)).toEqual(['history.turn_outcome', 'history.token_usage', 'ledger.body']);
  });
});

describe('turns, history, ledger', () => {
  it('keeps a turn as it grows and finds the open ones', async () => {
    await using scratch = await openScratch();
    const { store } = scratch;
    store.sessions.insert(sampleSession('s1'));
    store.turns.insert(sampleTurn('trn_1', 's1', { client_turn_id: 'c1', decision: undefined, message: 'a\u0000b' }));
    store.turns.insert(sampleTurn('trn_2', 's1'));

    store.turns.update('trn_1', {
      end: 'failed', phase: 'commit', decision: { route: 'plan' }, lease_pid: null,
      error: { agent: 'ENGINE', kind: 'storage', retryable: true, detail: '' },
    });

    expect(store.turns.findByClientId('s1', 'c1')).toEqual(sampleTurn('trn_1', 's1', {
      client_turn_id: 'c1', message: 'a\u0000b', end: 'failed', phase: 'commit', decision: { route: 'plan' }, lease_pid: null,
      error: { agent: 'ENGINE', kind: 'storage', retryable: true, detail: '' },
    }));
    expect(store.turns.open().map((turn) => turn.turn_id)).toEqual(['trn_2']);
    expect(store.turns.findByClientId('s2', 'c1')).toBeNull();
  });

  it('orders the history by number, gaps included, and replaces it whole', async () => {
    await using scratch = await openScratch();
    const { history, sessions } = scratch.store;
    sessions.insert(sampleSession('s1'));
    for (const index of [7, 0, 2]) history.insert(sampleHistory('s1', index));
    history.updateUsage('s1', 2, { MA: { input_tokens: 1, output_tokens: 1 } });

    expect(history.list('s1').map((row) => row.turn_index)).toEqual([0, 2, 7]);
    expect(history.tail('s1', 2).map((row) => [row.turn_index, row.token_usage])).toEqual([
      [2, { MA: { input_tokens: 1, output_tokens: 1 } }], [7, { CA: { input_tokens: 10, output_tokens: 2 } }],
    ]);
    history.replaceAll('s1', [sampleHistory('s1', 5)]);
    expect(history.list('s1')).toEqual([sampleHistory('s1', 5)]);
  });

  it('sums tokens since a time, for one session and for all', async () => {
    await using scratch = await openScratch();
    const { ledger } = scratch.store;
    ledger.insert(sampleCall('s1', { at: later(0) }));
    ledger.insert(sampleCall('s1', { at: later(10), turn_id: null }));
    ledger.insert(sampleCall('s2', { at: later(20) }));

    expect([ledger.tokensSince(later(0)), ledger.tokensSince(later(5)), ledger.tokensSince(later(5), 's1'), ledger.tokensSince(later(30))])
      .toEqual([360, 240, 120, 0]);
    expect(ledger.ofTurn('trn_1').map((call) => call.session_id)).toEqual(['s1', 's2']);
  });
});

describe('frames', () => {
  it('gives what follows a kept place, over generations and in stream order whatever was stored first', async () => {
    await using scratch = await openScratch();
    const { frames, sessions } = scratch.store;
    sessions.insert(sampleSession('s1'));
    frames.append([sampleFrame('s1', [1, 3], null)]);
    frames.append([sampleFrame('s1', [2, 1], 't2'), sampleFrame('s1', [1, 2], 't1'), sampleFrame('s1', [1, 1], 't1')]);

    const places = (rows: ReturnType<typeof frames.after>) => rows?.map((row) => `${row.generation}.${row.sequence}`) ?? null;

    expect([places(frames.after('s1', 1, 1)), places(frames.after('s1', 1, 0)), places(frames.after('s1', 2, 1))]).toEqual([
      ['1.2', '1.3', '2.1'], ['1.1', '1.2', '1.3', '2.1'], [],
    ]);
    expect([frames.after('s1', 1, 9), frames.after('s1', 3, 0), frames.after('s2', 1, 1)]).toEqual([null, null, null]);
    expect([frames.lastSequence('s1', 1), frames.lastSequence('s1', 9)]).toEqual([3, 0]);
    expect(places(frames.ofTurn('t1'))).toEqual(['1.1', '1.2']);
  });

  it.each([
    ['the newest turns', { turns: 2, frames: 100 }, ['2.1', '2.2', '3.1', '3.2', '3.3']],
    ['at most so many frames', { turns: 9, frames: 2 }, ['3.2', '3.3']],
    ['everything when little is there', { turns: 9, frames: 100 }, ['1.1', '1.2', '1.3', '2.1', '2.2', '3.1', '3.2', '3.3']],
  ])('keeps %s', async (_title, keep, expected) => {
    await using scratch = await openScratch();
    const { frames, sessions } = scratch.store;
    sessions.insert(sampleSession('s1'));
    const place = (generation: number, sequence: number, turn: string | null) => sampleFrame('s1', [generation, sequence], turn);
    frames.append([
      place(1, 1, 'a'), place(1, 2, 'a'), place(1, 3, null), place(2, 1, 'b'), place(2, 2, 'b'), place(3, 1, null), place(3, 2, 'c'), place(3, 3, 'c'),
    ]);

    frames.prune('s1', keep);

    const kept = ['a', 'b', 'c'].flatMap((turn) => frames.ofTurn(turn)).map((row) => `${row.generation}.${row.sequence}`);
    const [generation = 0, sequence = 0] = (expected[0] ?? '').split('.').map(Number);
    expect(kept).toEqual(expected.filter((id) => id !== '1.3' && id !== '3.1'));
    expect(frames.after('s1', generation, sequence)?.map((row) => `${row.generation}.${row.sequence}`)).toEqual(expected.slice(1));
  });
});

describe('memo jobs', () => {
  it('merges waiting ones and keeps what was merged in after a job was taken', async () => {
    await using scratch = await openScratch();
    const { memoJobs, sessions } = scratch.store;
    sessions.insert(sampleSession('s1'));
    const job = (turn: number) => ({ session_id: 's1', from_turn: turn, to_turn: turn, turn_id: `t${turn}`, attempts: 0, created_at: later(turn) });
    memoJobs.enqueue(job(1));
    memoJobs.setAttempts('s1', 2);
    memoJobs.enqueue(job(2));
    expect(memoJobs.all()).toEqual([{ ...job(2), from_turn: 1, created_at: later(1) }]);
    memoJobs.enqueue(job(3));

    memoJobs.finish('s1', 2);

    expect(memoJobs.get('s1')).toMatchObject({ from_turn: 3, to_turn: 3, turn_id: 't3' });
    memoJobs.finish('s1', 3);
    expect(memoJobs.get('s1')).toBeNull();
  });
});

describe('records of runs and experts', () => {
  it('lists executions newest first with every filter and without texts, and finds open ones', async () => {
    await using scratch = await openScratch();
    const { executions, sessions } = scratch.store;
    sessions.insert(sampleSession('s1'));
    executions.insert(sampleExecution('e1', 's1', { turn_index: 1 }), { code: 'print(1)' });
    executions.insert(sampleExecution('e2', 's1', { lane: 'notebook', kind: 'cell' }));
    executions.insert(sampleExecution('e3', 's1', { turn_index: 1, lane: 'expert', consultation_id: 'consult_0001' }));
    executions.close('e1', { ended_at: later(1), body: { outcome: 'ok' }, texts: { stdout: '1\n' } });

    const ids = (filter: object) => executions.list('s1', { limit: 50, ...filter }).map((row) => row.execution_id);

    expect([ids({}), ids({ lane: 'notebook' }), ids({ turnIndex: 1 }), ids({ limit: 1 }), ids({ before: 'e3' }), ids({ before: 'gone' }), ids({ consultationId: 'consult_0001' })])
      .toEqual([['e3', 'e2', 'e1'], ['e2'], ['e3', 'e1'], ['e3'], ['e2', 'e1'], [], ['e3']]);
    expect(executions.get('e1')).toEqual({
      ...sampleExecution('e1', 's1', { turn_index: 1, ended_at: later(1), body: { outcome: 'ok' } }), code: 'print(1)', stdout: '1\n', stderr: '',
    });
    expect(executions.open().map((row) => row.execution_id)).toEqual(['e2', 'e3']);
    expect(executions.list('s1', { limit: 1 })[0]).not.toHaveProperty('code');
  });

  it('prunes closed executions and finished jobs only', async () => {
    await using scratch = await openScratch();
    const { executions, jobs, sessions } = scratch.store;
    sessions.insert(sampleSession('s1'));
    for (let index = 0; index < 6; index += 1) {
      executions.insert(sampleExecution(`e${index}`, 's1', { ended_at: index === 0 ? null : AT }));
      jobs.insert(sampleJob(`j${index}`, 's1', { state: index === 1 ? 'running' : 'failed' }));
    }

    executions.prune('s1', 2);
    jobs.prune('s1', 2);

    expect(executions.list('s1', { limit: 9 }).map((row) => row.execution_id)).toEqual(['e5', 'e4', 'e0']);
    expect(jobs.list('s1', 9).map((row) => row.job_id)).toEqual(['j5', 'j4', 'j1']);
  });

  it('keeps a job and its events over its life', async () => {
    await using scratch = await openScratch();
    const { jobs, sessions } = scratch.store;
    sessions.insert(sampleSession('s1'));
    jobs.insert(sampleJob('j1', 's1'));
    jobs.insert(sampleJob('j2', 's1', { state: 'running' }));

    jobs.update('j1', { state: 'succeeded', ended_at: 3.25, result: { returncode: 0 }, events: 'id: 1' });

    expect(jobs.get('j1')).toEqual(sampleJob('j1', 's1', { state: 'succeeded', ended_at: 3.25, result: { returncode: 0 }, events: 'id: 1' }));
    expect(jobs.list('s1', 9).map((job) => job.events)).toEqual(['', '']);
    expect(jobs.open().map((job) => job.job_id)).toEqual(['j2']);
  });

  it('never gives a consultation id twice, also when its transaction is the last to remember it', async () => {
    await using scratch = await openScratch();
    const { consultations, expertReports, sessions } = scratch.store;
    sessions.insert(sampleSession('s1'));
    sessions.insert(sampleSession('s2'));
    const id = consultations.mintId('s1');
    consultations.insert({
      session_id: 's1', consultation_id: id, turn_id: 't1', turn_index: 0, expert_id: 'x', status: 'running', created_at: AT, ended_at: null, body: {},
    });
    expect(consultations.open()).toHaveLength(1);

    consultations.update({ sessionId: 's1', consultationId: id }, { status: 'aborted', ended_at: later(1), body: { calls: 2 } });

    expect([id, consultations.mintId('s1'), consultations.mintId('s2')]).toEqual(['consult_0001', 'consult_0002', 'consult_0001']);
    expect(consultations.ofTurn('t1')).toEqual([consultations.get('s1', id)]);
    expect(consultations.list('s1')).toMatchObject([{ status: 'aborted', body: { calls: 2 } }]);
    expect(consultations.open()).toEqual([]);
    for (const report of ['report_0001_01', 'report_0001_02']) {
      expertReports.insert({ session_id: 's1', report_id: report, consultation_id: id, turn_index: 0, expert_id: 'x', created_at: AT, body: { title: report } });
    }
    expect(expertReports.list('s1').map((row) => row.report_id)).toEqual(['report_0001_02', 'report_0001_01']);
    expect(expertReports.get('s1', 'report_0001_01')?.body).toEqual({ title: 'report_0001_01' });
  });
});

describe('pins, files and small records', () => {
  it('collects pins and texts that no session uses', async () => {
    await using scratch = await openScratch();
    const { content, sessions } = scratch.store;
    content.putPin('used', { id: 1 }, [{ hash: 'h1', text: 'shared' }, { hash: 'h2', text: 'own' }], AT);
    content.putPin('loose', { id: 2 }, [{ hash: 'h1', text: 'shared' }, { hash: 'h3', text: 'gone' }], AT);
    content.putPin('loose', { id: 2 }, [], later(5));
    sessions.insert(sampleSession('s1', { content_hash: 'used' }));

    expect(content.collect(later(5))).toBe(0);
    expect(content.collect(later(6))).toBe(1);

    expect(content.getPin('loose')).toBeNull();
    expect(content.getPin('used')).toEqual({ pin: { id: 1 }, texts: new Map([['h1', 'shared'], ['h2', 'own']]) });
    sessions.delete('s1');
    expect(content.collect(later(60))).toBe(0); // Its age counts from the deletion.
  });

  it('moves and removes folders with what lies in them', async () => {
    await using scratch = await openScratch();
    const { files, sessions } = scratch.store;
    sessions.insert(sampleSession('s1'));
    const names = () => files.list('s1', 'workspace').map((row) => row.name);
    for (const name of ['a/x.py', 'a/b/y.py', 'ab.py', 'c.py']) {
      files.put({ session_id: 's1', area: 'workspace', name, origin: 'user', sha256: null, size_bytes: 1, created_at: AT, turn_index: 0 });
    }

    files.rename('s1', 'a', 'z');
    files.rename('s1', 'c.py', 'ab.py');

    expect(names()).toEqual(['ab.py', 'z/b/y.py', 'z/x.py']);
    files.remove('s1', 'workspace', 'z');
    expect(names()).toEqual(['ab.py']);
  });

  it('bounds archives, notes and revisions, and forgets expired facts', async () => {
    await using scratch = await openScratch();
    const { facts, imports, revisions, runNotes, sessions } = scratch.store;
    sessions.insert(sampleSession('s1'));
    for (let index = 0; index < 60; index += 1) {
      runNotes.insert({ session_id: 's1', execution_id: `e${index}`, lane: 'user', at: AT, ok: true, code: '', stdout: '', stderr: '' });
      revisions.insert({ session_id: 's1', kind: 'digest', revision: index, body: { index }, created_at: AT });
    }
    imports.put('s1', 'f1', AT);
    imports.put('s1', 'f2', AT);
    facts.put('window', 8_000, Date.now() + 60_000);

    expect(runNotes.recent('s1', 99).map((note) => note.execution_id)).toEqual(Array.from({ length: 50 }, (_, index) => `e${index + 10}`));
    expect(runNotes.recent('s1', 2).map((note) => note.execution_id)).toEqual(['e58', 'e59']);
    expect(revisions.latest('s1', 'digest')?.body).toEqual({ index: 59 });
    expect(imports.get('s1')).toEqual({ fingerprint: 'f2', at: AT });
    expect([facts.get('window', Date.now()), facts.get('window', Date.now() + 61_000), facts.get('other', 0)]).toEqual([8_000, undefined, undefined]);
  });

  it('lists a thousand sessions from columns alone', async () => {
    await using scratch = await openScratch();
    const { store } = scratch;
    store.transaction(() => {
      for (let index = 0; index < 1_000; index += 1) store.sessions.insert(sampleSession(`s${index}`, { last_updated: later(index) }));
    });
    scratch.tamper("UPDATE sessions SET state = 'never parsed here'");
    store.sessions.list({});

    const startedMs = performance.now();
    const rows = store.sessions.list({});
    process.stdout.write(`list of 1000 sessions: ${(performance.now() - startedMs).toFixed(2)} ms\n`);

    expect(rows).toHaveLength(1_000);
    expect(store.quarantine.list()).toEqual([]);
  });
});
