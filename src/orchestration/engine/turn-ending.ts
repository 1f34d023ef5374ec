import { SidecarError, CATALOGUE, describeError, languageOf, sentenceFor } from '../../contracts/index.ts';
import type { AgentError, Language, ModelErrorKind, TurnEnd, TurnEvent } from '../../contracts/index.ts';
import { ModelError } from '../../models/index.ts';
import { codeOfModelError } from '../stream/index.ts';
import { abortCauseOf } from './turn-abort.ts';
import type { RunningTurn } from './running-turn.ts';

/** How a turn that was not committed ends: its terminal event and what the turn row keeps. */
export interface TurnEnding { end: TurnEnd; event: TurnEvent; error: AgentError | null }

function endAborted(turn: RunningTurn, language: Language): TurnEnding | null {
  switch (abortCauseOf(turn.signal)) {
    case 'cancelled': return { end: 'cancelled', event: { type: 'cancelled', turn_id: turn.identity.turnId }, error: null };
    case 'deadline': return {
      end: 'failed',
      event: { type: 'llm_error', error: sentenceFor('TURN_DEADLINE', language), code: 'TURN_DEADLINE', agent: 'CA', retryable: true },
      error: { agent: 'ENGINE', kind: 'timeout', retryable: true, detail: 'turn deadline' },
    };
    case 'shutdown': return {
      end: 'interrupted', event: { type: 'error', message: sentenceFor('SHUTTING_DOWN', language), code: 'SHUTTING_DOWN' }, error: null,
    };
    case null: return null;
  }
}

function endModelError(error: ModelError, language: Language): TurnEnding {
  const code = codeOfModelError(error.kind);
  const sentence = sentenceFor(code, language);
  const text = error.setting === null || sentence.includes(error.setting) ? sentence : `${sentence} (${error.setting})`;
  return {
    end: 'failed',
    event: { type: 'llm_error', error: text, code, agent: 'CA', retryable: error.retryable || CATALOGUE[code].retryable },
    error: { agent: 'CA', kind: error.kind, retryable: error.retryable, detail: error.message.slice(0, 500) },
  };
}

/** Turns whatever ended a turn into its terminal event. Texts are ours; causes go to the log alone. */
export function endingOf(turn: RunningTurn, error: unknown): TurnEnding {
  const language = languageOf(turn.identity.language);
  const aborted = endAborted(turn, language);
  if (aborted !== null) return aborted;
  if (error instanceof ModelError) return endModelError(error, language);
  const known = error instanceof SidecarError ? error : new SidecarError('INTERNAL', 'unexpected', { cause: error });
  const kind: ModelErrorKind = known.code.startsWith('STORAGE') ? 'storage' : 'schema';
  return {
    end: 'failed', event: { type: 'error', message: describeError(known, language), code: known.code },
    error: { agent: 'ENGINE', kind, retryable: CATALOGUE[known.code].retryable, detail: known.message.slice(0, 500) },
  };
}
