import * as z from 'zod';
import { AgentCodeSchema } from './vocabulary.ts';
import { TurnOutcomeSchema } from './agent-records.ts';

export const UsageSchema = z.object({
  input_tokens: z.int().nonnegative(), output_tokens: z.int().nonnegative(), cached_tokens: z.int().nonnegative().optional(),
});
export type Usage = z.infer<typeof UsageSchema>;

export const TurnUsageSchema = z.partialRecord(AgentCodeSchema, UsageSchema);
export type TurnUsage = z.infer<typeof TurnUsageSchema>;

export const ModelErrorKindSchema = z.enum([
  'transport', 'rate_limit', 'auth', 'not_configured', 'not_found', 'timeout', 'aborted', 'length', 'content_filter', 'empty_reply',
  'bad_request', 'context_overflow', 'context_truncated', 'schema', 'tool', 'budget', 'storage',
]);
export type ModelErrorKind = z.infer<typeof ModelErrorKindSchema>;

export const AgentErrorSchema = z.object({
  agent: z.union([AgentCodeSchema, z.literal('ENGINE')]), kind: ModelErrorKindSchema, retryable: z.boolean(), detail: z.string(),
});
export type AgentError = z.infer<typeof AgentErrorSchema>;

export const ModelPurposeSchema = z.enum([
  'reply', 'speak', 'greet', 'next_task', 'plan', 'integrate', 'memo', 'final_report', 'consult', 'repair',
]);
export type ModelPurpose = z.infer<typeof ModelPurposeSchema>;

/** One attempt at a provider, however it ended. */
export const LedgerRowSchema = z.object({
  turn_id: z.string().nullable(), session_id: z.string(), agent: AgentCodeSchema, purpose: ModelPurposeSchema, model: z.string(),
  endpoint: z.string(), attempt: z.int().positive(), usage: UsageSchema, estimated: z.boolean(), ttft_ms: z.number().nullable(),
  total_ms: z.number(), finish: z.string(), repaired: z.boolean(), prompt_hash: z.string(), manifest: z.record(z.string(), z.unknown()),
  error: AgentErrorSchema.optional(), at: z.string(),
});
export type LedgerRow = z.infer<typeof LedgerRowSchema>;

/** One committed turn as the history shows it. */
export const TurnRecordSchema = z.object({
  turn_index: z.int().nonnegative(), user_message: z.string(), companion_response: z.string(), turn_outcome: TurnOutcomeSchema,
  token_usage: TurnUsageSchema.optional(),
});
export type TurnRecord = z.infer<typeof TurnRecordSchema>;
