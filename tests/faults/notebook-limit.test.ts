import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/config/index.ts';
import { describeError, SidecarError } from '../../src/contracts/index.ts';
import { openNotebookBench } from '../support/notebook-bench.ts';
import type { BenchOptions } from '../support/notebook-bench.ts';
import { openScriptedGateway } from '../support/scripted-gateway.ts';
import type { Talk } from '../support/scripted-gateway.ts';

const EIGHT = Array.from({ length: 8 }, (_, index) => `s${index + 1}`);
const TIMES = { callMs: 20_000, askMs: 20, firstPauseMs: 20, longestPauseMs: 40, giveUpMs: 20_000, silenceMs: 20_000, lookMs: 20, confirmMs: 20_000, stopMs: 2_000 };

/** Nine sessions over kernels that cost nothing; a cell `hold` runs until it is let go, a cell `die` takes its kernel with it. */
async function openNine(clock: NonNullable<BenchOptions['clock']> = systemClock) {
  const held: Talk[] = [];
  const gateway = await openScriptedGateway({ execute: (talk) => {
    if (talk.code === 'hold') held.push(talk);
    else if (talk.code === 'die') talk.send('iopub', 'status', { execution_state: 'restarting' }, { session: 'another' });
    else talk.finish();
  } });
  const bench = await openNotebookBench({
    clock, times: { settleMs: 40 }, gatewayTimes: TIMES,
    gateway: { url: gateway.url, token: 'a-token-for-the-gateway', authScheme: 'token', environment: {}, files: { mode: 'none' } },
  });
  for (const session of [...EIGHT, 'ninth']) bench.session(session);
  return {
    bench, gateway, held, states: () => EIGHT.map((session) => bench.notebooks.status(session).state),
    /** Starts cells that run until they are let go. */
    hold: async (sessions: readonly string[]) => {
      const cells = sessions.map(async (session) => await bench.run(session, 'hold'));
      await expect.poll(() => held.length, { timeout: 60_000 }).toBe(sessions.length);
      return cells;
    },
    [Symbol.asyncDispose]: async () => {
      await bench[Symbol.asyncDispose]();
      await gateway[Symbol.asyncDispose]();
    },
  };
}

it('gives a ninth session a kernel when the eight before it were ended because nobody used them', async () => {
  let passed = 0;
  await using nine = await openNine({ now: () => systemClock.now(), monotonicMs: () => systemClock.monotonicMs() + passed });
  for (const session of EIGHT) await nine.bench.run(session, '1');
  for (let tick = 0; tick < 61; tick += 1) {
    passed += 30_000;
    await nine.bench.notebooks.cull();
  }
  const culled = nine.states();

  const answer = await nine.bench.run('ninth', '1');

  expect([new Set(culled), answer.success]).toEqual([new Set(['none']), true]);
});

it('ends the kernel that was used longest ago when all eight are idle, and its next cell says so', async () => {
  await using nine = await openNine();
  for (const session of EIGHT) await nine.bench.run(session, '1');
  await nine.bench.run('s1', '2');

  const answer = await nine.bench.run('ninth', '1');
  const states = nine.states();
  const back = await nine.bench.run('s2', '3');

  expect([answer.success, states]).toEqual([true, ['idle', 'none', ...EIGHT.slice(2).map(() => 'idle')]]);
  expect([back.success, back.state_lost, nine.states()[2]]).toEqual([true, true, 'none']);
});

it('ends no kernel that runs a cell or has a client: the ninth is refused with a sentence of its own until one is free', async () => {
  await using nine = await openNine();
  await nine.bench.run('s8', '1');
  const client = nine.bench.notebooks.jupyter.attach(nine.bench.notebooks.status('s8').kernel_id!, 'watching', { message: () => {}, dead: () => {} });
  const cells = await nine.hold(EIGHT.slice(0, 7));

  const refused = await nine.bench.run('ninth', '1').catch((error: unknown) => error);
  nine.held[0]!.finish();
  await Promise.race(cells);
  const answer = await nine.bench.run('ninth', '1');
  for (const talk of nine.held.slice(1)) talk.finish();
  await Promise.all(cells);
  client.leave();

  expect(refused).toBeInstanceOf(SidecarError);
  expect((refused as SidecarError).code).toBe('QUEUE_FULL');
  expect(describeError(refused as SidecarError, 'en')).toContain('8 kernels are in use at once');
  expect(describeError(refused as SidecarError, 'zh')).toContain('已有 8 个内核同时在使用');
  expect(answer.success).toBe(true);
});

it('tells a streamed cell that is refused, or fails inside, in the language of the session and without the text of an exception', async () => {
  await using nine = await openNine();
  const session = nine.bench.session('zh', 'zh');
  const errorOf = async (code: string): Promise<unknown> => {
    for await (const event of nine.bench.stream(session, code)) if (event.type === 'error') return event;
    return null;
  };
  const cells = await nine.hold([session]);
  const waiting = Array.from({ length: 20 }, async () => await nine.bench.run(session, '1'));
  await expect.poll(() => nine.bench.store.executions.list(session, { lane: 'notebook', limit: 50 }).length, { timeout: 60_000 }).toBe(21);

  const full = await errorOf('1');
  nine.held[0]!.finish();
  await Promise.all([...cells, ...waiting]);
  using database = new DatabaseSync(join(nine.bench.root, 'sessions', 'sidecar.db'));
  database.exec("CREATE TRIGGER broken BEFORE INSERT ON executions BEGIN SELECT RAISE(ABORT, 'inside'); END");
  const broken = await errorOf('1');

  expect(full).toEqual({ type: 'error', code: 'QUEUE_FULL', message: '等待运行的任务太多' });
  expect(broken).toEqual({ type: 'error', code: 'INTERNAL', message: expect.stringMatching(/^[\p{Script=Han}，。]+$/u) });
});

it('counts no kernel that is dead', async () => {
  await using nine = await openNine();
  for (let death = 1; death <= 3; death += 1) await nine.bench.run('s1', 'die');
  const cells = await nine.hold(EIGHT.slice(1));

  const answer = await nine.bench.run('ninth', '1');
  for (const talk of nine.held) talk.finish();
  await Promise.all(cells);

  expect([nine.states()[0], answer.success]).toEqual(['dead', true]);
});
