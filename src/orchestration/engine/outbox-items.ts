import type { InstructionPacket, MemoDigest, SessionState, TurnOutcome } from '../../contracts/index.ts';
import type { OutboxKind } from '../../store/index.ts';

/** Something for the backend, written by the transaction that commits what it carries. */
export interface OutboxItem { kind: OutboxKind; turn_index: number | null; body: Record<string, unknown> }

/** A committed turn; token usage is never sent. */
export function turnItem(chapterId: string, turn: {
  turn_index: number; user_message: string; companion_response: string; turn_outcome: TurnOutcome;
}): OutboxItem {
  const { turn_index, user_message, companion_response, turn_outcome } = turn;
  return { kind: 'turn', turn_index, body: { chapter_id: chapterId, turn_index, user_message, companion_response, turn_outcome } };
}

/** Everything another machine needs to go on with the session. */
export function memoryItem(session: {
  chapter_id: string; state: SessionState; packet: InstructionPacket; digest: MemoDigest; errorSummary: string;
}): OutboxItem {
  const agentState = {
    session_state: session.state, instruction_packet: session.packet,
    ...(session.errorSummary === '' ? {} : { student_error_summary: session.errorSummary }),
  };
  return { kind: 'memory', turn_index: null, body: { chapter_id: session.chapter_id, memory_json: session.digest, agent_state: agentState } };
}

/** The learner's page. */
export function reportItem(chapterId: string, reportMarkdown: string): OutboxItem {
  return { kind: 'report', turn_index: null, body: { chapter_id: chapterId, report_md: reportMarkdown } };
}
