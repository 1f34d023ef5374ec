import * as z from 'zod';
import { LIMITS, codePointLength } from './limits.ts';
import { LaneSchema } from './vocabulary.ts';

const count = z.int().nonnegative();
const code = z.string().min(1).refine((text) => codePointLength(text) <= LIMITS.code_chars, { error: `at most ${LIMITS.code_chars} characters` });

/** Starts learner code: exactly one of `code` and `path`. */
export const RunRequestSchema = z.object({
  code: code.optional(),
  path: z.string().optional(),
  timeout_seconds: z.number().min(1).max(LIMITS.run_timeout_seconds).default(LIMITS.run_timeout_default_seconds),
  memory_limit_mb: z.int().min(64).max(16_384).optional(),
  stdin: z.string().max(65_536).default(''),
  argv: z.array(z.string()).max(32).default([]),
}).refine((request) => (request.code === undefined) !== (request.path === undefined), { error: 'give either code or path' });
export type RunRequest = z.infer<typeof RunRequestSchema>;

export const RunOutcomeSchema = z.enum(['ok', 'error', 'timeout', 'cancelled', 'memory_limit', 'output_limit', 'start_failed']);
export const ArtifactSchema = z.object({ path: z.string(), size_bytes: count, mime: z.string(), kind: z.enum(['file', 'figure']).optional() });
export const RunAnswerSchema = z.looseObject({
  success: z.boolean(), stdout: z.string(), stderr: z.string(), returncode: z.int(), execution_time_ms: count, cancelled: z.boolean(),
  execution_id: z.string(), outcome: RunOutcomeSchema, truncated: z.object({ stdout: z.boolean(), stderr: z.boolean() }),
  artifacts: z.array(ArtifactSchema),
});
export type RunAnswer = z.infer<typeof RunAnswerSchema>;

/** Live output of a run or a job. */
export const RunEventSchema = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('exec_status'), state: z.enum(['queued', 'running']), queue_position: count.optional(),
    execution_id: z.string(), job_id: z.string(),
  }),
  z.object({ type: z.literal('exec_start'), execution_id: z.string(), job_id: z.string().nullable() }),
  z.object({ type: z.literal('exec_output'), stream: z.enum(['stdout', 'stderr']), text: z.string() }),
  ArtifactSchema.loose().extend({ type: z.literal('exec_artifact') }),
  RunAnswerSchema.extend({ type: z.literal('exec_complete') }),
  z.object({ type: z.literal('error'), message: z.string(), code: z.string() }),
]);

export const JobStatusSchema = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']);
export const JobSchema = z.looseObject({
  job_id: z.string(), session_id: z.string(), status: JobStatusSchema, created_at: z.number(), started_at: z.number().nullable(),
  ended_at: z.number().nullable(),
});
export const JobListSchema = z.object({ jobs: z.array(JobSchema) });
export const JobDetailSchema = JobSchema.extend({ result: RunAnswerSchema.nullable() });
export const JobCancelAnswerSchema = z.object({ success: z.literal(true), job_id: z.string(), status: JobStatusSchema });

export const ExecutionsQuerySchema = z.object({
  lane: LaneSchema.optional(), turn_index: z.coerce.number().int().nonnegative().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50), before: z.string().optional(),
});
export const ExecutionSchema = z.looseObject({
  execution_id: z.string(), lane: LaneSchema, kind: z.enum(['run', 'job', 'stream', 'cell', 'skill']), started_at: z.string(),
  ended_at: z.string().nullable(), duration_ms: count.nullable(), outcome: RunOutcomeSchema.nullable(), returncode: z.int().nullable(),
  code_sha256: z.string().nullable(), truncated: z.unknown(), guards: z.unknown(), limits: z.unknown(), artifacts: z.array(ArtifactSchema),
  turn_index: count.nullable(), job_id: z.string().nullable(), cell_id: z.string().nullable(), expert_id: z.string().nullable(),
  consultation_id: z.string().nullable(),
});
export const ExecutionListSchema = z.object({ executions: z.array(ExecutionSchema) });
export const ExecutionDetailSchema = ExecutionSchema.extend({ code: z.string(), stdout: z.string(), stderr: z.string() });
