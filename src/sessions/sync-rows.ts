import { renderErrorSummary } from '../orchestration/index.ts';
import type { HistoryRow, SessionRow, Store } from '../store/index.ts';

/** Queues what the backend keeps of a session beside its turns: digest, state, packet and error summary. Nothing before the first turn. */
export function queueMemory(store: Store, row: SessionRow, at: string): void {
  if (row.backend_url === null || row.state.turn_index === 0) return;
  store.outbox.enqueue(row.session_id, { kind: 'memory', turn_index: null, body: memoryBody(row) }, at);
}

/** Queues everything that the backend can know of a session: all turns that did not come from it, then memory, then report. */
export function queueWholeSession(store: Store, row: SessionRow, at: string): void {
  if (row.backend_url === null || row.state.turn_index === 0) return;
  for (const turn of store.history.list(row.session_id)) {
    if (!isFromBackend(turn)) store.outbox.enqueue(row.session_id, { kind: 'turn', turn_index: turn.turn_index, body: turnBody(row, turn) }, at);
  }
  queueMemory(store, row, at);
  if (row.report_md === '') return;
  store.outbox.enqueue(row.session_id, { kind: 'report', turn_index: null, body: { chapter_id: row.chapter_id, report_md: row.report_md } }, at);
}

/** Prefixes of the ids of imported turns; they say whether the backend has them already. */
export const IMPORTED_TURN = { restored: 'trn_restored_', predecessor: 'trn_predecessor_' } as const;

function isFromBackend(turn: HistoryRow): boolean {
  return turn.turn_id.startsWith(IMPORTED_TURN.restored);
}

function turnBody(row: SessionRow, { turn_index, user_message, companion_response, turn_outcome }: HistoryRow): object {
  return { chapter_id: row.chapter_id, turn_index, user_message, companion_response, turn_outcome };
}

function memoryBody(row: SessionRow): object {
  const summary = renderErrorSummary(row.state.ext?.errors ?? [], row.language);
  return {
    chapter_id: row.chapter_id,
    memory_json: row.digest,
    agent_state: {
      session_state: row.state, instruction_packet: row.packet, ...(summary === '' ? {} : { student_error_summary: summary }),
    },
  };
}
