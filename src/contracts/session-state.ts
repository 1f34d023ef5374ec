import * as z from 'zod';
import { AgentCodeSchema, BlockerTypeSchema, ErrorTypeSchema, SentimentSchema, SkipReasonSchema, SubtaskStateSchema, TaskKindSchema } from './vocabulary.ts';

export const SkipLogEntrySchema = z.object({
  subtask_id: z.string(), turn_index: z.int().nonnegative(), reason: SkipReasonSchema.nullable(),
  reason_text: z.string().nullable(), skipped_at: z.string(),
});
export type SkipLogEntry = z.infer<typeof SkipLogEntrySchema>;

export const EvidenceRecordSchema = z.object({
  subtask_id: z.string(), turn_index: z.int(), text: z.string(), quote: z.string().optional(), verified: z.boolean(),
  source: z.enum(['student_text', 'code_run', 'notebook', 'upload', 'expert']), strength: z.enum(['weak', 'strong']),
});
export type EvidenceRecord = z.infer<typeof EvidenceRecordSchema>;

export const StudentErrorEntrySchema = z.object({
  turn_index: z.int(), error_type: ErrorTypeSchema, description: z.string(), context: z.string(),
});
export type StudentErrorEntry = z.infer<typeof StudentErrorEntrySchema>;

export const SessionExtSchema = z.object({
  schema: z.literal(2),
  revision: z.int().nonnegative(),
  language: z.string(),
  pin: z.object({ content_hash: z.string(), bundle_version: z.string().nullable(), scope_id: z.string().nullable() }).nullable(),
  tasks: z.record(z.string(), z.object({ title: z.string(), kind: TaskKindSchema, required: z.boolean(), order: z.int() })),
  /** Statuses of tasks that the pinned content no longer has; they return with the task. */
  set_aside: z.record(z.string(), z.object({ status: SubtaskStateSchema, evidence: z.array(z.string()) })).optional(),
  evidence_log: z.array(EvidenceRecordSchema),
  errors: z.array(StudentErrorEntrySchema),
  last_plan_turn: z.int(),
  plan_due: z.boolean(),
  plan_retries: z.int().nonnegative(),
  pending_skip_intro: z.boolean(),
  last_judgement: z.object({ turn_index: z.int(), blocker: BlockerTypeSchema, sentiment: SentimentSchema }).nullable(),
  degraded: z.partialRecord(AgentCodeSchema, z.int()),
});
export type SessionExt = z.infer<typeof SessionExtSchema>;

/** The learner's place in a chapter. `turn_index` counts committed turns; `subtask_status` holds tracked tasks in task order. */
export const SessionStateSchema = z.object({
  session_id: z.string(),
  chapter_id: z.string(),
  turn_index: z.int().nonnegative(),
  subtask_status: z.record(z.string(), z.object({ status: SubtaskStateSchema, evidence: z.array(z.string()) })),
  end_suggested: z.boolean(),
  end_confirmed: z.boolean(),
  current_instruction_version: z.int().nonnegative(),
  constraints: z.object({
    max_input_length: z.int(), max_attempts_before_unlock: z.int(), batch_error_log_every_n_turns: z.int(),
  }),
  attempts_since_last_progress: z.int().nonnegative(),
  last_progress_turn: z.int(),
  current_subtask_id: z.string().nullable(),
  consecutive_skips: z.int().nonnegative(),
  skip_log: z.array(SkipLogEntrySchema),
  awaiting_skip_reason: z.boolean(),
  ext: SessionExtSchema.optional(),
});
export type SessionState = z.infer<typeof SessionStateSchema>;
