import type { InstructionPacket, MemoDigest, SessionState, TurnOutcome } from '../contracts/index.ts';
import type { HistoryRow, SessionRow } from './store-rows.ts';

/** What the backend is told, as it stands in the outbox. Token usage, files, code and final reports are never part of it. */
export type OutboxItem =
  | { kind: 'turn'; turn_index: number; body: {
    chapter_id: string; turn_index: number; user_message: string; companion_response: string; turn_outcome: TurnOutcome;
  } }
  | { kind: 'memory'; turn_index: null; body: {
    chapter_id: string; memory_json: MemoDigest;
    agent_state: { session_state: SessionState; instruction_packet: InstructionPacket; student_error_summary?: string };
  } }
  | { kind: 'report'; turn_index: null; body: { chapter_id: string; report_md: string } };

/** The backend knows a chapter by its own id, one segment; the course stands in the registration. */
export function backendChapterId(chapterId: string): string {
  return chapterId.slice(chapterId.lastIndexOf('/') + 1);
}

/** A committed turn. */
export function turnItem(chapterId: string, turn: HistoryRow): OutboxItem {
  const { turn_index, user_message, companion_response, turn_outcome } = turn;
  return { kind: 'turn', turn_index, body: { chapter_id: backendChapterId(chapterId), turn_index, user_message, companion_response, turn_outcome } };
}

/** What a restore needs to go on: digest, state, packet and, when there is one, the summary of the learner's errors. */
export function memoryItem(session: Pick<SessionRow, 'session_id' | 'chapter_id' | 'digest' | 'state' | 'packet'>, errorSummary = ''): OutboxItem {
  const state: SessionState = { ...session.state, session_id: session.session_id };
  const summary = errorSummary === '' ? {} : { student_error_summary: errorSummary };
  return {
    kind: 'memory', turn_index: null,
    body: {
      chapter_id: backendChapterId(session.chapter_id), memory_json: session.digest,
      agent_state: { session_state: state, instruction_packet: session.packet, ...summary },
    },
  };
}

/** The learner's page as it is now. */
export function reportItem(session: Pick<SessionRow, 'chapter_id' | 'report_md'>): OutboxItem {
  return { kind: 'report', turn_index: null, body: { chapter_id: backendChapterId(session.chapter_id), report_md: session.report_md } };
}
