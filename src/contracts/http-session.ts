import * as z from 'zod';
import { LIMITS, codePointLength } from './limits.ts';
import { SkipReasonSchema, TurnKindSchema } from './vocabulary.ts';
import { SessionStateSchema } from './session-state.ts';
import { TurnOutcomeSchema } from './agent-records.ts';
import { TurnUsageSchema, UsageSchema } from './ledger.ts';
import { SkipAnswerSchema } from './stream-events.ts';

const count = z.int().nonnegative();
const chars = (limit: number) => z.string().refine((text) => codePointLength(text) <= limit, { error: `at most ${limit} characters` });
/** `null` means absent, also as an element. */
const paths = z.array(z.string().nullable()).optional();

/** What the desktop knows about the content of a session; every field may be absent. */
export const DesktopContextSchema = z.object({
  chapter_scope: z.object({
    chapter_id: z.string().optional(), course_id: z.string().optional(), chapter_code: z.string().optional(), scope_id: z.string().optional(),
  }).optional(),
  bundle_paths: z.object({
    chapter_bundle_path: z.string().optional(), app_agents_path: z.string().optional(), experts_shared_path: z.string().optional(),
    expert_bundle_paths: z.record(z.string(), z.string()).optional(),
  }).optional(),
  prompt_sources: z.object({ interaction_protocol_candidates: paths, socratic_vs_direct_candidates: paths }).optional(),
});
export type DesktopContext = z.infer<typeof DesktopContextSchema>;

const backend = { backend_url: z.string().max(2048).optional(), auth_token: z.string().max(8192).optional() };

export const CreateSessionRequestSchema = z.object({
  chapter_id: z.string().default('ch0_pandas_basics'),
  desktop_context: DesktopContextSchema.optional(),
  session_id: z.string().optional(),
  ...backend,
});
export type CreateSessionRequest = z.infer<typeof CreateSessionRequestSchema>;

export const CreateSessionAnswerSchema = z.object({
  session_id: z.string(),
  initial_message: z.string(),
  workspace: z.object({
    has_starter_code: z.boolean(), has_datasets: z.boolean(), files: z.array(z.object({ name: z.string(), source: z.literal('bundle') })),
  }),
  chapter: z.object({ chapter_id: z.string(), title: z.string(), task_count: count, language: z.string() }),
  sync: z.enum(['on', 'off']),
});
export type CreateSessionAnswer = z.infer<typeof CreateSessionAnswerSchema>;

export const ReattachRequestSchema = z.object({ desktop_context: DesktopContextSchema.optional(), ...backend });
export type ReattachRequest = z.infer<typeof ReattachRequestSchema>;
export const ReattachAnswerSchema = z.object({ status: z.enum(['reattached', 'already_attached']), turn_index: count, imported: z.boolean() });
export type ReattachAnswer = z.infer<typeof ReattachAnswerSchema>;

export const ListSessionsQuerySchema = z.object({ chapter_id: z.string().optional(), limit: z.coerce.number().int().min(1).max(500).optional() });
export const SessionListItemSchema = z.object({
  session_id: z.string(), chapter_id: z.string(), turn_index: count, created_at: z.string(), last_updated: z.string(),
  chapter_title: z.string(), end_confirmed: z.boolean(), busy: z.boolean(),
});
export type SessionListItem = z.infer<typeof SessionListItemSchema>;
export const SessionListSchema = z.object({ sessions: z.array(SessionListItemSchema) });

export const HistoryTurnSchema = z.object({
  turn_index: count, user_message: z.string(), companion_response: z.string(), turn_outcome: TurnOutcomeSchema,
  token_usage: TurnUsageSchema.optional(), kind: TurnKindSchema, created_at: z.string(),
});
export type HistoryTurn = z.infer<typeof HistoryTurnSchema>;
export const HistorySchema = z.object({ turns: z.array(HistoryTurnSchema) });
export const DynamicReportSchema = z.object({ report: z.string() });
export const StateAnswerSchema = z.object({ state: SessionStateSchema });

/** Also while a turn runs or rows wait for the backend; only `true` does so. */
export const DeleteSessionQuerySchema = z.object({ force: z.enum(['true', 'false']).optional().catch(undefined) });
/** Where a reader of events left off; the header wins over the query, and one that is no single text says nothing. */
export const ResumeQuerySchema = z.object({ after: z.string().optional().catch(undefined) });
export const ResumeHeadersSchema = z.object({ 'last-event-id': z.string().optional() });

export const MessageRequestSchema = z.object({
  message: z.string(),
  client_turn_id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/).optional(),
});
export type MessageRequest = z.infer<typeof MessageRequestSchema>;

export const CancelAnswerSchema = z.object({
  cancelled: z.boolean(), session_id: z.string(), outcome: z.enum(['cancelled', 'idle', 'committed']), turn_id: z.string().nullable(),
});
export type CancelAnswer = z.infer<typeof CancelAnswerSchema>;

/** `reason` stays a plain string here: an unknown one has its own code. */
export const SkipRequestSchema = z.object({
  reason: z.string().optional(), reason_text: chars(LIMITS.skip_reason_chars).optional(), subtask_id: z.string().optional(),
});
export type SkipRequest = z.infer<typeof SkipRequestSchema>;
export { SkipAnswerSchema, SkipReasonSchema };

export const EndAnswerSchema = z.object({ final_report: z.string(), turn_index: count, generated_by: z.enum(['model', 'rules']) });
export type EndAnswer = z.infer<typeof EndAnswerSchema>;

const agentUsage = UsageSchema.extend({ cached_tokens: count, calls: count, estimated: z.boolean() });
export const UsageAnswerSchema = z.object({
  turns: z.array(z.object({ turn_index: count, agents: z.record(z.string(), agentUsage) })),
  totals: z.record(z.string(), agentUsage),
  unattributed: z.object({ input_tokens: count, output_tokens: count, calls: count }),
});
export type UsageAnswer = z.infer<typeof UsageAnswerSchema>;

export const ExpertReportItemSchema = z.object({
  report_id: z.string(), consultation_id: z.string(), user_turn_index: count, scenario_id: z.string(), expert_id: z.string(),
  title: z.string(), created_at: z.string(), binding_effect: z.enum(['none', 'abort_task_path']), summary: z.string(),
});
export const ExpertReportListSchema = z.object({ reports: z.array(ExpertReportItemSchema) });
export const ExpertReportSchema = ExpertReportItemSchema.extend({
  key_findings: z.array(z.string()), evidence: z.record(z.string(), z.unknown()), implication_for_next_step: z.string(),
  expert_sources: z.array(z.unknown()), related_consultation_ids: z.array(z.string()), markdown: z.string(), executions: z.array(z.string()),
});
export type ExpertReport = z.infer<typeof ExpertReportSchema>;
