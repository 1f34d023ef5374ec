import { createHash } from 'node:crypto';
import type { Clock } from '../../../config/index.ts';
import { LIMITS } from '../../../contracts/index.ts';
import type { Store } from '../../../store/index.ts';
import { clipMiddle, outcomeOf, stripTerminal } from '../../worker/index.ts';
import type { Reason } from '../../worker/index.ts';

const KEPT_TEXT = 20_000;
const NOTE_TEXT = 8_000;

/** One cell in the log of executions. */
export interface CellRecord {
  executionId: string;
  sessionId: string;
  kernelId: string;
  cellId: string | null;
  path: string | null;
  code: string;
  timeoutMs: number | null;
}

export interface CellRecordEnd {
  reason: Reason;
  returncode: number;
  detail: string;
  durationMs: number;
  queuedMs: number;
  stdout: string;
  stderr: string;
  dropped: { stdout: number; stderr: number };
  error: { ename: string; evalue: string } | null;
  hints: readonly string[];
  guards: unknown;
  pid: number | null;
}

/** Writes a cell's row when it is accepted. */
export function openRecord({ store, clock }: { store: Store; clock: Clock }, record: CellRecord): void {
  store.executions.insert({
    execution_id: record.executionId, session_id: record.sessionId, lane: 'notebook', kind: 'cell', started_at: clock.now().toISOString(),
    ended_at: null, turn_index: store.sessions.get(record.sessionId)?.state.turn_index ?? null, job_id: null, consultation_id: null,
    body: openBody(record),
  }, { code: clipMiddle(record.code, KEPT_TEXT) });
}

/** Closes the row, and leaves a note of the run for the companion. */
export function closeRecord(
  { store, clock, redact }: { store: Store; clock: Clock; redact(text: string): string }, record: CellRecord, end: CellRecordEnd,
): void {
  const at = clock.now().toISOString();
  const clean = (text: string): string => clipMiddle(redact(stripTerminal(text)), NOTE_TEXT);
  const isOk = end.reason === 'ok' || end.reason === 'output_limit';
  const errorText = end.error === null ? '' : `${end.error.ename}: ${end.error.evalue}\n`;
  store.transaction(() => {
    store.executions.close(record.executionId, {
      ended_at: at, body: { ...openBody(record), ...closedBody(end) },
      texts: { stdout: clipMiddle(end.stdout, KEPT_TEXT), stderr: clipMiddle(end.stderr + errorText, KEPT_TEXT) },
    });
    store.executions.prune(record.sessionId, LIMITS.kept_executions);
    if (store.sessions.get(record.sessionId) === null) return; // Deleted while the cell ran.
    store.runNotes.insert({
      session_id: record.sessionId, execution_id: record.executionId, lane: 'notebook', at, ok: isOk,
      code: clipMiddle(redact(record.code), NOTE_TEXT), stdout: clean(end.stdout), stderr: clean(end.stderr + errorText),
    });
  });
}

function openBody(record: CellRecord): Record<string, unknown> {
  return {
    duration_ms: null, queued_ms: 0, start: 'kernel', reason: null, outcome: null, returncode: null, signal: null,
    code_sha256: createHash('sha256').update(record.code).digest('hex'), path: record.path, truncated: { stdout: false, stderr: false },
    dropped: { stdout: 0, stderr: 0 }, error: null, hints: [], limits: { wallMs: record.timeoutMs }, guards: null, usage: null, artifacts: [],
    steps: [], pid: null, kernel_id: record.kernelId, cell_id: record.cellId, expert_id: null,
  };
}

function closedBody(end: CellRecordEnd): Record<string, unknown> {
  return {
    duration_ms: end.durationMs, queued_ms: end.queuedMs, reason: end.reason, outcome: outcomeOf(end.reason),
    returncode: end.returncode, dropped: end.dropped,
    truncated: { stdout: end.dropped.stdout > 0, stderr: end.dropped.stderr > 0 }, error: end.error, hints: end.hints, guards: end.guards, pid: end.pid,
  };
}
