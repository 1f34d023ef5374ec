import * as z from 'zod';
import {
  ErrorTypeSchema, EXPERT_ID_PATTERN, HelperScopeSchema, LockUntilSchema, ProgressDeltaSchema, clipCodePoints,
} from '../../contracts/index.ts';

/** Clamps of what planner and memo agent send; texts in code points, lists in items. */
export const PROPOSAL_LIMITS = {
  focus: 200, guidance: 1200, target: 200, targets: 2, nice_checks: 1,
  evidence: 300, evidence_items: 6,
  question: 2000, letter_title: 120, reasoning: 600,
  summary: 1200, integrate_guidance: 800,
  note: 200, notes_added: 3, achievement: 600, achievements: 3,
  report_item: 160, report_points: 3, report_list: 4, next_step: 200,
  error_text: 300, errors: 3, memory_delta: 400, diagnostics: 3, long_term: 2000,
} as const;

const MIN_ITEM = 1;

/** A text that is clipped at `limit` code points; `maxLength` is what the model is told. */
function text(limit: number) {
  return z.string().overwrite((value) => clipCodePoints(value.trim(), limit).trimEnd()).meta({ maxLength: limit });
}

/** Like `text`, but blank is refused. */
function filled(limit: number) {
  return z.string().overwrite((value) => clipCodePoints(value.trim(), limit).trimEnd()).min(MIN_ITEM).meta({ maxLength: limit });
}

/** A list whose surplus is cut, first items kept; absent = empty. */
function list<T extends z.ZodType>(item: T, limit: number) {
  return z.array(item).overwrite((items) => items.slice(0, limit)).meta({ maxItems: limit }).default([]);
}

const L = PROPOSAL_LIMITS;

/** The planner's new packet. Version, binding and derivation are never read from a model. */
export const PlanPacketProposalSchema = z.object({
  current_focus: filled(L.focus),
  guidance_for_ca: filled(L.guidance),
  recommended_targets: z.array(filled(L.target)).min(1).overwrite((items) => items.slice(0, L.targets)).meta({ maxItems: L.targets }),
  nice_check: list(filled(L.target), L.nice_checks),
  lock_until: LockUntilSchema.default('checkpoint_reached'),
  allow_setup_helper_code: z.boolean().default(false),
  setup_helper_scope: HelperScopeSchema.default('none'),
  task_type: z.enum(['core', 'scaffolding']).default('core'),
  suggest_checkpoint_confirmation: z.boolean().default(false),
  current_task_id: z.string().nullable().default(null),
  /** Absent = unchanged. */
  hint_level: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3), z.literal(4)]).optional(),
});
export type PlanPacketProposal = z.infer<typeof PlanPacketProposalSchema>;

/** One piece of evidence as a model states it: a text, or a text with the learner's words. */
export const EvidenceProposalSchema = z.union([
  filled(L.evidence), z.object({ text: filled(L.evidence), quote: text(L.evidence).optional() }),
]);
export type EvidenceProposal = z.infer<typeof EvidenceProposalSchema>;

/** Wished changes of task states; the reducer takes what the rules allow. */
export const StateUpdateProposalSchema = z.object({
  subtask_status: z.record(z.string(), z.object({
    status: z.enum(['in_progress', 'completed']).optional(),
    evidence: list(EvidenceProposalSchema, L.evidence_items),
  })).default({}),
  end_suggested: z.boolean().optional(),
});
export type StateUpdateProposal = z.infer<typeof StateUpdateProposalSchema>;

/** The planner's question to an expert; checked against chapter, expert and files before it is accepted. */
export const ConsultationRequestSchema = z.object({
  expert_id: z.string().regex(EXPERT_ID_PATTERN),
  expected_output_type: z.string().regex(/^[a-z][a-z0-9_-]{1,63}$/),
  question: filled(L.question),
  scenario_id: z.string().regex(/^[a-z][a-z0-9_-]{1,63}$/).default('rma_custom'),
  /** Absent = by scenario. */
  consulting_letter_title: filled(L.letter_title).optional(),
  reasoning: text(L.reasoning).default(''),
  context: z.record(z.string(), z.unknown()).default({}),
});
export type ConsultationRequest = z.infer<typeof ConsultationRequestSchema>;

/** What `plan` returns; a part that could not be read is null. */
export const PlanProposalSchema = z.object({
  packet: PlanPacketProposalSchema.nullable().default(null),
  state_update: StateUpdateProposalSchema.nullable().default(null),
  consultation_request: ConsultationRequestSchema.nullable().default(null),
});
export type PlanProposal = z.infer<typeof PlanProposalSchema>;

/** The only packet fields that `integrate` may change. */
export const PacketPatchProposalSchema = z.object({
  current_focus: filled(L.focus).optional(),
  guidance_for_ca: filled(L.guidance).optional(),
  recommended_targets: z.array(filled(L.target)).min(1).overwrite((items) => items.slice(0, L.targets)).meta({ maxItems: L.targets }).optional(),
  nice_check: z.array(filled(L.target)).overwrite((items) => items.slice(0, L.nice_checks)).meta({ maxItems: L.nice_checks }).optional(),
});
export type PacketPatchProposal = z.infer<typeof PacketPatchProposalSchema>;

/** What `integrate` returns after a consultation. */
export const IntegrateProposalSchema = z.object({
  expert_consultation_summary: filled(L.summary),
  guidance_for_ca: filled(L.integrate_guidance),
  packet_patch: PacketPatchProposalSchema.nullable().default(null),
  state_update: StateUpdateProposalSchema.nullable().default(null),
  consultation_request: ConsultationRequestSchema.nullable().default(null),
});
export type IntegrateProposal = z.infer<typeof IntegrateProposalSchema>;

const itemPatch = z.object({ add: list(filled(L.note), L.notes_added), drop: z.array(z.string()).default([]) });

/** The memo agent's notes for the learner's page. */
export const ReportNotesProposalSchema = z.object({
  activity: text(L.report_item).default(''),
  points: list(filled(L.report_item), L.report_points),
  solid: list(filled(L.report_item), L.report_list),
  needs_support: list(filled(L.report_item), L.report_list),
  next_step: text(L.next_step).default(''),
});
export type ReportNotesProposal = z.infer<typeof ReportNotesProposalSchema>;

/** What the memo agent returns: patches, never documents. Ids in `drop` are `o1`, `s1`, `g1` (`digestItemIds`). */
export const MemoPatchProposalSchema = z.object({
  observations: itemPatch.optional(),
  struggles: itemPatch.optional(),
  strengths: itemPatch.optional(),
  progress_delta: ProgressDeltaSchema.default('none'),
  achievements: list(z.object({ task_id: z.string(), append: filled(L.achievement) }), L.achievements),
  report: ReportNotesProposalSchema.optional(),
  error_entries: list(z.object({
    error_type: ErrorTypeSchema, description: filled(L.error_text), context: text(L.error_text).default(''),
  }), L.errors),
  memory_delta: text(L.memory_delta).default(''),
  diagnostic_log: list(filled(L.note), L.diagnostics),
  /** Only read when it was asked for. */
  long_term: text(L.long_term).optional(),
});
export type MemoPatchProposal = z.infer<typeof MemoPatchProposalSchema>;

