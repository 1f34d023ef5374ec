import type { LedgerRow } from '../../src/contracts/index.ts';
import { blankDigest, blankNotes, blankOutcome, blankPacket, blankState } from '../../src/store/index.ts';
import type { ExecutionRow, FrameRow, HistoryRow, JobRow, SessionRow, TurnRow } from '../../src/store/index.ts';

/** The time at which everything in the samples happens. */
export const AT = '2026-01-02T03:04:05.000Z';

/** A session of chapter `ch1` without turns. */
export function sampleSession(sessionId: string, change: Partial<SessionRow> = {}): SessionRow {
  return {
    session_id: sessionId, chapter_id: 'ch1', chapter_title: '读取数据', language: 'zh-CN', created_at: AT, last_updated: AT, revision: 1,
    state: {
      ...blankState({ sessionId, chapterId: 'ch1', turnIndex: 0, endConfirmed: false, instructionVersion: 1 }),
      subtask_status: { load_csv: { status: 'in_progress', evidence: ['读取成功'] }, inspect: { status: 'not_started', evidence: [] } },
      current_subtask_id: 'load_csv',
    },
    packet: blankPacket(1), digest: blankDigest(), notes: blankNotes(), report_md: '', report_revision: 0,
    desktop_context: { chapter_scope: { chapter_id: 'ch1', course_id: 'course' } }, content_hash: null, content_problem: null, final_report: null,
    final_by: null, generation: 0, backend_url: null, ...change,
  };
}

/** A turn that was just accepted. */
export function sampleTurn(turnId: string, sessionId: string, change: Partial<TurnRow> = {}): TurnRow {
  return {
    turn_id: turnId, session_id: sessionId, client_turn_id: null, turn_index: 0, kind: 'student', message: '你好', base_revision: 1,
    phase: 'accept', end: null, judgement: null, decision: null, staged_plan: null, lease_pid: 1, lease_started_at: AT, accepted_at: AT,
    ended_at: null, error: null, ...change,
  };
}

/** A committed turn. */
export function sampleHistory(sessionId: string, turnIndex: number, change: Partial<HistoryRow> = {}): HistoryRow {
  return {
    session_id: sessionId, turn_index: turnIndex, turn_id: `trn_${turnIndex}`, kind: 'student', user_message: `question ${turnIndex}`,
    companion_response: `answer ${turnIndex}`, turn_outcome: blankOutcome(), token_usage: { CA: { input_tokens: 10, output_tokens: 2 } },
    created_at: AT, ...change,
  };
}

/** A frame at a place of the stream. */
export function sampleFrame(sessionId: string, place: [generation: number, sequence: number], turnId: string | null): FrameRow {
  return { session_id: sessionId, generation: place[0], sequence: place[1], turn_id: turnId, frame: `id: ${place.join('.')}\n\n`, terminal: false };
}

/** One finished model call of 120 tokens. */
export function sampleCall(sessionId: string, change: Partial<LedgerRow> = {}): LedgerRow {
  return {
    turn_id: 'trn_1', session_id: sessionId, agent: 'CA', purpose: 'reply', model: 'm', endpoint: 'e', attempt: 1,
    usage: { input_tokens: 100, output_tokens: 20 }, estimated: false, ttft_ms: 5, total_ms: 9, finish: 'stop', repaired: false,
    prompt_hash: 'h', manifest: { sections: 3 }, at: AT, ...change,
  };
}

/** A run that was just started. */
export function sampleExecution(executionId: string, sessionId: string, change: Partial<ExecutionRow> = {}): ExecutionRow {
  return {
    execution_id: executionId, session_id: sessionId, lane: 'user', kind: 'run', started_at: AT, ended_at: null, turn_index: null,
    job_id: null, consultation_id: null, body: { step: 'queued' }, ...change,
  };
}

/** A job that waits. */
export function sampleJob(jobId: string, sessionId: string, change: Partial<JobRow> = {}): JobRow {
  return {
    job_id: jobId, session_id: sessionId, state: 'queued', created_at: 1.5, started_at: null, ended_at: null, execution_id: null,
    request: { code: '1' }, result: null, events: '', ...change,
  };
}
