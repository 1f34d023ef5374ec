import type { SessionExt, SessionState, SubtaskState } from '../../contracts/index.ts';

/** What a session without stored extras starts from. */
export function createExt(language: string): SessionExt {
  return {
    schema: 2, revision: 0, language, pin: null, tasks: {}, evidence_log: [], errors: [], last_plan_turn: -1, plan_due: false,
    plan_retries: 0, pending_skip_intro: false, last_judgement: null, degraded: {},
  };
}

/** The extras of a state; defaults when it was restored without them. */
export function extOf(state: SessionState): SessionExt {
  return state.ext ?? createExt('en');
}

/** The state with some extras replaced. */
export function withExt(state: SessionState, change: Partial<SessionExt>): SessionState {
  return { ...state, ext: { ...extOf(state), ...change } };
}

/** Status and evidence of a tracked task; null for every other id, also for names that all objects have. */
export function taskEntry(state: SessionState, id: string): SessionState['subtask_status'][string] | null {
  return Object.hasOwn(state.subtask_status, id) ? (state.subtask_status[id] ?? null) : null;
}

/** True while a status can still change by learning. */
export function isOpenStatus(status: SubtaskState): boolean {
  return status === 'not_started' || status === 'in_progress';
}

/** True for a tracked task that is neither completed nor skipped. */
export function isOpenTask(state: SessionState, id: string): boolean {
  const entry = taskEntry(state, id);
  return entry !== null && isOpenStatus(entry.status);
}

/** True for core and mandatory tasks; unknown ones count as required, so that nothing ends too early. */
export function isRequiredTask(state: SessionState, id: string): boolean {
  const { tasks } = extOf(state);
  return Object.hasOwn(tasks, id) ? (tasks[id]?.required ?? true) : true;
}

/** The learner's name of a task; its id when none is known. */
export function titleOf(state: SessionState, id: string): string {
  const { tasks } = extOf(state);
  return Object.hasOwn(tasks, id) ? (tasks[id]?.title ?? id) : id;
}

/** True when no required task is open. */
export function areRequiredTasksDone(state: SessionState): boolean {
  return !Object.keys(state.subtask_status).some((id) => isRequiredTask(state, id) && isOpenTask(state, id));
}

/** The next open required task after `from` in list order, wrapping; else the next open optional one; else null. */
export function nextTask(state: SessionState, from: string | null): string | null {
  const ids = Object.keys(state.subtask_status);
  const start = from === null ? 0 : ids.indexOf(from) + 1;
  const open = [...ids.slice(start), ...ids.slice(0, start)].filter((id) => isOpenTask(state, id));
  return open.find((id) => isRequiredTask(state, id)) ?? open[0] ?? null;
}

/** The wished task if open; else the current one stays while open; else the next one. */
export function chooseTask(state: SessionState, wish: string | null): string | null {
  if (wish !== null && isOpenTask(state, wish)) return wish;
  const current = state.current_subtask_id;
  return current !== null && isOpenTask(state, current) ? current : nextTask(state, current);
}

/** The state with a task's status replaced; unknown ids change nothing. */
export function withStatus(state: SessionState, id: string, status: SubtaskState): SessionState {
  const entry = taskEntry(state, id);
  if (entry === null) return state;
  return { ...state, subtask_status: { ...state.subtask_status, [id]: { ...entry, status } } };
}

/** Derives what follows from the statuses: the current task, and whether an end may be suggested. */
export function settleTasks(state: SessionState, wish: string | null): SessionState {
  // A restored session whose content is missing has no tasks at all; that is no reason to end it.
  const hasTasks = Object.keys(state.subtask_status).length > 0;
  return { ...state, current_subtask_id: chooseTask(state, wish), end_suggested: hasTasks && areRequiredTasksDone(state) };
}
