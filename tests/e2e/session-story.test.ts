import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { extract } from 'tar';
import { describe, expect, it } from 'vitest';
import { companionReply, gate, inPieces, memoReply, planReply, speakReply, status, structured, text } from '../support/provider/index.ts';
import type { SseEvent } from '../support/sse-client.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { CA, GREETING, MA, RMA, scriptQuietly, scriptUnlock, startTutor } from '../support/tutor.ts';
import type { Tutor } from '../support/tutor.ts';
import { dataOf, expectOrder, textOf } from '../support/turn-order.ts';

/** A folder with `curriculum_v1.tar.gz`, the real courses; without it their variant is skipped. */
const SAMPLE_DATA = process.env['SIDECAR_SAMPLE_DATA'] ?? '';
const ARCHIVE = join(SAMPLE_DATA, 'curriculum_v1.tar.gz');
const hasRealCourses = SAMPLE_DATA !== '' && existsSync(ARCHIVE);

const ANSWER = 'Say in one sentence what one row stands for, then count the rows.';
const raw = (events: readonly SseEvent[]): string => events.map((event) => event.raw).join('');

async function tellStory(tutor: Tutor, chapterId: string): Promise<void> {
  const { provider } = tutor;
  const created = await tutor.sidecar.call('POST', '/api/session/new', { chapter_id: chapterId });
  const session: string = created.body.session_id;
  const send = async (message: string) => await tutor.sidecar.turn(session, message);
  const first = await tutor.state(session);
  const [taskA, taskB] = Object.keys(first.subtask_status);
  expect(created.body).toMatchObject({ chapter: { chapter_id: chapterId }, sync: 'off', initial_message: expect.stringMatching(/\S/) });
  expect(first).toMatchObject({ turn_index: 0, current_subtask_id: taskA, current_instruction_version: 1 });
  expect([provider.requests, await tutor.report(session)]).toEqual([[], '']);

  provider.script(CA, companionReply({ judgement: null, prose: 'Welcome! Shall we begin?', record: null }));
  const greeting = await send(GREETING);
  expectOrder(greeting, 'internal');
  expect(textOf(greeting)).toBe('Welcome! Shall we begin?');

  provider.script(CA, companionReply({ prose: ANSWER, judgement: { blocker: 'none', sentiment: 'confused' } }));
  const locked = await send('How do I begin?');
  expectOrder(locked, 'locked');

  scriptUnlock(provider, { judgement: { checkpoint: true } });
  provider.script(RMA, structured(planReply({
    packet: { current_focus: 'the second step' },
    state_update: { subtask_status: { [taskA!]: { status: 'completed', evidence: [{ text: 'finished the first step', quote: 'the first step is finished' }] } } },
  })));
  provider.script(MA, structured(memoReply({ report: { activity: 'finished the first step', points: [], solid: ['careful reading'], needs_support: [], next_step: 'go on' } })));
  const checkpoint = await send('Look: the first step is finished.');
  expectOrder(checkpoint, 'unlocked');
  expect(await tutor.state(session)).toMatchObject({ current_subtask_id: taskB, current_instruction_version: 2, subtask_status: { [taskA!]: { status: 'completed' } } });
  expect(await tutor.report(session)).toContain('careful reading');

  provider.script(CA, companionReply({ judgement: { skip: 'asked:not_interested' }, prose: 'NEVER' }), speakReply({ prose: 'Then let us go on with the third step.' }));
  const skipped = await send('This one bores me, skip it.');
  expectOrder(skipped, 'locked');
  const afterSkip = await tutor.state(session);
  expect(afterSkip.skip_log).toMatchObject([{ subtask_id: taskB, reason: '不感兴趣' }]);

  const beforeCancel = await tutor.trace(session);
  provider.script(CA, [...inPieces(companionReply({ prose: ANSWER, record: null })), gate('cancel')]);
  const cancelled = await tutor.sidecar.send(session, 'And the third one?');
  await cancelled.until('companion_chunk');
  await provider.reached('cancel');
  const answer = await tutor.sidecar.call('POST', `/api/session/${session}/message/cancel`);
  expectOrder(dataOf(await cancelled.untilTerminal()), 'cancelledInText');
  expect([answer.body.outcome, await tutor.trace(session)]).toEqual(['cancelled', beforeCancel]);

  const pieces = inPieces(companionReply({ prose: ANSWER }), 10);
  provider.script(CA, [...pieces.slice(0, 7), gate('leave'), ...pieces.slice(7)]);
  const witness = await tutor.sidecar.events(session);
  const leaver = await tutor.sidecar.send(session, 'And the third one, please?');
  const seen = await leaver.until('companion_chunk');
  await leaver.close();
  await provider.reached('leave');
  const resumed = await tutor.sidecar.events(session, seen.id);
  provider.release('leave');
  const whole = await witness.untilTerminal();
  expect(raw(leaver.events) + raw(await resumed.untilTerminal())).toBe(raw(whole));
  expectOrder(dataOf(whole), 'locked');

  const beforeRestart = await tutor.trace(session);
  await tutor.restart('SIGKILL');
  expect(await tutor.trace(session)).toEqual(beforeRestart);
  const after = await send('Where were we?');
  expectOrder(after, 'locked');
  expect(after[0]).toMatchObject({ turn_index: 5 });

  const history = await tutor.history(session);
  expect(history.map((past) => [past.turn_index, past.kind, past.user_message, past.companion_response])).toEqual([
    [0, 'greeting', GREETING, 'Welcome! Shall we begin?'],
    [1, 'student', 'How do I begin?', ANSWER],
    [2, 'student', 'Look: the first step is finished.', 'Here is the new step.'],
    [3, 'student', 'This one bores me, skip it.', 'Then let us go on with the third step.'],
    [4, 'student', 'And the third one, please?', ANSWER],
    [5, 'student', 'Where were we?', textOf(after)],
  ]);
  const report = await tutor.report(session);
  expect(report).toMatch(/^## /m);
  expect(report).toMatch(/下一步|建议|next/i);
  provider.script(MA, text('{"narrative":"The learner finished one step and skipped another."}'));
  const end = await tutor.sidecar.call('POST', `/api/session/${session}/end`);
  const again = await tutor.sidecar.call('POST', `/api/session/${session}/end`);
  expect(end.body).toMatchObject({ generated_by: 'model', turn_index: 6, final_report: expect.stringContaining('The learner finished one step') });
  expect(again.body).toEqual(end.body);
  const refused = await tutor.sidecar.call('POST', `/api/session/${session}/message/stream`, { message: 'more' });
  expect([refused.status, refused.body.code]).toEqual([409, 'SESSION_ENDED']);
  expect(await tutor.report(session)).not.toBe('');
  provider.assertClean();
}

describe('a whole session over HTTP', () => {
  it('of a sample chapter', async () => {
    await using tutor = await startTutor();

    await tellStory(tutor, 'python_first_steps/ch1_reading_a_table');
  });

  it.skipIf(!hasRealCourses)('of a real chapter', async () => {
    await using folder = await createTemporaryFolder('courses');
    await extract({ file: ARCHIVE, cwd: folder.path });
    await using tutor = await startTutor({ env: { CURRICULUM_DIR: folder.join('content', 'curriculum') } });

    await tellStory(tutor, 'course1_python_pandas_basics/ch0_pandas_basics');
  });

  it('without any model: the offline tutor says what it is and does all of it', async () => {
    await using tutor = await startTutor({ env: { LLM_PROVIDER: 'offline' } });
    const session = await tutor.sidecar.create();
    const orders = [];
    for (const message of [GREETING, 'How do I load the table?', 'df.shape prints (122, 6)', 'skip this please']) {
      orders.push(await tutor.sidecar.turn(session, message));
    }

    expectOrder(orders[0]!, 'internal');
    expect(orders.every((events) => events.some((event) => event['code'] === 'offline_tutor'))).toBe(true);
    expect(await tutor.history(session)).toHaveLength(4);
    expect((await tutor.state(session)).skip_log).toHaveLength(1);
    expect((await tutor.sidecar.call('POST', `/api/session/${session}/end`)).body.final_report).toMatch(/\S/);
    expect(tutor.provider.requests).toEqual([]);
  });

  it('with half a setup: each turn names what is missing', async () => {
    await using tutor = await startTutor({ env: { LLM_MODEL_CA: '', LLM_MODEL: ' ' } });
    const session = await tutor.sidecar.create();

    const events = await tutor.sidecar.turn(session, 'Hello?');

    expectOrder(events, 'modelFailsBeforeText');
    expect(events.at(-1)).toMatchObject({ code: 'LLM_NOT_CONFIGURED', error: expect.stringContaining('LLM_MODEL') });
  });
});

it('keeps the report when a final narrative fails: facts alone, four states right', async () => {
  await using tutor = await startTutor();
  scriptQuietly(tutor.provider);
  const session = await tutor.sidecar.create();
  await tutor.sidecar.turn(session, 'one');
  await tutor.sidecar.call('POST', `/api/session/${session}/skip-task`, { reason: '太难了' });
  tutor.provider.script(MA, status(400, { error: { message: 'no' } }));

  const { body } = await tutor.sidecar.call('POST', `/api/session/${session}/end`);

  expect(body).toMatchObject({ generated_by: 'rules', turn_index: 1 });
  expect(body.final_report).toMatch(/skipped/i);
});
