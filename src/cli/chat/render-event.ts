import type { NormalisedEvent } from '../../client/index.ts';

/** What a person waits for without a word of the tutor. */
const SHOWN_PHASES: ReadonlySet<string> = new Set(['thinking', 'planning', 'recording']);

/** What one event adds to the conversation: the tutor's words, and remarks about what happens. Pure. */
export function renderEvent(event: NormalisedEvent): { text: string } | { remark: string } | null {
  switch (event.type) {
    case 'companion_chunk': return { text: event.content };
    case 'companion_complete': return { text: event.interrupted === true ? ' […]\n\n' : '\n\n' };
    case 'turn_phase': return SHOWN_PHASES.has(event.phase) ? { remark: `${event.phase} …` } : null;
    case 'expert_consultation': return { remark: renderConsultation(event) };
    case 'notice': return { remark: event.message };
    case 'session_end_suggested': return { remark: 'every required task is done; /end closes the session with a report' };
    case 'cancelled': return { remark: 'cancelled' };
    case 'error': return { remark: `${event.message} (${event.code})` };
    case 'llm_error': return { remark: `${event.error} (${event.code})` };
    case 'reconnecting': return { remark: 'connection lost, trying again …' };
    case 'reconnected': return { remark: 'connected again' };
    case 'stream_reset': return { remark: 'the turn was lost; please send it again' };
    default: return null;
  }
}

function renderConsultation({ phase, payload }: Extract<NormalisedEvent, { type: 'expert_consultation' }>): string {
  if (phase === 'start') return `${payload.expert_id} is asked …`;
  return phase === 'complete' ? `${payload.expert_id} has answered` : `${payload.expert_id} could not help`;
}
