import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { setImmediate as nextLoop } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { startBackendServer } from '../../tests/support/backend-server.ts';
import type { BackendReply, BackendServer, SeenRequest } from '../../tests/support/backend-server.ts';
import { AT, sampleHistory, sampleSession } from '../../tests/support/store-rows.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { silentLog } from '../config/index.ts';
import type { Log } from '../config/index.ts';
import { memoryItem, openStore, reportItem, turnItem } from '../store/index.ts';
import { createSync } from './create-sync.ts';
import type { Sync } from './sync-contract.ts';
import type { Timers } from './timers.ts';

const jwt = (subject: string, salt = ''): string =>
  ['{}', JSON.stringify({ sub: subject, salt }), 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.');

/** A clock that stands still until a timer is fired; a fired timer's time has come. */
class ManualTime implements Timers {
  nowMs = Date.parse(AT);
  waiting: { atMs: number; run: () => void }[] = [];
  readonly clock = { now: () => new Date(this.nowMs), monotonicMs: () => this.nowMs };

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.waiting.push(timer);
    return () => (this.waiting = this.waiting.filter((other) => other !== timer));
  }

  /** Fires the next timer; says how long was waited for it. */
  fire(): number {
    const next = this.waiting.toSorted((left, right) => left.atMs - right.atMs)[0];
    if (next === undefined) throw new Error('no timer is waiting');
    this.waiting = this.waiting.filter((other) => other !== next);
    const waitedMs = next.atMs - this.nowMs;
    this.nowMs = Math.max(this.nowMs, next.atMs);
    next.run();
    return waitedMs;
  }
}

/** Turns the event loop until something holds; the test's own limit is the bound. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await nextLoop();
}

async function openScratch(options: { log?: Log; origins?: readonly string[] } = {}) {
  const folder = await createTemporaryFolder();
  const time = new ManualTime();
  const store = await openStore({ dir: folder.path, clock: time.clock, log: silentLog });
  const start = (): Sync => createSync({
    store, clock: time.clock, log: options.log ?? silentLog, backendOrigins: options.origins ?? null, random: () => 0, timers: time,
  });
  const scratch = {
    folder, time, store, sync: start(),
    restart: async () => {
      await scratch.sync.stop();
      scratch.sync = start();
    },
    /** What a create or reattach does with a backend: fixed at its first use, then the token. */
    attach: (id: string, hint: { backendUrl?: string; token?: string }) => {
      if (hint.backendUrl !== undefined && store.backends.get(id) === null) {
        const origin = new URL(hint.backendUrl).origin;
        store.backends.put({ session_id: id, origin, url: hint.backendUrl.replace(/\/$/, ''), bid: null, paused: 'token' });
      }
      return hint.token !== undefined && scratch.sync.setToken(id, hint.token);
    },
    addSession: (id: string) => store.sessions.insert(sampleSession(id)),
    /** Commits a turn with its memory and report, as the engine does. */
    commit: (id: string, index: number) => store.transaction(() => {
      const turn = sampleHistory(id, index, { user_message: `${id} says ${index}` });
      store.history.insert(turn);
      store.sessions.update(id, { report_md: `# ${index}`, state: { ...store.sessions.get(id)!.state, turn_index: index + 1 } }, AT);
      const session = store.sessions.get(id)!;
      for (const item of [turnItem('ch1', turn), memoryItem(session), reportItem(session)]) store.outbox.enqueue(id, item, AT);
    }),
    /** Only a turn, for tests of single rows. */
    enqueueTurn: (id: string, index: number) => store.outbox.enqueue(id, turnItem('ch1', sampleHistory(id, index)), AT),
    rows: (id: string) => store.outbox.ofSession(id).map((row) => [row.turn_index ?? row.kind, row.state, row.attempts, row.error, row.next_at - time.nowMs]),
    isIdle: (id: string) => store.outbox.ofSession(id).every((row) => row.state === 'dead'),
    [Symbol.asyncDispose]: async () => {
      await scratch.sync.stop();
      store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
  return scratch;
}

const pathsOf = (backend: BackendServer): string[] => backend.seen.map((request) => `${request.method} ${request.path}`);
const once = (...replies: BackendReply[]) => (): BackendReply => replies.shift() ?? { status: 201 };

describe('delivery', () => {
  it('sends turns by index, then memory, then report, with the token and nothing else', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    scratch.addSession('s1');
    scratch.commit('s1', 0);
    scratch.commit('s1', 1);

    expect(scratch.attach('s1', { backendUrl: `${backend.url}/api/`, token: 't0k' })).toBe(true);
    await until(() => scratch.isIdle('s1'));

    expect(pathsOf(backend)).toEqual([
      'POST /api/v1/sessions/s1/turns', 'POST /api/v1/sessions/s1/turns', 'PUT /api/v1/sessions/s1/memory', 'PUT /api/v1/sessions/s1/report',
    ]);
    expect(new Set(backend.seen.map((request) => request.authorization))).toEqual(new Set(['Bearer t0k']));
    expect(backend.seen[0]?.body).toEqual({
      chapter_id: 'ch1', turn_index: 0, user_message: 's1 says 0', companion_response: 'answer 0', turn_outcome: sampleHistory('s1', 0).turn_outcome,
    });
    expect(backend.seen[2]?.body.agent_state.session_state).toMatchObject({ session_id: 's1', turn_index: 2 });
    expect(backend.seen[3]?.body).toEqual({ chapter_id: 'ch1', report_md: '# 1' });
    expect(scratch.sync.status()).toEqual({ pending: 0, oldest_at: null, paused_reason: null, dead_letters: 0 });
    expect(scratch.time.waiting).toEqual([]);
  });

  it.each([
    ['200', { status: 200 }, []],
    ['409', { status: 409 }, []],
    ['400', { status: 400 }, [[0, 'dead', 1, 'HTTP_400']]],
    ['413', { status: 413 }, [[0, 'dead', 1, 'HTTP_413']]],
    ['422', { status: 422 }, [[0, 'dead', 1, 'HTTP_422']]],
  ] as [string, BackendReply, unknown[][]][])('goes on after %s', async (_title, reply, left) => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    backend.reply = once(reply);
    scratch.addSession('s1');
    scratch.enqueueTurn('s1', 0);
    scratch.enqueueTurn('s1', 1);

    scratch.attach('s1', { backendUrl: backend.url, token: 't' });
    await until(() => backend.seen.length === 2 && scratch.isIdle('s1'));

    expect(backend.seen.map((request) => request.body.turn_index)).toEqual([0, 1]);
    expect(scratch.rows('s1').map((row) => row.slice(0, 4))).toEqual(left);
    expect(scratch.sync.status().dead_letters).toBe(left.length);
  });

  it.each([
    ['408', { status: 408 }, ['HTTP_408', 2_000]],
    ['425', { status: 425 }, ['HTTP_425', 2_000]],
    ['429 with its time', { status: 429, headers: { 'retry-after': '77' } }, ['HTTP_429', 77_000]],
    ['500', { status: 500, body: 'Bearer t0k is wrong' }, ['HTTP_500', 2_000]],
    ['503 with a date', { status: 503, headers: { 'retry-after': new Date(Date.parse(AT) + 9_000).toUTCString() } }, ['HTTP_503', 9_000]],
    ['a status without a rule', { status: 418 }, ['HTTP_418', 2_000]],
    ['a cut connection', 'cut', ['NETWORK', 2_000]],
  ] as [string, BackendReply, [string, number]][])('waits and tries the same row again after %s', async (_title, reply, [error, waitMs]) => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    backend.reply = once(reply);
    scratch.addSession('s1');
    scratch.enqueueTurn('s1', 0);
    scratch.enqueueTurn('s1', 1);
    scratch.attach('s1', { backendUrl: backend.url, token: 't0k' });
    await until(() => scratch.time.waiting.length === 1 && backend.seen.length === 1 && scratch.rows('s1')[0]?.[2] === 1);

    expect(scratch.rows('s1')).toEqual([[0, 'pending', 1, error, waitMs], [1, 'pending', 0, null, -scratch.time.nowMs]]);
    expect(scratch.time.fire()).toBe(waitMs);
    await until(() => scratch.isIdle('s1'));
    expect(backend.seen.map((request) => request.body.turn_index)).toEqual([0, 0, 1]);
  });

  it('gives a silent backend 10 s, and longer and longer rests', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    backend.reply = () => 'stall';
    scratch.addSession('s1');
    scratch.enqueueTurn('s1', 0);
    scratch.attach('s1', { backendUrl: backend.url, token: 't' });

    const waits: number[] = [];
    for (let round = 1; round <= 3; round += 1) {
      await until(() => backend.seen.length === round);
      waits.push(scratch.time.fire());
      await until(() => backend.abandoned === round && scratch.time.waiting.length === 1);
      waits.push(scratch.time.fire());
    }

    expect(waits).toEqual([10_000, 2_000, 10_000, 4_000, 10_000, 8_000]);
  });

  it('follows no redirect and shows the token to nobody else', async () => {
    await using backend = await startBackendServer();
    await using other = await startBackendServer();
    await using scratch = await openScratch();
    backend.reply = () => ({ status: 307, headers: { location: `${other.url}/v1/sessions/s1/turns` } });
    scratch.addSession('s1');
    scratch.enqueueTurn('s1', 0);

    scratch.attach('s1', { backendUrl: backend.url, token: 't' });
    await until(() => scratch.rows('s1')[0]?.[3] === 'HTTP_307');

    expect([backend.seen.length, other.seen.length]).toEqual([1, 0]);
  });

  it('sends the newest memory when one was committed while an older one was on its way', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    scratch.addSession('s1');
    scratch.commit('s1', 0);
    backend.reply = (request: SeenRequest) => {
      if (request.path.endsWith('/memory') && request.body.agent_state.session_state.turn_index === 1) scratch.commit('s1', 1);
      return { status: 200 };
    };

    scratch.attach('s1', { backendUrl: backend.url, token: 't' });
    await until(() => scratch.isIdle('s1'));

    expect(backend.seen.map((request) => request.path.split('/').at(-1))).toEqual(['turns', 'memory', 'turns', 'memory', 'report']);
    expect(backend.documents.get('/v1/sessions/s1/memory').agent_state.session_state.turn_index).toBe(2);
  });

  it('keeps sessions apart: one that fails does not hold another', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    backend.reply = (request) => ({ status: request.path.includes('/s1/') ? 500 : 201 });
    for (const id of ['s1', 's2', 's3', 's4', 's5', 's6']) {
      scratch.addSession(id);
      scratch.commit(id, 0);
      scratch.attach(id, { backendUrl: backend.url, token: 't' });
    }

    await until(() => ['s2', 's3', 's4', 's5', 's6'].every((id) => scratch.isIdle(id)) && scratch.rows('s1')[0]?.[2] === 1);

    expect(scratch.rows('s1').map((row) => row[0])).toEqual([0, 'memory', 'report']);
  });

  it('delivers every turn once and in order through any faults', async () => {
    await using backend = await startBackendServer();
    const fault = fc.constantFrom<BackendReply>({ status: 500 }, { status: 429, headers: { 'retry-after': '3' } }, 'cut', { status: 409 }, { status: 404 }, { status: 201 });
    await fc.assert(fc.asyncProperty(fc.array(fault, { maxLength: 12 }), fc.integer({ min: 1, max: 4 }), async (faults, turns) => {
      await using scratch = await openScratch();
      backend.seen.length = 0;
      backend.turns.clear();
      const next = once(...faults);
      let registrations = 0;
      backend.reply = (request) => {
        if (request.path.startsWith('/v1/chapters/')) return { status: 201, body: JSON.stringify({ session_id: `b${registrations += 1}` }) };
        const reply = next();
        return typeof reply === 'object' && reply.status === 409 && !request.path.endsWith('/turns') ? { status: 201 } : reply;
      };
      scratch.addSession('s1');
      for (let index = 0; index < turns; index += 1) scratch.commit('s1', index);
      scratch.attach('s1', { backendUrl: backend.url, token: 't' });
      const isBusy = () => !scratch.isIdle('s1');
      while (isBusy()) {
        await nextLoop();
        const isResting = scratch.time.waiting.length === 1 && scratch.time.waiting[0]!.atMs - scratch.time.nowMs !== 10_000;
        if (isResting && isBusy()) scratch.time.fire();
      }
      const accepted = backend.seen.filter((request) => request.path.endsWith('/turns')).map((request) => [request.path, request.body.turn_index] as const);
      for (const path of new Set(accepted.map(([name]) => name))) {
        const order = accepted.filter(([name]) => name === path).map(([, index]) => index);
        expect(order).toEqual(order.toSorted((left, right) => left - right));
      }
      const last = accepted.at(-1)![0];
      expect(new Set(accepted.filter(([name]) => name === last).map(([, index]) => index)).size).toBe(turns);
    }), { numRuns: 25 });
  });
});

describe('tokens', () => {
  it('pauses the whole origin on 401, does not poll, and goes on with a newer token of any of its sessions', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    backend.reply = (request) => ({ status: request.authorization === `Bearer ${jwt('anna', 'new')}` ? 201 : 401 });
    for (const id of ['s1', 's2']) scratch.addSession(id);
    scratch.enqueueTurn('s1', 0);
    scratch.attach('s2', { backendUrl: backend.url, token: jwt('anna', 'old') });
    scratch.attach('s1', { backendUrl: backend.url, token: jwt('anna', 'old') });
    await until(() => scratch.sync.status().paused_reason === 'token');

    scratch.enqueueTurn('s2', 0);
    scratch.sync.setToken('s1', jwt('anna', 'old'));
    scratch.sync.kick();
    await nextLoop();
    await nextLoop();

    expect(scratch.time.waiting).toEqual([]);
    expect(backend.seen).toHaveLength(1);
    scratch.sync.setToken('s2', jwt('anna', 'new'));
    await until(() => scratch.isIdle('s1') && scratch.isIdle('s2'));
    expect(backend.seen).toHaveLength(3);
    expect(scratch.rows('s1')).toEqual([]);
  });

  it('never uses one user’s token for another user’s session', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    for (const id of ['s1', 's2']) {
      scratch.addSession(id);
      scratch.attach(id, { backendUrl: backend.url, token: jwt(id) });
    }
    await scratch.restart();
    for (const id of ['s1', 's2']) scratch.enqueueTurn(id, 0);

    scratch.sync.setToken('s2', jwt('s2', 'new'));
    await until(() => scratch.isIdle('s2'));

    expect(pathsOf(backend)).toEqual(['POST /v1/sessions/s2/turns']);
    expect(scratch.sync.status()).toMatchObject({ pending: 1, paused_reason: 'token' });
  });

  it('waits after a restart for the first token and then sends what is left', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    backend.reply = () => ({ status: 503 });
    scratch.addSession('s1');
    scratch.commit('s1', 0);
    scratch.attach('s1', { backendUrl: backend.url, token: 't' });
    await until(() => scratch.rows('s1')[0]?.[2] === 1);

    await scratch.restart();
    scratch.sync.kick();
    await nextLoop();
    await nextLoop();

    expect([scratch.time.waiting.length, backend.seen.length, scratch.sync.status().paused_reason]).toEqual([0, 1, 'token']);
    backend.reply = () => ({ status: 201 });
    scratch.attach('s1', { token: 't' });
    await until(() => scratch.time.waiting.length === 1);
    scratch.time.fire();
    await until(() => scratch.isIdle('s1'));
    expect(backend.turns.get('/v1/sessions/s1/turns')).toEqual(new Map([[0, 's1 says 0']]));
  });

  it('uses a token that came while the old one was being refused, without a pause', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    scratch.addSession('s1');
    scratch.enqueueTurn('s1', 0);
    backend.reply = (request) => {
      if (request.authorization !== 'Bearer old') return { status: 201 };
      scratch.sync.setToken('s1', 'new');
      return { status: 401 };
    };

    scratch.attach('s1', { backendUrl: backend.url, token: 'old' });
    await until(() => scratch.isIdle('s1'));

    expect(backend.seen.map((request) => request.authorization)).toEqual(['Bearer old', 'Bearer new']);
  });

  it('stops one session on 403 until a new token comes for it', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    backend.reply = (request) => ({ status: request.path.includes('/s1/') && request.authorization === 'Bearer t' ? 403 : 201 });
    for (const id of ['s1', 's2']) {
      scratch.addSession(id);
      scratch.enqueueTurn(id, 0);
      scratch.attach(id, { backendUrl: backend.url, token: 't' });
    }
    await until(() => scratch.isIdle('s2') && scratch.sync.status().paused_reason === 'denied');

    scratch.sync.setToken('s1', 't');
    expect(scratch.store.backends.get('s1')?.paused).toBe('denied');
    scratch.sync.setToken('s1', 'other');
    await until(() => scratch.isIdle('s1'));

    expect(pathsOf(backend).filter((path) => path.includes('/s1/'))).toHaveLength(2);
  });

  it('leaves no trace of a token in files or log, not even one that the backend echoes', async () => {
    await using backend = await startBackendServer();
    const lines: string[] = [];
    const write = (fields: object, message: string) => void lines.push(JSON.stringify(fields) + message);
    await using scratch = await openScratch({ log: { debug: write, info: write, warn: write, error: write } });
    const token = jwt('anna', 'very secret');
    const replies: BackendReply[] = [500, 404, 422, 401].map((status) => ({ status, body: `no: Bearer ${token}` }));
    backend.reply = (request) => (request.path.startsWith('/v1/chapters') ? { status: 400, body: token } : replies.shift() ?? 'stall');
    scratch.addSession('s1');
    for (let index = 0; index < 4; index += 1) scratch.enqueueTurn('s1', index);
    scratch.attach('s1', { backendUrl: backend.url, token });
    while (replies.length > 0) {
      await nextLoop();
      if (scratch.time.waiting[0] !== undefined && scratch.time.waiting[0].atMs - scratch.time.nowMs < 10_000) scratch.time.fire();
    }
    await until(() => scratch.store.backends.get('s1')?.paused === 'token');

    const files = readdirSync(scratch.folder.path).map((name) => readFileSync(scratch.folder.join(name)).toString('latin1'));
    const everything = [...files, ...lines].join('\n');
    expect(lines.length).toBeGreaterThan(2);
    expect(everything).toContain('HTTP_422');
    for (const part of [token, ...token.split('.').slice(1, 2), 'very secret', 'anna']) expect(everything).not.toContain(part);
  });

  it('ignores a token that no header can carry', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    scratch.addSession('s1');
    scratch.enqueueTurn('s1', 0);

    scratch.attach('s1', { backendUrl: backend.url, token: 'a\r\nx-evil: 1' });
    await nextLoop();

    expect([backend.seen.length, scratch.sync.status().paused_reason]).toEqual([0, 'token']);
  });
});

describe('a backend that does not know the session', () => {
  it.each(['turns', 'memory', 'report'])('registers it on a 404 of %s and sends everything committed again', async (kind) => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    backend.reply = (request) => {
      if (request.path === '/v1/chapters/ch1/sessions') return { status: 201, body: '{"session_id":"other-1"}' };
      return { status: request.path === `/v1/sessions/s1/${kind}` ? 404 : 201 };
    };
    scratch.addSession('s1');
    scratch.commit('s1', 0);
    scratch.commit('s1', 1);

    scratch.attach('s1', { backendUrl: backend.url, token: 't' });
    await until(() => scratch.isIdle('s1'));

    const registration = pathsOf(backend).indexOf('POST /v1/chapters/ch1/sessions');
    expect(backend.seen[registration]?.body).toEqual({ course_id: 'course' });
    expect(pathsOf(backend).slice(registration + 1)).toEqual([
      'POST /v1/sessions/other-1/turns', 'POST /v1/sessions/other-1/turns', 'PUT /v1/sessions/other-1/memory', 'PUT /v1/sessions/other-1/report',
    ]);
    expect(backend.documents.get('/v1/sessions/other-1/memory')).toMatchObject({
      chapter_id: 'ch1', agent_state: { session_state: { session_id: 's1', turn_index: 2 } },
    });
    expect(scratch.store.backends.get('s1')?.bid).toBe('other-1');
  });

  it('registers ever more slowly when the new id is forgotten too', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    backend.reply = (request) => (request.path.startsWith('/v1/chapters') ? { status: 201, body: '{"session_id":"b"}' } : { status: 404 });
    scratch.addSession('s1');
    scratch.commit('s1', 0);
    scratch.attach('s1', { backendUrl: backend.url, token: 't' });

    const waits: number[] = [];
    for (const requests of [4, 6, 8]) {
      await until(() => backend.seen.length === requests && scratch.time.waiting.length === 1 && Number(scratch.rows('s1')[0]?.[4]) > 0);
      waits.push(scratch.time.fire());
    }

    expect(waits).toEqual([2_000, 4_000, 8_000]);
  });

  it('registers at once when an id that worked is forgotten later', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    const known = new Set<string>();
    backend.reply = (request) => {
      if (!request.path.startsWith('/v1/chapters')) return { status: known.has(request.path.split('/')[3]!) ? 201 : 404 };
      known.add(`b${known.size}`);
      return { status: 201, body: JSON.stringify({ session_id: `b${known.size - 1}` }) };
    };
    scratch.addSession('s1');
    scratch.commit('s1', 0);
    scratch.attach('s1', { backendUrl: backend.url, token: 't' });
    await until(() => scratch.isIdle('s1'));

    known.delete('b0');
    known.add('other');
    scratch.commit('s1', 1);
    scratch.sync.kick();
    await until(() => scratch.isIdle('s1'));

    expect(scratch.time.waiting).toEqual([]);
    expect([...backend.turns.get('/v1/sessions/b1/turns')!.keys()]).toEqual([0, 1]);
  });

  it.each([
    ['refuses', { status: 422 }, 'REGISTER_HTTP_422'],
    ['does not know the chapter', { status: 404 }, 'REGISTER_HTTP_404'],
    ['fails', { status: 502 }, 'REGISTER_HTTP_502'],
    ['gives no usable id', { status: 201, body: '{"session_id":"../admin"}' }, 'REGISTER_WITHOUT_ID'],
  ] as [string, BackendReply, string][])('keeps every row when the registration %s', async (_title, reply, error) => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    backend.reply = (request) => (request.path.startsWith('/v1/chapters') ? reply : { status: 404 });
    scratch.addSession('s1');
    scratch.commit('s1', 0);

    scratch.attach('s1', { backendUrl: backend.url, token: 't' });
    await until(() => scratch.time.waiting.length === 1 && scratch.rows('s1')[0]?.[2] === 1);

    expect(scratch.rows('s1').map((row) => row.slice(0, 4))).toEqual([
      [0, 'pending', 1, error], ['memory', 'pending', 0, null], ['report', 'pending', 0, null],
    ]);
  });

  it('does not register a session that was deleted meanwhile', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    scratch.addSession('s1');
    scratch.enqueueTurn('s1', 0);
    backend.reply = () => {
      scratch.store.sessions.delete('s1');
      return { status: 404 };
    };

    scratch.attach('s1', { backendUrl: backend.url, token: 't' });
    await until(() => backend.seen.length === 1);
    await scratch.sync.stop();

    expect(pathsOf(backend)).toEqual(['POST /v1/sessions/s1/turns']);
  });
});

describe('a changed backend', () => {
  it('pauses the session, takes no token for another place, and goes on when the first one is named again', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    scratch.addSession('s1');
    scratch.attach('s1', { backendUrl: backend.url, token: 't' });
    scratch.store.backends.pause({ sessionId: 's1' }, 'backend_changed');
    scratch.enqueueTurn('s1', 0);

    expect(scratch.sync.setToken('s1', 'for another')).toBe(false);
    await nextLoop();
    await nextLoop();
    expect([scratch.sync.status().paused_reason, backend.seen.length]).toEqual(['backend_changed', 0]);

    scratch.store.backends.pause({ sessionId: 's1' }, 'token');
    expect(scratch.sync.setToken('s1', 't')).toBe(false); // Known already, and good enough to go on.
    await until(() => scratch.isIdle('s1'));
    expect(backend.seen.map((request) => request.authorization)).toEqual(['Bearer t']);
  });

  it('is not asked for a session that has none', async () => {
    await using scratch = await openScratch();
    scratch.addSession('s1');

    expect(scratch.sync.setToken('s1', 't')).toBe(false);
    expect(scratch.sync.status()).toEqual({ pending: 0, oldest_at: null, paused_reason: null, dead_letters: 0 });
  });

  it('sends nothing to a stored backend that is no longer allowed', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch({ origins: ['https://api.example'] });
    scratch.addSession('s1');
    scratch.enqueueTurn('s1', 0);
    scratch.store.backends.put({ session_id: 's1', origin: backend.url, url: backend.url, bid: null, paused: 'token' });

    scratch.sync.setToken('s1', 't');
    await until(() => scratch.sync.status().paused_reason === 'denied');

    expect(backend.seen).toEqual([]);
  });
});

describe('stopping and failing storage', () => {
  it('ends a running call at once and leaves its row as it was', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    backend.reply = () => 'stall';
    scratch.addSession('s1');
    scratch.enqueueTurn('s1', 0);
    scratch.attach('s1', { backendUrl: backend.url, token: 't' });
    await until(() => backend.seen.length === 1);

    await scratch.sync.stop();
    await until(() => backend.abandoned === 1);
    scratch.sync.kick();
    await nextLoop();

    expect(scratch.rows('s1').map((row) => row.slice(0, 4))).toEqual([[0, 'pending', 0, null]]);
    expect([backend.seen.length, scratch.time.waiting.length]).toEqual([1, 0]);
  });

  it('rests instead of sending on and on when answers cannot be stored, and still stops', async () => {
    await using backend = await startBackendServer();
    await using scratch = await openScratch();
    scratch.addSession('s1');
    scratch.enqueueTurn('s1', 0);
    backend.reply = () => {
      rmSync(scratch.folder.path, { recursive: true });
      return { status: 201 };
    };

    scratch.attach('s1', { backendUrl: backend.url, token: 't' });
    await until(() => scratch.time.waiting.some((timer) => timer.atMs - scratch.time.nowMs === 30_000));
    await scratch.sync.stop();

    expect(backend.seen).toHaveLength(1);
  });
});
