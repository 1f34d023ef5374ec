import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InstructionPacketSchema, SessionStateSchema, SkipAnswerSchema, SkipReasonSchema } from '../../contracts/index.ts';
import { type SkipWish, skip } from './skip.ts';
import { NOW, TASKS, createSession, idArb, stateArb, stateWith } from './state.fixtures.ts';

const CONTEXT = { tasks: TASKS, language: 'en', now: NOW };
const done = (status: 'completed' | 'skipped') => Object.fromEntries(TASKS.filter((task) => task.kind !== 'scaffolding').map((task) => [task.id, { status, evidence: [] }]));

function answered(state: Parameters<typeof skip>[0], wish: Partial<SkipWish>) {
  const result = skip(state, { source: 'button', ...wish }, CONTEXT);
  if (result.kind === 'refused') throw new Error(`refused: ${result.code}`);
  return result;
}

describe('skip', () => {
  it('skips the current task, logs it, moves on, and issues a derived packet', () => {
    const { state } = createSession();

    const result = answered({ ...state, turn_index: 5, attempts_since_last_progress: 2 }, { reason: '太难了', reason_text: ' too many columns ' });

    expect(result.answer).toEqual({
      skipped_task_id: 'load_csv', skipped_task_title: 'Read the table', next_task_id: 'inspect', next_task_focus: 'Look at the columns',
      needs_reason: false, consecutive_skips: 0, all_tasks_done: false,
      subtask_status: { ...state.subtask_status, load_csv: { status: 'skipped', evidence: [] } },
    });
    expect(result.state.skip_log).toEqual([{ subtask_id: 'load_csv', turn_index: 5, reason: '太难了', reason_text: 'too many columns', skipped_at: NOW }]);
    expect(result.state).toMatchObject({ current_subtask_id: 'inspect', attempts_since_last_progress: 0, current_instruction_version: 2, turn_index: 5 });
    expect(result.packet).toMatchObject({ instruction_version: 2, current_task_id: 'inspect', derived: true, hint_level: 0 });
  });

  it('gives the same state, log and packet through both doors, but for the introduction', () => {
    const { state } = createSession();

    const button = answered(state, { reason: '已掌握' });
    const spoken = answered(state, { source: 'spoken', reason: '已掌握', message: 'I know this' });

    expect({ ...spoken.state, ext: { ...spoken.state.ext, pending_skip_intro: true } }).toEqual(button.state);
    expect(spoken.packet).toEqual(button.packet);
  });

  it.each<[string, Partial<SkipWish>, string]>([
    ['an unknown task', { subtask_id: 'elsewhere' }, 'TASK_NOT_FOUND'],
    ['a scaffolding task', { subtask_id: 'fix_path' }, 'TASK_NOT_FOUND'],
    ['a name that every object has', { subtask_id: 'constructor' }, 'TASK_NOT_FOUND'],
    ['a completed task', { subtask_id: 'summary' }, 'TASK_ALREADY_DONE'],
    ['an unknown reason', { reason: 'bored' }, 'INVALID_SKIP_REASON'],
    ['the other reason without words', { reason: '其他', reason_text: '  ' }, 'SKIP_REASON_TEXT_REQUIRED'],
    ['too many words', { reason: '其他', reason_text: 'x'.repeat(201) }, 'VALIDATION_FAILED'],
  ])('refuses %s', (_title, wish, code) => {
    const { state } = createSession();
    const before = { ...state, subtask_status: { ...state.subtask_status, summary: { status: 'completed' as const, evidence: [] } } };

    expect(skip(before, { source: 'button', ...wish }, CONTEXT)).toEqual({ kind: 'refused', code });
  });

  it('refuses in an ended session', () => {
    expect(skip(stateWith({ end_confirmed: true }), { source: 'button' }, CONTEXT)).toEqual({ kind: 'refused', code: 'SESSION_ENDED' });
  });

  it('answers that nothing is open, changes no task, and arms the look back', () => {
    const state = stateWith({ subtask_status: done('completed') as never, current_subtask_id: null });

    const result = answered(state, {});

    expect(result.kind).toBe('nothing_open');
    expect(result.answer).toMatchObject({ skipped_task_id: '', skipped_task_title: '', next_task_id: null, all_tasks_done: true, needs_reason: false });
    expect(result.state).toEqual({ ...state, ext: { ...state.ext, pending_skip_intro: true } });
  });

  it.each([['button', false], ['spoken', true]] as const)('asks for a reason at the third skip in a row through the %s', (source, waits) => {
    const state = stateWith({ consecutive_skips: 2 });

    const result = answered(state, { source });

    expect(result.kind).toBe('needs_reason');
    expect(result.answer).toMatchObject({ skipped_task_id: 'load_csv', skipped_task_title: 'Read the table', needs_reason: true, consecutive_skips: 2 });
    expect(result.state).toEqual({ ...state, awaiting_skip_reason: waits });
  });

  it('counts skips without a reason and ends the count with one', () => {
    const first = answered(createSession().state, {});
    const second = answered(first.state, {});
    const third = answered(second.state, { source: 'spoken', reason: '太啰嗦' });

    expect([first, second, third].map((result) => result.answer.consecutive_skips)).toEqual([1, 2, 0]);
    expect(third.state.end_suggested).toBe(true);
    expect(third.answer).toMatchObject({ next_task_id: 'sort_data', all_tasks_done: true });
  });

  it('keeps the message as the text of another reason, clipped', () => {
    const result = answered(createSession().state, { source: 'spoken', reason: '其他', message: '我'.repeat(300) });

    expect(result.state.skip_log[0]).toMatchObject({ reason: '其他', reason_text: '我'.repeat(200) });
  });

  it('leaves the current task where it is when another one is skipped', () => {
    const result = answered(createSession().state, { subtask_id: 'summary' });

    expect(result.answer).toMatchObject({ skipped_task_id: 'summary', next_task_id: 'load_csv', next_task_focus: 'Read the table' });
  });

  it('looks back when the last task is skipped', () => {
    const open = { ...done('completed'), sort_data: { status: 'in_progress', evidence: [] } };

    const result = answered(stateWith({ subtask_status: open as never, current_subtask_id: 'sort_data' }), {});

    expect(result.answer).toMatchObject({ next_task_id: null, next_task_focus: '', all_tasks_done: true });
    expect(result.packet).toMatchObject({ current_task_id: null, derived: true });
  });

  it('is legal and moves at most one task whatever is asked (I4, I7, I14)', () => {
    const wishArb = fc.record({
      source: fc.constantFrom('button' as const, 'spoken' as const), subtask_id: fc.option(idArb), reason: fc.option(fc.constantFrom(...SkipReasonSchema.options, 'odd', '')),
      reason_text: fc.option(fc.string({ maxLength: 250 })), message: fc.string(),
    });
    fc.assert(fc.property(stateArb, wishArb, (before, wish) => {
      const result = skip(before, wish, CONTEXT);
      fc.pre(result.kind !== 'refused');
      const { state, packet, answer } = result as Exclude<typeof result, { kind: 'refused' }>;
      const moved = Object.keys(before.subtask_status).filter((id) => before.subtask_status[id]!.status !== state.subtask_status[id]!.status);
      const skipped = result.kind === 'skipped';

      expect(SessionStateSchema.parse(state)).toEqual(state);
      expect(SkipAnswerSchema.parse(answer)).toEqual(answer);
      expect(moved).toEqual(skipped ? [answer.skipped_task_id] : []);
      expect(state.current_instruction_version - before.current_instruction_version).toBe(skipped ? 1 : 0);
      expect(InstructionPacketSchema.nullable().parse(packet)).toEqual(packet);
      expect(packet?.instruction_version ?? null).toBe(skipped ? state.current_instruction_version : null);
    }));
  });
});
