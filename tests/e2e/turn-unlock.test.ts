import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { companionReply, memoReply, planReply, status, structured } from '../support/provider/index.ts';
import { CA, GREETING, MA, RMA, scriptQuietly, scriptUnlock, startTutor } from '../support/tutor.ts';
import type { Tutor } from '../support/tutor.ts';
import { expectOrder, noticesOf, textOf } from '../support/turn-order.ts';

let tutor: Tutor;
let session: string;
beforeAll(async () => { tutor = await startTutor(); });
beforeEach(async () => {
  tutor.provider.reset();
  scriptQuietly(tutor.provider);
  session = await tutor.sidecar.create();
});
afterAll(async () => { await tutor[Symbol.asyncDispose](); });

const turn = async (message = 'I do not know.') => await tutor.sidecar.turn(session, message);
const models = (): string[] => tutor.provider.requests.map((request) => request.model);
const plans = (): number => models().filter((model) => model === RMA).length;
const skip = async (body: object = {}) => (await tutor.sidecar.call('POST', `/api/session/${session}/skip-task`, body)).body;

/** Brings the session to a packet of the planner. */
async function planWith(packet: Record<string, unknown>): Promise<void> {
  scriptUnlock(tutor.provider, { judgement: { checkpoint: true } });
  tutor.provider.script(RMA, structured(planReply({ packet })));
  await turn('done');
}

describe('the planner', () => {
  it.each(['checkpoint_reached', 'attempts_exceeded', 'new_error_type', 'user_uploads_suitable_dataset_or_uses_example'])(
    'comes in the third unproductive turn under a lock until %s', async (lockUntil) => {
      await planWith({ lock_until: lockUntil });
      expectOrder(await turn(), 'locked');
      expectOrder(await turn(), 'locked');
      scriptUnlock(tutor.provider, {});

      expectOrder(await turn(), 'unlocked');
      expect(plans()).toBe(2);
      expect((await tutor.state(session)).attempts_since_last_progress).toBe(0);
    });

  it('is kept away from a checkpoint by the dataset gate, until the learner uploads a file', async () => {
    await planWith({ lock_until: 'user_uploads_suitable_dataset_or_uses_example' });
    tutor.provider.script(CA, companionReply({ judgement: { checkpoint: true }, prose: 'Which file?' }));
    const blocked = await turn('I am done.');
    const form = new FormData();
    form.append('files', new Blob(['a,b\n1,2\n']), 'mine.csv');
    const upload = await fetch(`${tutor.sidecar.url}/api/session/${session}/upload`, {
      method: 'POST', body: form, headers: { authorization: `Bearer ${tutor.sidecar.token}` },
    });
    scriptUnlock(tutor.provider, {});

    const opened = await turn('Here it is.');

    expect(upload.status).toBe(200);
    expectOrder(blocked, 'locked');
    expect(textOf(blocked)).toBe('Which file?');
    expectOrder(opened, 'unlocked');
    expect((await tutor.provider.nextRequest((request) => request.model === RMA && request.text.includes('mine.csv'))).text).not.toContain('a,b');
  });

  it('that fails leaves packet and version alone and is asked again twice at most', async () => {
    await using patient = await startTutor({ env: { MAX_ATTEMPTS_BEFORE_UNLOCK: '10' } });
    const id = await patient.sidecar.create();
    patient.provider.always(RMA, status(400, { error: { message: 'no' } }));
    scriptUnlock(patient.provider, { judgement: { checkpoint: true } });
    scriptUnlock(patient.provider, {});
    scriptUnlock(patient.provider, {});
    const notices: string[][] = [];
    for (const message of ['done', 'well', 'well', 'well']) notices.push(noticesOf(await patient.sidecar.turn(id, message)));

    expect(notices).toEqual([['planner_degraded'], ['planner_degraded'], ['planner_degraded'], []]);
    patient.provider.assertClean();
    expect(await patient.state(id)).toMatchObject({ current_instruction_version: 1, turn_index: 4, ext: { plan_due: true, plan_retries: 2 } });
  });

  it('repairs an unreadable plan once, at the planner\'s expense', async () => {
    scriptUnlock(tutor.provider, { judgement: { checkpoint: true } });
    tutor.provider.script(RMA, 'I think we should look at the header next.');
    tutor.provider.script('small-model', structured(planReply({ packet: { current_focus: 'the header' } })));

    const events = await turn('done');

    expectOrder(events, 'unlocked');
    expect(noticesOf(events)).toEqual([]);
    expect(await tutor.state(session)).toMatchObject({ current_instruction_version: 2 });
    expect((await tutor.usage(session)).turns[0].agents.RMA.calls).toBe(2);
  });

  it('can change nothing that is protected', async () => {
    scriptUnlock(tutor.provider, { judgement: { checkpoint: true } });
    const before = await tutor.state(session);
    tutor.provider.script(RMA, structured(planReply({
      packet: { instruction_version: 99, bound_by: ['x'] },
      state_update: {
        subtask_status: { load_table: 'completed', nonsense: { status: 'completed' }, count_missing: { status: 'skipped', evidence: [null, {}] } },
        end_suggested: true, end_confirmed: true, turn_index: 77, constraints: { max_input_length: 1 }, session_id: 'other', skip_log: [{}],
      },
    })));

    expectOrder(await turn('done'), 'unlocked');

    const { ext: _then, ...was } = before;
    const { ext: _now, ...is } = await tutor.state(session);
    expect(is).toEqual({ ...was, turn_index: 1, current_instruction_version: 2 });
    await tutor.restart();
    expectOrder(await turn(), 'locked');
  });

  it('completes a task only with words of the learner, and the next one becomes current', async () => {
    const complete = (quote?: string) => structured(planReply({
      state_update: { subtask_status: { load_table: { status: 'completed', evidence: [{ text: 'loaded it', ...(quote === undefined ? {} : { quote }) }] } } },
    }));
    scriptUnlock(tutor.provider, { judgement: { checkpoint: true } });
    tutor.provider.script(RMA, complete('it prints (999, 9)'));
    await turn('df.shape prints (122, 6)');
    const unproven = await tutor.state(session);
    scriptUnlock(tutor.provider, { judgement: { checkpoint: true } });
    tutor.provider.script(RMA, complete('df.shape  PRINTS (122, 6)'));
    await turn('so, done?');
    const proven = await tutor.state(session);

    expect([unproven.subtask_status.load_table.status, unproven.current_subtask_id]).toEqual(['in_progress', 'load_table']);
    expect([proven.subtask_status.load_table.status, proven.current_subtask_id]).toEqual(['completed', 'describe_columns']);
    expect(await skip()).toMatchObject({ skipped_task_id: 'describe_columns', next_task_id: 'count_missing' });
    expect(await tutor.report(session)).toContain('## ');
  });
});

describe('a skip', () => {
  it('by button and by word is the same', async () => {
    await skip({ reason: '太难了' });
    const pressed = await tutor.state(session);
    const other = await tutor.sidecar.create();
    scriptUnlock(tutor.provider, { judgement: { skip: 'asked:too_hard' } });
    const events = await tutor.sidecar.turn(other, 'Too hard, skip it.');
    const spoken = await tutor.state(other);

    expectOrder(events, 'locked');
    const essence = ({ subtask_status, current_subtask_id, consecutive_skips, skip_log, current_instruction_version, attempts_since_last_progress }: any) => ({
      subtask_status, current_subtask_id, consecutive_skips, current_instruction_version, attempts_since_last_progress,
      skip_log: skip_log.map(({ skipped_at: _at, ...entry }: any) => entry),
    });
    expect(essence(spoken)).toEqual(essence(pressed));
    expect(pressed.skip_log[0]).toMatchObject({ subtask_id: 'load_table', reason: '太难了' });
    expect(plans()).toBe(0);
  });

  it('keeps the learner\'s words as the reason of a spoken one', async () => {
    scriptUnlock(tutor.provider, { judgement: { skip: 'asked:other' } });

    await turn('My laptop has no disk space left for it.');

    expect((await tutor.state(session)).skip_log[0]).toMatchObject({ reason: '其他', reason_text: 'My laptop has no disk space left for it.' });
    expect((await tutor.history(session))[0].turn_outcome).toMatchObject({ student_wants_to_skip: true, skip_reason: '其他' });
  });

  it('without a reason is asked for one the third time, at both doors', async () => {
    await skip();
    await skip();
    const pressed = await skip();
    scriptUnlock(tutor.provider, { judgement: { skip: 'asked' } });
    const before = await tutor.state(session);
    await turn('skip');
    const after = await tutor.state(session);
    const spoken = tutor.provider.requests.filter((request) => request.model === CA).at(-1)!;
    await turn('ok, I will try');

    expect(pressed).toMatchObject({ needs_reason: true, skipped_task_id: 'count_missing', skipped_task_title: expect.stringMatching(/missing/i) });
    expect(before.awaiting_skip_reason).toBe(false);
    expect(after).toMatchObject({ awaiting_skip_reason: true, subtask_status: before.subtask_status, skip_log: before.skip_log });
    expect(spoken.text).toMatch(/reason/i);
    expect((await tutor.state(session)).awaiting_skip_reason).toBe(false);
  });

  it('that is only hinted at stays locked', async () => {
    tutor.provider.script(CA, companionReply({ judgement: { skip: 'hinted' }, prose: 'Shall we skip it?' }));

    const events = await turn('boring');

    expectOrder(events, 'locked');
    expect((await tutor.state(session)).skip_log).toEqual([]);
  });

  it('is refused as busy during a turn', async () => {
    tutor.provider.script(CA, [{ kind: 'gate', name: 'here' }, { kind: 'text', text: companionReply() }]);
    const stream = await tutor.sidecar.send(session, 'one');
    await tutor.provider.reached('here');

    const refused = await skip();
    const end = await tutor.sidecar.call('POST', `/api/session/${session}/end`);
    tutor.provider.release('here');
    await stream.untilTerminal();

    expect([refused.code, end.body.code]).toEqual(['SESSION_BUSY', 'SESSION_BUSY']);
    expect(await skip()).toMatchObject({ skipped_task_id: 'load_table' });
  });
});

describe('special messages', () => {
  it('are ordinary ones where they have no meaning', async () => {
    const kinds: unknown[] = [];
    for (const message of ['[TASK_SKIPPED]', GREETING, ' [TASK_SKIPPED]', '[系统：']) kinds.push((await turn(message))[0]!['kind']);
    await skip();
    kinds.push((await turn('[TASK_SKIPPED]'))[0]!['kind'], (await turn('[TASK_SKIPPED]'))[0]!['kind']);

    expect(kinds).toEqual(['student', 'student', 'student', 'student', 'task_skipped', 'student']);
    expect((await tutor.history(session)).map((past) => past.user_message)).toEqual(
      ['[TASK_SKIPPED]', GREETING, ' [TASK_SKIPPED]', '[系统：', '[TASK_SKIPPED]', '[TASK_SKIPPED]']);
  });

  it('count nothing, and a cancelled greeting may be sent again', async () => {
    tutor.provider.script(CA, [{ kind: 'gate', name: 'here' }, { kind: 'text', text: 'x' }]);
    const stream = await tutor.sidecar.send(session, GREETING);
    await tutor.provider.reached('here');
    await tutor.sidecar.call('POST', `/api/session/${session}/message/cancel`);
    await stream.untilTerminal();
    tutor.provider.script(CA, companionReply({ judgement: { checkpoint: true }, prose: 'Hello!', record: null }));

    const events = await turn(GREETING);

    expectOrder(events, 'internal');
    expect(textOf(events)).toBe('Hello!');
    expect(models()).toEqual([CA, CA]);
    const [greeting] = await tutor.history(session);
    expect(greeting).toMatchObject({ kind: 'greeting', user_message: GREETING, turn_outcome: { checkpoint_reached: false, turn_kind: 'greeting' } });
    expect(await tutor.state(session)).toMatchObject({ turn_index: 1, attempts_since_last_progress: 0, current_instruction_version: 1 });
    expect(await tutor.report(session)).not.toBe('');
  });
});

it('makes no provider request when a session is created', async () => {
  await tutor.sidecar.create();

  expect(tutor.provider.requests).toEqual([]);
});

it('suggests the end once, when every required task is done', async () => {
  const required = ['load_table', 'describe_columns', 'count_missing', 'filter_warm_days'];
  for (const id of required) await skip({ reason: '已掌握', subtask_id: id });
  scriptUnlock(tutor.provider, { judgement: { skip: 'asked:mastered' } });
  tutor.provider.script(MA, structured(memoReply()));

  const last = await turn('I know this already, skip it.');
  const after = await turn('What else?');

  expect(last.filter((event) => event['type'] === 'session_end_suggested')).toEqual([{ type: 'session_end_suggested', turn_index: 0 }]);
  expect(last.at(-1)).toMatchObject({ end_suggested: true });
  expect(after.filter((event) => event['type'] === 'session_end_suggested')).toEqual([]);
  expect((await tutor.state(session)).end_suggested).toBe(true);
});
