import * as z from 'zod';
import { LIMITS, codePointLength } from './limits.ts';

const count = z.int().nonnegative();

export const CellRequestSchema = z.object({
  code: z.string().refine((text) => codePointLength(text) <= LIMITS.code_chars, { error: `at most ${LIMITS.code_chars} characters` }),
  cell_id: z.string().max(64).optional(),
  timeout_seconds: z.number().min(1).max(LIMITS.cell_timeout_seconds).default(LIMITS.cell_timeout_default_seconds),
  allow_stdin: z.boolean().default(false),
  stop_on_error: z.boolean().default(true),
  notebook_path: z.string().optional(),
});
export type CellRequest = z.infer<typeof CellRequestSchema>;
export const CellAnswerSchema = z.looseObject({
  success: z.boolean(), stdout: z.string(), stderr: z.string(), result_repr: z.string(), execution_time_ms: count,
  outputs: z.array(z.record(z.string(), z.unknown())), execution_count: count.nullable(), execution_id: z.string(),
  error: z.object({ ename: z.string(), evalue: z.string(), traceback: z.array(z.string()) }).optional(),
});
export type CellAnswer = z.infer<typeof CellAnswerSchema>;

/** Live output of a cell. */
export const CellEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('cell_start'), execution_id: z.string(), cell_id: z.string().nullable() }),
  z.looseObject({ type: z.literal('cell_output') }),
  z.object({ type: z.literal('cell_input_request'), request_id: z.string(), prompt: z.string(), password: z.boolean() }),
  z.looseObject({ type: z.literal('cell_complete') }),
  z.object({ type: z.literal('error'), message: z.string(), code: z.string() }),
]);

export const SuccessAnswerSchema = z.object({ success: z.boolean() });
export const RestartAnswerSchema = z.object({ success: z.boolean(), status: z.string() });
export const NotebookInputRequestSchema = z.object({ request_id: z.string(), value: z.string().max(65_536) });
export const NotebookStatusSchema = z.looseObject({
  state: z.enum(['none', 'starting', 'idle', 'busy', 'dead']), execution_count: count, python: z.string().nullable(),
  started_at: z.string().nullable(), guards: z.unknown(),
});
export const CursorRequestSchema = z.object({ code: z.string().max(LIMITS.code_chars * 2), cursor_pos: count });
export const CompleteAnswerSchema = z.object({ matches: z.array(z.string()), cursor_start: count, cursor_end: count });
export const InspectAnswerSchema = z.object({ found: z.boolean(), data: z.record(z.string(), z.unknown()) });
export const NotebookFileQuerySchema = z.object({ path: z.string() });
export const NotebookFileSchema = z.object({ path: z.string(), notebook: z.record(z.string(), z.unknown()), etag: z.string() });
export const PutNotebookRequestSchema = z.object({ notebook: z.record(z.string(), z.unknown()) });
export const PutNotebookAnswerSchema = z.object({ path: z.string(), size_bytes: count, modified_at: z.string(), etag: z.string() });
