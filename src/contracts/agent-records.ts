import * as z from 'zod';
import {
  BlockerTypeSchema, ConsultReasonSchema, HelperScopeSchema, LockUntilSchema, ProgressDeltaSchema, SentimentSchema,
  SkipReasonSchema, TeachingModeSchema, TurnKindSchema,
} from './vocabulary.ts';

/** The planner's standing orders to the companion. */
export const InstructionPacketSchema = z.object({
  current_focus: z.string(),
  guidance_for_ca: z.string(),
  recommended_targets: z.array(z.string()),
  nice_check: z.array(z.string()),
  instruction_version: z.int().nonnegative(),
  lock_until: LockUntilSchema,
  allow_setup_helper_code: z.boolean(),
  setup_helper_scope: HelperScopeSchema,
  task_type: z.enum(['core', 'scaffolding']),
  suggest_checkpoint_confirmation: z.boolean(),
  current_task_id: z.string().nullable().optional(),
  hint_level: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3), z.literal(4)]).optional(),
  bound_by: z.array(z.string()).optional(),
  derived: z.boolean().optional(),
});
export type InstructionPacket = z.infer<typeof InstructionPacketSchema>;

/** Five routing fields about the learner's message, read before any prose is shown. */
export const JudgementSchema = z.object({
  checkpoint: z.boolean(),
  blocker: BlockerTypeSchema,
  sentiment: SentimentSchema,
  consult: z.union([z.literal(''), ConsultReasonSchema]),
  skip: z.enum(['no', 'hinted', 'asked']),
  skip_reason: SkipReasonSchema.nullable(),
  source: z.enum(['model', 'coerced', 'default']),
});
export type Judgement = z.infer<typeof JudgementSchema>;

/** Descriptive fields after the prose. */
export const CompanionRecordSchema = z.object({
  progress_record: z.string(),
  what_user_attempted: z.string(),
  what_user_observed: z.string(),
  ca_teaching_mode: TeachingModeSchema,
  ca_next_suggestion: z.string(),
  evidence_for_subtasks: z.array(z.object({ subtask_id: z.string(), evidence: z.string(), quote: z.string().optional() })),
});
export type CompanionRecord = z.infer<typeof CompanionRecordSchema>;

/** Judgement and record merged for the wire. */
export const TurnOutcomeSchema = z.object({
  progress_record: z.string(),
  what_user_attempted: z.string(),
  what_user_observed: z.string(),
  ca_next_suggestion: z.string(),
  ca_teaching_mode: TeachingModeSchema,
  checkpoint_reached: z.boolean(),
  blocker_type: BlockerTypeSchema,
  student_sentiment: SentimentSchema,
  evidence_for_subtasks: z.array(z.object({ subtask_id: z.string(), evidence: z.string() })),
  expert_consultation_needed: z.boolean(),
  expert_consultation_reason: z.string(),
  student_wants_to_skip: z.boolean(),
  skip_reason: SkipReasonSchema.nullable(),
  turn_kind: TurnKindSchema.optional(),
});
export type TurnOutcome = z.infer<typeof TurnOutcomeSchema>;

export const MemoryStateSchema = z.object({
  long_term_summary: z.string(),
  mid_term_summaries: z.array(z.object({ turn_range: z.string(), summary: z.string() })),
  deltas: z.array(z.object({ turn_index: z.int(), text: z.string() })),
  last_mid_term_turn: z.int(),
  last_updated_turn: z.int(),
  version: z.int().nonnegative(),
});
export type MemoryState = z.infer<typeof MemoryStateSchema>;

/** MA's typed notes for the other agents; `memory_json` on the wire, flat. */
export const MemoDigestSchema = z.object({
  key_observations: z.array(z.string()),
  student_struggles: z.array(z.string()),
  student_strengths: z.array(z.string()),
  student_sentiment: SentimentSchema,
  blocker_type: BlockerTypeSchema,
  progress_delta: ProgressDeltaSchema,
  diagnostic_log: z.array(z.string()),
  skipped_tasks: z.array(z.string()),
  achievement_log: z.record(z.string(), z.object({ task_id: z.string(), accumulated_output: z.string(), last_updated_turn: z.int() })),
  memory_state: MemoryStateSchema.optional(),
});
export type MemoDigest = z.infer<typeof MemoDigestSchema>;

/** MA's notes for the learner's page; rendered together with facts. */
export const ReportNotesSchema = z.object({
  activities: z.array(z.object({ turn_index: z.int(), activity: z.string(), points: z.array(z.string()) })),
  solid: z.array(z.string()),
  needs_support: z.array(z.string()),
  next_step: z.string(),
});
export type ReportNotes = z.infer<typeof ReportNotesSchema>;
