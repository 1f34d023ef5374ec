import { type CompanionRecord, type Judgement, type TurnKind, type TurnOutcome, clipCodePoints, languageOf } from '../../contracts/index.ts';
import { isCleanText } from './fold-text.ts';

const NEXT_SUGGESTION_CHARS = 400;
const LINE_CHARS = 200;

/** The judgement of a turn that has none: an internal one, or one whose head was missing. */
export function createJudgement(): Judgement {
  return { checkpoint: false, blocker: 'none', sentiment: 'engaged', consult: '', skip: 'no', skip_reason: null, source: 'default' };
}

/** What the answer asks for, when its record does not say: its last line. */
export function suggestionIn(prose: string): string {
  const last = prose.split('\n').findLast((line) => line.trim() !== '') ?? '';
  return clipCodePoints(last.trim(), NEXT_SUGGESTION_CHARS);
}

/** The record of a turn whose own is missing; only the last line of the prose is known. */
export function createRecord(prose: string): CompanionRecord {
  return {
    progress_record: '', what_user_attempted: '', what_user_observed: '', ca_teaching_mode: 'socratic',
    ca_next_suggestion: suggestionIn(prose), evidence_for_subtasks: [],
  };
}

/** Judgement and record as one object for the wire; only internal kinds are named in it. */
export function mergeOutcome(judgement: Judgement, record: CompanionRecord, kind: TurnKind): TurnOutcome {
  return {
    progress_record: record.progress_record, what_user_attempted: record.what_user_attempted,
    what_user_observed: record.what_user_observed, ca_next_suggestion: record.ca_next_suggestion, ca_teaching_mode: record.ca_teaching_mode,
    checkpoint_reached: judgement.checkpoint, blocker_type: judgement.blocker, student_sentiment: judgement.sentiment,
    evidence_for_subtasks: record.evidence_for_subtasks.map(({ subtask_id, evidence }) => ({ subtask_id, evidence })),
    expert_consultation_needed: judgement.consult !== '', expert_consultation_reason: judgement.consult,
    student_wants_to_skip: judgement.skip === 'asked', skip_reason: judgement.skip === 'asked' ? judgement.skip_reason : null,
    ...(kind === 'student' ? {} : { turn_kind: kind }),
  };
}

/** One line about a turn from its record, for memory and report when the memo agent has none; may be empty. */
export function describeTurn(outcome: TurnOutcome, language: string): string {
  const tongue = languageOf(language);
  const tried = outcome.what_user_attempted || outcome.progress_record;
  const parts = [tried, outcome.what_user_observed].map((part) => part.replace(/\s+/g, ' ').trim()).filter((part) => part !== '');
  if (outcome.checkpoint_reached) parts.push(tongue === 'zh' ? '到达检查点' : 'checkpoint reached');
  if (outcome.student_wants_to_skip) parts.push(tongue === 'zh' ? '要求跳过任务' : 'asked to skip the task');
  const line = clipCodePoints(parts.join(tongue === 'zh' ? '；' : '; '), LINE_CHARS);
  return isCleanText(line) ? line : '';
}
