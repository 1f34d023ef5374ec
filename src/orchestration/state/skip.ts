import {
  type InstructionPacket, type SessionState, type SkipAnswer, type SkipReason, LIMITS, SkipReasonSchema, clipCodePoints, codePointLength,
} from '../../contracts/index.ts';
import type { Task } from '../../content/index.ts';
import { derivePacket } from './derive-packet.ts';
import { issuePacket } from './packet-version.ts';
import { areRequiredTasksDone, chooseTask, extOf, isOpenTask, settleTasks, taskEntry, titleOf, withExt, withStatus } from './task-states.ts';

/** A wish to skip, from the button or from the learner's words. */
export interface SkipWish {
  source: 'button' | 'spoken';
  subtask_id?: string | null;
  reason?: string | null;
  reason_text?: string | null;
  /** The learner's message; with reason `其他` it is the text of a spoken skip. */
  message?: string;
}

/** What a skip needs to know besides the state. */
export interface SkipContext { tasks: readonly Task[]; language: string; now: string }

export type SkipRefusal = 'SESSION_ENDED' | 'TASK_NOT_FOUND' | 'TASK_ALREADY_DONE' | 'INVALID_SKIP_REASON' | 'SKIP_REASON_TEXT_REQUIRED'
  | 'VALIDATION_FAILED';

/** The outcome of a skip. `packet` is null where the old one stays; `answer` is the exact answer on the wire. */
export type SkipResult =
  | { kind: 'skipped'; state: SessionState; packet: InstructionPacket; answer: SkipAnswer }
  | { kind: 'needs_reason' | 'nothing_open'; state: SessionState; packet: null; answer: SkipAnswer }
  | { kind: 'refused'; code: SkipRefusal };

const SKIPS_WITHOUT_REASON = 2;

/** The only way to skip a task. The third skip in a row without a reason asks for one and changes no task. */
export function skip(state: SessionState, wish: SkipWish, context: SkipContext): SkipResult {
  if (state.end_confirmed) return { kind: 'refused', code: 'SESSION_ENDED' };
  const reason = readReason(wish);
  if ('code' in reason) return { kind: 'refused', code: reason.code };
  const target = findTarget(state, wish.subtask_id ?? '');
  if (target !== null && 'code' in target) return { kind: 'refused', code: target.code };
  if (target === null) {
    return { kind: 'nothing_open', state: arm(state, wish), packet: null, answer: answerOf(state, '', { all_tasks_done: true }) };
  }
  if (reason.reason === null && state.consecutive_skips >= SKIPS_WITHOUT_REASON) {
    const asking = wish.source === 'spoken' ? { ...state, awaiting_skip_reason: true } : state;
    return { kind: 'needs_reason', state: asking, packet: null, answer: answerOf(asking, target.id, { needs_reason: true }) };
  }
  const issued = issuePacket(...carryOut({ state, id: target.id, reason, context }));
  const answer = answerOf(issued.state, target.id, {
    next_task_id: issued.state.current_subtask_id,
    next_task_focus: issued.state.current_subtask_id === null ? '' : issued.packet.current_focus,
  });
  return { kind: 'skipped', state: arm(issued.state, wish), packet: issued.packet, answer };
}

type Reason = { reason: SkipReason | null; reason_text: string | null };

function readReason(wish: SkipWish): Reason | { code: SkipRefusal } {
  const wished = wish.reason?.trim() ?? '';
  const spoken = wish.source === 'spoken';
  const parsed = wished === '' ? null : SkipReasonSchema.safeParse(wished);
  if (parsed !== null && !parsed.success) return { code: 'INVALID_SKIP_REASON' };
  const reason = parsed?.data ?? null;
  const text = (wish.reason_text ?? (spoken && reason === '其他' ? wish.message : null) ?? '').trim();
  if (!spoken && codePointLength(text) > LIMITS.skip_reason_chars) return { code: 'VALIDATION_FAILED' };
  if (!spoken && reason === '其他' && text === '') return { code: 'SKIP_REASON_TEXT_REQUIRED' };
  return { reason, reason_text: text === '' ? null : clipCodePoints(text, LIMITS.skip_reason_chars) };
}

function findTarget(state: SessionState, wished: string): { id: string } | { code: SkipRefusal } | null {
  if (wished.trim() !== '') {
    if (taskEntry(state, wished) === null) return { code: 'TASK_NOT_FOUND' };
    return isOpenTask(state, wished) ? { id: wished } : { code: 'TASK_ALREADY_DONE' };
  }
  const { current_subtask_id: current } = state;
  const id = current !== null && isOpenTask(state, current) ? current : chooseTask({ ...state, current_subtask_id: null }, null);
  return id === null ? null : { id };
}

function carryOut(
  plan: { state: SessionState; id: string; reason: Reason; context: SkipContext },
): [SessionState, ReturnType<typeof derivePacket>] {
  const { state, id, reason, context } = plan;
  const skipped = withStatus(state, id, 'skipped');
  const entry = { subtask_id: id, turn_index: state.turn_index, ...reason, skipped_at: context.now };
  // The next task is the one after the skipped task only if that was the current one; else the current one stays.
  const next = settleTasks({
    ...skipped, skip_log: [...state.skip_log, entry], attempts_since_last_progress: 0, awaiting_skip_reason: false,
    consecutive_skips: reason.reason === null ? state.consecutive_skips + 1 : 0,
    current_subtask_id: state.current_subtask_id ?? id,
  }, null);
  const task = context.tasks.find((candidate) => candidate.id === next.current_subtask_id) ?? fallbackTask(next);
  return [next, derivePacket(task, 'skip', context.language)];
}

/** A task whose text is not at hand, as after a restore without content. */
function fallbackTask(state: SessionState): Pick<Task, 'id' | 'title' | 'body'> | null {
  const id = state.current_subtask_id;
  return id === null ? null : { id, title: titleOf(state, id), body: '' };
}

/** The button arms one `[TASK_SKIPPED]` introduction; a spoken skip is introduced in its own turn. */
function arm(state: SessionState, wish: SkipWish): SessionState {
  return wish.source === 'button' && !extOf(state).pending_skip_intro ? withExt(state, { pending_skip_intro: true }) : state;
}

function answerOf(state: SessionState, id: string, change: Partial<SkipAnswer>): SkipAnswer {
  return {
    skipped_task_id: id, skipped_task_title: id === '' ? '' : titleOf(state, id), next_task_id: null, next_task_focus: '',
    needs_reason: false, consecutive_skips: state.consecutive_skips, all_tasks_done: areRequiredTasksDone(state),
    subtask_status: state.subtask_status, ...change,
  };
}
