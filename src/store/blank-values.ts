import { LIMITS } from '../contracts/index.ts';
import type { InstructionPacket, MemoDigest, ReportNotes, SessionState, TurnOutcome } from '../contracts/index.ts';

/** A state that knows nothing but its place; it stands in for one that no longer parses, like a restored state without tasks. */
export function blankState(facts: {
  sessionId: string; chapterId: string; turnIndex: number; endConfirmed: boolean; instructionVersion: number;
}): SessionState {
  return {
    session_id: facts.sessionId, chapter_id: facts.chapterId, turn_index: facts.turnIndex, subtask_status: {}, end_suggested: false,
    end_confirmed: facts.endConfirmed, current_instruction_version: facts.instructionVersion,
    constraints: { max_input_length: LIMITS.message_chars, max_attempts_before_unlock: 3, batch_error_log_every_n_turns: 5 },
    attempts_since_last_progress: 0, last_progress_turn: 0, current_subtask_id: null, consecutive_skips: 0, skip_log: [],
    awaiting_skip_reason: false,
  };
}

/** A packet without orders, of the given version. */
export function blankPacket(version: number): InstructionPacket {
  return {
    current_focus: '', guidance_for_ca: '', recommended_targets: [], nice_check: [], instruction_version: version,
    lock_until: 'checkpoint_reached', allow_setup_helper_code: false, setup_helper_scope: 'none', task_type: 'core',
    suggest_checkpoint_confirmation: false, derived: true,
  };
}

/** A digest before the first memo. */
export function blankDigest(): MemoDigest {
  return {
    key_observations: [], student_struggles: [], student_strengths: [], student_sentiment: 'engaged', blocker_type: 'none',
    progress_delta: 'none', diagnostic_log: [], skipped_tasks: [], achievement_log: {},
  };
}

/** Notes before the first memo. */
export function blankNotes(): ReportNotes {
  return { activities: [], solid: [], needs_support: [], next_step: '' };
}

/** An outcome that claims nothing. */
export function blankOutcome(): TurnOutcome {
  return {
    progress_record: '', what_user_attempted: '', what_user_observed: '', ca_next_suggestion: '', ca_teaching_mode: 'socratic',
    checkpoint_reached: false, blocker_type: 'none', student_sentiment: 'engaged', evidence_for_subtasks: [],
    expert_consultation_needed: false, expert_consultation_reason: '', student_wants_to_skip: false, skip_reason: null,
  };
}
