import type { SessionState } from '../../contracts/index.ts';
import type { HistoryRow, SessionRow, Store } from '../../store/index.ts';
import type { ConsultationNote, SkipNote, TurnSnapshot } from '../context/index.ts';
import { UnlockDecisionSchema, titleOf } from '../state/index.ts';

/** What an expert found, as its stored report says. */
export interface ExpertFinding { turn_index: number; consultation_id: string; expert_id: string; title: string; summary: string }

/** What happened in a committed turn besides its texts. A memo may run in a later process, so all of it is read from the store. */
export function recallTurn(
  past: HistoryRow, row: SessionRow, store: Store,
): Pick<TurnSnapshot, 'judgement' | 'unlockReasons' | 'skip' | 'consultations'> {
  const turn = store.turns.get(past.turn_id);
  const decision = UnlockDecisionSchema.safeParse(turn?.decision);
  return {
    judgement: turn?.judgement ?? null,
    unlockReasons: decision.success ? decision.data.reasons : [],
    skip: skipNoteOf(row.state, past.turn_index),
    consultations: recallConsultations(past, store),
  };
}

/** The skip that was carried out in a turn, or by the button just before it; null when there was none. */
export function skipNoteOf(state: SessionState, turnIndex: number): SkipNote | null {
  const entry = state.skip_log.findLast((skipped) => skipped.turn_index === turnIndex);
  if (entry === undefined) return null;
  const { current_subtask_id: next } = state;
  return { skippedTitle: titleOf(state, entry.subtask_id), nextTitle: next === null ? null : titleOf(state, next), needsReason: false };
}

/** The findings of a session's experts, newest first. */
export function findingsOf(sessionId: string, store: Store): ExpertFinding[] {
  return store.expertReports.list(sessionId).map(({ turn_index, consultation_id, expert_id, body }) => ({
    turn_index, consultation_id, expert_id, title: asText(body['title']), summary: asText(body['summary']),
  }));
}

function recallConsultations(past: HistoryRow, store: Store): ConsultationNote[] {
  const held = store.consultations.ofTurn(past.turn_id);
  const findings = held.length === 0 ? [] : findingsOf(past.session_id, store);
  return held.map(({ expert_id: expertId, consultation_id: id }): ConsultationNote => {
    const summary = findings.find((finding) => finding.consultation_id === id)?.summary ?? '';
    const known = { expertId, question: '', output: null, guidance: null };
    return summary === '' ? { ...known, outcome: 'failed', summary: null } : { ...known, outcome: 'answered', summary };
  });
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
