import { CATALOGUE, languageOf, sentenceFor } from '../../contracts/index.ts';
import type { ErrorCode, ModelErrorKind, TurnEvent } from '../../contracts/index.ts';
import type { SessionRow, TurnRow } from '../../store/index.ts';

const isCode = (code: string): code is ErrorCode => code in CATALOGUE;

/** The code with which a kind of model failure ends a turn. */
export function codeOfModelError(kind: ModelErrorKind): ErrorCode {
  const code = `LLM_${kind.toUpperCase()}`;
  return isCode(code) ? code : 'INTERNAL';
}

/** The terminal event of a turn that is over, from its row alone: for a repeat of a message whose frames are gone. */
export function endedEvent(turn: TurnRow, session: Pick<SessionRow, 'language' | 'state'>): TurnEvent {
  const language = languageOf(session.language);
  const failed = (code: ErrorCode): TurnEvent => ({ type: 'error', message: sentenceFor(code, language), code });
  switch (turn.end) {
    case 'complete': return {
      type: 'complete', turn_index: turn.turn_index + 1, turn_id: turn.turn_id, report_ready: true, end_suggested: session.state.end_suggested,
    };
    case 'cancelled': return { type: 'cancelled', turn_id: turn.turn_id };
    case 'interrupted': return failed('SHUTTING_DOWN');
    case 'failed':
    case null: break;
    default: turn.end satisfies never;
  }
  const { error } = turn;
  if (error === null) return failed('INTERNAL');
  if (error.kind === 'storage') return failed('STORAGE_FAILED');
  const code = error.agent === 'ENGINE' && error.kind === 'timeout' ? 'TURN_DEADLINE' : codeOfModelError(error.kind);
  if (code === 'INTERNAL') return failed(code);
  return { type: 'llm_error', error: sentenceFor(code, language), code, agent: 'CA', retryable: error.retryable || CATALOGUE[code].retryable };
}
