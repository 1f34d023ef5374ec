import type { StreamEvent, TurnEvent } from '../contracts/index.ts';

type Raw<T extends TurnEvent['type']> = Extract<TurnEvent, { type: T }>;

/** What `send` delivers: the events of the desktop's own normaliser, in its spelling. */
export type NormalisedEvent =
  | { type: 'done'; turnIndex: number }
  | { type: 'memo_update'; phase: 'start'; turnIndex: number }
  | { type: 'memo_update'; phase: 'complete'; turnIndex: number; report: string }
  | { type: 'roadmap_update'; phase: 'start' | 'complete' }
  | { type: 'expert_consultation'; phase: 'start' | 'complete' | 'error'; payload: Raw<'consultation_start' | 'consultation_complete' | 'consultation_error'> }
  | { type: 'token_usage'; agent: string; turnIndex: number; inputTokens: number; outputTokens: number }
  | { type: 'error'; message: string; code: string }
  | { type: 'llm_error'; error: string; code: string; retryable: boolean }
  | { type: 'reconnecting' }
  | { type: 'reconnected' }
  | Raw<'start' | 'turn_phase' | 'companion_start' | 'companion_chunk' | 'companion_complete' | 'consultation_progress' | 'notice' | 'session_end_suggested' | 'cancelled'>
  | Extract<StreamEvent, { type: 'stream_reset' | 'report_updated' | 'task_skipped' | 'session_ended' | 'session_imported' | 'server_shutdown' }>;

const TERMINAL: readonly string[] = ['complete', 'cancelled', 'llm_error', 'error'] satisfies readonly TurnEvent['type'][];

/** True for the last frame of a turn. */
export function isTerminal(type: string): boolean {
  return TERMINAL.includes(type);
}

/** One raw event and what follows from it at once; the memo update after `complete` needs a request and is added by `send`. Pure. */
export function normaliseEvent(event: StreamEvent): NormalisedEvent[] {
  switch (event.type) {
    case 'complete': return [{ type: 'done', turnIndex: event.turn_index }];
    case 'consultation_start': return [{ type: 'expert_consultation', phase: 'start', payload: event }];
    case 'consultation_complete': return [{ type: 'expert_consultation', phase: 'complete', payload: event }];
    case 'consultation_error': return [{ type: 'expert_consultation', phase: 'error', payload: event }];
    case 'companion_start': return [event, { type: 'roadmap_update', phase: 'start' }];
    case 'companion_complete': return [event, { type: 'roadmap_update', phase: 'complete' }];
    case 'token_usage': return [{
      type: 'token_usage', agent: event.agent, turnIndex: event.turn_index, inputTokens: event.input_tokens, outputTokens: event.output_tokens,
    }];
    case 'error': return [{ type: 'error', message: event.message, code: event.code }];
    case 'llm_error': return [{ type: 'llm_error', error: event.error, code: event.code, retryable: event.retryable }];
    default: return [event];
  }
}
