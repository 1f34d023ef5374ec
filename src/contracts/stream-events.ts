import * as z from 'zod';
import { AgentCodeSchema, SubtaskStateSchema, TurnKindSchema } from './vocabulary.ts';

const count = z.int().nonnegative();
const type = <T extends string>(name: T) => z.literal(name);

export const TurnPhaseSchema = z.enum(['thinking', 'planning', 'consulting', 'integrating', 'recording', 'remembering']);
export type TurnPhase = z.infer<typeof TurnPhaseSchema>;

export const SkipAnswerSchema = z.object({
  skipped_task_id: z.string(), skipped_task_title: z.string(), next_task_id: z.string().nullable(), next_task_focus: z.string(),
  needs_reason: z.boolean(), consecutive_skips: count, all_tasks_done: z.boolean(),
  subtask_status: z.record(z.string(), z.object({ status: SubtaskStateSchema, evidence: z.array(z.string()) })),
});
export type SkipAnswer = z.infer<typeof SkipAnswerSchema>;

export const TurnEventSchema = z.discriminatedUnion('type', [
  z.object({ type: type('start'), turn_id: z.string(), turn_index: count, kind: TurnKindSchema }),
  z.object({ type: type('turn_phase'), phase: TurnPhaseSchema }),
  z.object({ type: type('companion_start') }),
  z.object({ type: type('companion_chunk'), content: z.string().min(1) }),
  z.object({ type: type('companion_complete'), interrupted: z.literal(true).optional() }),
  z.object({ type: type('consultation_start'), expert_id: z.string(), title: z.string(), consultation_id: z.string(), scenario_id: z.string() }),
  z.object({
    type: type('consultation_progress'), expert_id: z.string(), consultation_id: z.string(), step: count, tool: z.string(),
    execution_id: z.string().optional(),
  }),
  z.object({ type: type('consultation_complete'), expert_id: z.string(), consultation_id: z.string(), report_id: z.string().optional() }),
  z.object({ type: type('consultation_error'), expert_id: z.string(), error: z.string(), code: z.string(), consultation_id: z.string() }),
  z.object({
    type: type('token_usage'), agent: AgentCodeSchema, turn_index: count, input_tokens: count, output_tokens: count,
    cached_tokens: count.optional(), estimated: z.boolean().optional(),
  }),
  z.object({ type: type('notice'), code: z.string(), message: z.string(), agent: AgentCodeSchema.optional() }),
  z.object({ type: type('session_end_suggested'), turn_index: count }),
  z.object({ type: type('llm_error'), error: z.string(), code: z.string(), agent: AgentCodeSchema, retryable: z.boolean() }),
  z.object({ type: type('error'), message: z.string(), code: z.string() }),
  z.object({ type: type('cancelled'), turn_id: z.string() }),
  z.object({ type: type('complete'), turn_index: count, turn_id: z.string(), report_ready: z.boolean(), end_suggested: z.boolean() }),
]);
export type TurnEvent = z.infer<typeof TurnEventSchema>;

/** Events of a session outside a turn; on `…/events` only. */
export const SessionEventSchema = z.discriminatedUnion('type', [
  z.object({ type: type('stream_reset'), reason: z.string(), turn_index: count }),
  z.object({ type: type('report_updated'), turn_index: count, revision: count }),
  z.object({ type: type('task_skipped'), ...SkipAnswerSchema.shape }),
  z.object({ type: type('session_ended'), turn_index: count }),
  z.object({ type: type('session_imported'), turn_index: count }),
  z.object({ type: type('server_shutdown') }),
]);
export type SessionEvent = z.infer<typeof SessionEventSchema>;

/** Every event that can stand on a session's stream. */
export type StreamEvent = TurnEvent | SessionEvent;

export const TERMINAL_EVENT_TYPES = ['complete', 'cancelled', 'llm_error', 'error'] as const;

/** True for the last frame of a turn. */
export function isTerminalEvent(event: { type: string }): boolean {
  return (TERMINAL_EVENT_TYPES as readonly string[]).includes(event.type);
}

/** Every event type of a session's stream, in the contract's order. */
export const SSE_EVENT_TYPES: readonly string[] = [TurnEventSchema, SessionEventSchema].flatMap((union) =>
  union.options.map((option) => option.shape.type.value));

/** One frame as it stands on the wire and in the store: `id` is `<generation>.<sequence>`. */
export interface StreamFrame { id: string; event: StreamEvent }

/** The exact bytes of a frame: one id line, one data line, `type` first, one space after each colon of a key. */
export function encodeFrame(id: string, event: { type: string } & Readonly<Record<string, unknown>>): string {
  const { type: eventType, ...rest } = event;
  const fields = Object.entries(rest).filter(([, value]) => value !== undefined);
  const body = [['type', eventType] as const, ...fields].map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  return `id: ${id}\ndata: {${body.join(',')}}\n\n`;
}
