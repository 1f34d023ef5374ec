import { expect, it } from 'vitest';
import { CHAPTER, codeOf, openBench } from './sessions-bench.test-support.ts';
import type { Bench } from './sessions-bench.test-support.ts';

async function openSession(options: Parameters<typeof openBench>[0] = {}): Promise<Bench> {
  const bench = await openBench(options);
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1', backend_url: 'http://127.0.0.1:9', auth_token: 't' });
  return bench;
}

const kinds = (bench: Bench) => bench.store.outbox.ofSession('s1').map(({ kind }) => kind);

it('skips the current task: state, packet, report and outbox in one step, then tells the followers', async () => {
  await using bench = await openSession();
  bench.commitTurn('s1', { user: 'a', companion: 'b' });
  const follower = bench.sessions.follow('s1', null);

  const answer = bench.sessions.skip('s1', { reason: '太难了' });

  expect(answer).toMatchObject({
    skipped_task_id: 'load_table', next_task_id: 'describe_columns', needs_reason: false, consecutive_skips: 0, all_tasks_done: false,
  });
  const row = bench.store.sessions.get('s1');
  expect(row?.packet).toMatchObject({ instruction_version: 2, current_task_id: 'describe_columns', derived: true });
  expect(row?.state).toMatchObject({ current_instruction_version: 2, current_subtask_id: 'describe_columns', ext: { pending_skip_intro: true } });
  expect(row?.report_md).toContain('## ');
  expect(kinds(bench)).toEqual(['memory', 'report']);
  follower.close();
  const frames: string[] = [];
  for await (const frame of follower.frames) frames.push(frame);
  expect(frames.join('')).toContain('"type": "task_skipped","skipped_task_id": "load_table"');
});

it('asks for a reason at the third skip in a row and changes nothing', async () => {
  await using bench = await openSession();
  bench.sessions.skip('s1', {});
  bench.sessions.skip('s1', {});
  const before = bench.store.sessions.get('s1');

  const answer = bench.sessions.skip('s1', {});

  expect(answer).toMatchObject({ needs_reason: true, skipped_task_id: before?.state.current_subtask_id, consecutive_skips: 2 });
  expect(bench.store.sessions.get('s1')).toEqual(before);
  expect(bench.sessions.skip('s1', { reason: '其他', reason_text: 'later' })).toMatchObject({ needs_reason: false, consecutive_skips: 0 });
  expect(bench.sessions.state('s1').skip_log.at(-1)).toMatchObject({ reason: '其他', reason_text: 'later' });
});

it.each([
  ['an unknown task', { subtask_id: 'nothing_here' }, 'TASK_NOT_FOUND'], ['a task that is done', { subtask_id: 'load_table' }, 'TASK_ALREADY_DONE'],
  ['an unknown reason', { reason: 'boring' }, 'INVALID_SKIP_REASON'], ['another reason without words', { reason: '其他', reason_text: ' ' }, 'SKIP_REASON_TEXT_REQUIRED'],
])('refuses to skip with %s', async (_title, request, code) => {
  await using bench = await openSession();
  bench.sessions.skip('s1', {});

  expect(await codeOf(() => bench.sessions.skip('s1', request))).toBe(code);
});

it('skips nothing when no task is open', async () => {
  await using bench = await openSession();
  const ids = Object.keys(bench.sessions.state('s1').subtask_status);
  for (const id of ids) bench.sessions.skip('s1', { subtask_id: id, reason: '已掌握' });
  const version = bench.store.sessions.get('s1')?.packet.instruction_version;

  expect(bench.sessions.skip('s1', {})).toMatchObject({ skipped_task_id: '', skipped_task_title: '', all_tasks_done: true });
  expect(bench.store.sessions.get('s1')?.packet.instruction_version).toBe(version);
});

it('does not skip during a turn', async () => {
  await using bench = await openSession();
  bench.engine.busy.add('s1');

  expect(await codeOf(() => bench.sessions.skip('s1', {}))).toBe('SESSION_BUSY');
});

it('ends once: the same text again, without a model call, then refuses turns and skips', async () => {
  await using bench = await openSession();
  bench.commitTurn('s1', { user: 'a', companion: 'b' });

  const first = await bench.sessions.end('s1', AbortSignal.timeout(60_000));
  const second = await bench.sessions.end('s1', AbortSignal.timeout(60_000));

  expect(first).toEqual({ final_report: expect.stringContaining('A good story.'), turn_index: 1, generated_by: 'model' });
  expect(second).toEqual(first);
  expect(bench.engine.narrativeCount).toBe(1);
  expect(bench.sessions.state('s1').end_confirmed).toBe(true);
  expect(await codeOf(() => bench.sessions.skip('s1', {}))).toBe('SESSION_ENDED');
  expect(kinds(bench)).toEqual(['memory', 'report']);
  expect(JSON.stringify(bench.store.outbox.ofSession('s1'))).not.toContain('A good story.');
});

it.each<[string, (bench: Bench) => void]>([
  ['no narrative', (bench) => { bench.engine.narrative = async () => null; }],
  ['a failing model', (bench) => { bench.engine.narrative = async () => { throw new Error('broken'); }; }],
  ['a model that never answers', (bench) => { bench.engine.narrative = () => new Promise(() => {}); }],
])('ends from the facts with %s', async (_title, arrange) => {
  await using bench = await openSession();
  arrange(bench);

  const answer = await bench.sessions.end('s1', AbortSignal.timeout(50));

  expect(answer.generated_by).toBe('rules');
  expect(answer.final_report).toContain('## ');
});

it('gives two ends at once one report, and refuses during a turn', async () => {
  await using bench = await openSession();
  const [one, other] = await Promise.all([bench.sessions.end('s1', AbortSignal.timeout(60_000)), bench.sessions.end('s1', AbortSignal.timeout(60_000))]);
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's2' });
  bench.engine.busy.add('s2');

  expect(one).toEqual(other);
  expect(bench.engine.narrativeCount).toBe(1);
  expect(await codeOf(() => bench.sessions.end('s2', AbortSignal.timeout(50)))).toBe('SESSION_BUSY');
});

it.each<[string, { message: string; client_turn_id?: string }, { stopping?: boolean; id?: string }, string]>([
  ['a blank message first of all', { message: ' \n\u3000', client_turn_id: '!' }, { stopping: true, id: 'nobody' }, 'MESSAGE_EMPTY'],
  ['a long message before a bad id', { message: '💡'.repeat(21), client_turn_id: '!' }, { stopping: true }, 'MESSAGE_TOO_LONG'],
  ['a bad id before a stop', { message: 'hi', client_turn_id: 'a b' }, { stopping: true }, 'VALIDATION_FAILED'],
  ['a stop before an unknown session', { message: 'hi' }, { stopping: true, id: 'nobody' }, 'SHUTTING_DOWN'],
  ['nothing at the limit', { message: '💡'.repeat(20) }, {}, 'none'],
])('refuses %s', async (...[_title, request, { stopping = false, id = 's1' }, code]) => {
  await using bench = await openSession({ settings: { maxInputLength: 20 } });
  bench.stopping.value = stopping;

  expect(await codeOf(() => bench.sessions.send(id, request))).toBe(code);
});

it('starts no turn for a reader that there is no room for', async () => {
  await using bench = await openSession();
  const followers = Array.from({ length: 8 }, () => bench.sessions.follow('s1', null));

  expect(await codeOf(() => bench.sessions.send('s1', { message: 'hi' }))).toBe('TOO_MANY_SUBSCRIBERS');
  expect(bench.engine.started).toEqual([]);
  for (const follower of followers) follower.close();
});

it('sums usage by turn and agent and keeps cancelled turns apart', async () => {
  await using bench = await openSession();
  bench.commitTurn('s1', { user: 'a', companion: 'b' });
  const attempt = (turnId: string, agent: 'CA' | 'MA', input: number) => bench.store.ledger.insert({
    turn_id: turnId, session_id: 's1', agent, purpose: 'reply', model: 'm', endpoint: 'e', attempt: 1, usage: { input_tokens: input, output_tokens: 1 },
    estimated: agent === 'MA', ttft_ms: null, total_ms: 1, finish: 'stop', repaired: false, prompt_hash: '', manifest: {}, at: bench.clock.now().toISOString(),
  });
  attempt('trn_s1_0', 'CA', 10);
  attempt('trn_s1_0', 'CA', 5);
  attempt('trn_s1_0', 'MA', 7);
  attempt('trn_gone', 'CA', 100);

  const usage = bench.sessions.usage('s1');

  const agents = {
    CA: { input_tokens: 15, output_tokens: 2, cached_tokens: 0, calls: 2, estimated: false },
    MA: { input_tokens: 7, output_tokens: 1, cached_tokens: 0, calls: 1, estimated: true },
  };
  expect(usage).toEqual({ turns: [{ turn_index: 0, agents }], totals: agents, unattributed: { input_tokens: 100, output_tokens: 1, calls: 1 } });
});

it('tells errors in the language of the chapter, else of the service', async () => {
  await using bench = await openSession({ settings: { language: 'zh' } });

  expect(['s1', 'nobody', '..'].map((id) => bench.sessions.languageOf(id))).toEqual(['en', 'zh', 'zh']);
});

it('suggests the end on the event stream when a skip settles the last required task', async () => {
  await using bench = await openSession();
  const follower = bench.sessions.follow('s1', null);
  const required = Object.entries(bench.sessions.state('s1').ext!.tasks).filter(([, task]) => task.required).map(([id]) => id);

  for (const subtask_id of required) bench.sessions.skip('s1', { subtask_id, reason: '已掌握' });

  follower.close();
  const frames: string[] = [];
  for await (const frame of follower.frames) frames.push(frame);
  expect(frames.filter((frame) => frame.includes('"type": "session_end_suggested"'))).toHaveLength(1);
});
