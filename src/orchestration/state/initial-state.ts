import type { InstructionPacket, MemoDigest, MemoryState, ReportNotes, SessionExt, SessionState } from '../../contracts/index.ts';
import { type Task, isTracked } from '../../content/index.ts';
import { derivePacket } from './derive-packet.ts';
import { issuePacket } from './packet-version.ts';
import { createExt, settleTasks } from './task-states.ts';

/** Who a new state belongs to. */
export interface SessionIdentity {
  session_id: string;
  chapter_id: string;
  language: string;
  pin: SessionExt['pin'];
  constraints?: Partial<SessionState['constraints']>;
}

/** Limits of a session where the settings give none. */
export const DEFAULT_CONSTRAINTS: SessionState['constraints'] = {
  max_input_length: 10_000, max_attempts_before_unlock: 3, batch_error_log_every_n_turns: 5,
};

/** The task index of a chapter as the state keeps it, scaffolding included. */
export function indexTasks(tasks: readonly Task[]): SessionExt['tasks'] {
  return Object.fromEntries(tasks.map(({ id, title, kind, required, order }) => [id, { title, kind, required, order }]));
}

/** Tracked tasks, all untouched, in list order. */
export function createStatuses(tasks: readonly Task[]): SessionState['subtask_status'] {
  const tracked = tasks.filter(isTracked).toSorted((one, other) => one.order - other.order);
  return Object.fromEntries(tracked.map((task) => [task.id, { status: 'not_started' as const, evidence: [] }]));
}

/** The state of a session without turns, on its first required task, before any packet. */
export function createBlankState(tasks: readonly Task[], identity: SessionIdentity): SessionState {
  return settleTasks({
    session_id: identity.session_id, chapter_id: identity.chapter_id, turn_index: 0, subtask_status: createStatuses(tasks),
    end_suggested: false, end_confirmed: false, current_instruction_version: 0,
    constraints: { ...DEFAULT_CONSTRAINTS, ...identity.constraints },
    attempts_since_last_progress: 0, last_progress_turn: 0, current_subtask_id: null, consecutive_skips: 0, skip_log: [],
    awaiting_skip_reason: false, ext: { ...createExt(identity.language), pin: identity.pin, tasks: indexTasks(tasks) },
  }, null);
}

/** State and first packet (version 1) of a new session. */
export function createInitialState(tasks: readonly Task[], identity: SessionIdentity): { state: SessionState; packet: InstructionPacket } {
  const blank = createBlankState(tasks, identity);
  const first = tasks.find((task) => task.id === blank.current_subtask_id) ?? null;
  return issuePacket(blank, derivePacket(first, 'creation', identity.language));
}

/** A memory that knows nothing yet. Turn -1 stands for none. */
export function createMemory(): MemoryState {
  return { long_term_summary: '', mid_term_summaries: [], deltas: [], last_mid_term_turn: -1, last_updated_turn: -1, version: 0 };
}

/** A digest that knows nothing yet. */
export function createDigest(): MemoDigest {
  return {
    key_observations: [], student_struggles: [], student_strengths: [], student_sentiment: 'engaged', blocker_type: 'none',
    progress_delta: 'none', diagnostic_log: [], skipped_tasks: [], achievement_log: {}, memory_state: createMemory(),
  };
}

/** Notes of a report that has nothing to tell yet. */
export function createNotes(): ReportNotes {
  return { activities: [], solid: [], needs_support: [], next_step: '' };
}
