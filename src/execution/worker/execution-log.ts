import { createHash } from 'node:crypto';
import type { Clock } from '../../config/index.ts';
import type { Lane } from '../../contracts/index.ts';
import { LIMITS } from '../../contracts/index.ts';
import type { ExecutionRow, RunNote, Store } from '../../store/index.ts';
import type { LaneLimits } from '../guard/index.ts';
import type { Artifact } from './artifacts.ts';
import { clipMiddle } from './head-tail.ts';
import { outcomeOf } from './settle-reason.ts';
import type { RunReport, StepName } from './worker-contract.ts';

const KEPT_TEXT = 20_000;
const NOTE_TEXT = 8_000;
/** CSI and OSC sequences and single escapes: no log or prompt may carry them. */
// oxlint-disable-next-line no-control-regex -- these are the characters in question
const TERMINAL = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

/** A text without terminal sequences and control characters. */
export function stripTerminal(text: string): string {
  return text.replace(TERMINAL, '');
}

/** What is known when a run begins. */
export interface ExecutionStart {
  executionId: string;
  sessionId: string;
  lane: Lane;
  kind: ExecutionRow['kind'];
  code: string;
  path: string | null;
  limits: (LaneLimits & { wallMs: number }) | null;
  turnIndex: number | null;
  jobId: string | null;
  expertId: string | null;
  consultationId: string | null;
  queuedMs: number;
}

/** Something that happened to a run, relative to its start. */
export interface Step { at_ms: number; step: StepName }

export interface ExecutionEnd { report: RunReport; start: 'warm' | 'cold' | 'kernel' | null; artifacts: readonly Artifact[]; steps: readonly Step[] }

/** The rows of runs: written at the start, closed at the end, the last 500 per session kept. */
export interface ExecutionLog {
  open(start: ExecutionStart): void;
  close(start: ExecutionStart, end: ExecutionEnd): void;
  /** Closes every row that an earlier process left open; returns how many. */
  closeLost(): number;
}

export function createExecutionLog({ store, clock }: { store: Store; clock: Clock }): ExecutionLog {
  return {
    open: (start) => {
      store.executions.insert({
        execution_id: start.executionId, session_id: start.sessionId, lane: start.lane, kind: start.kind, started_at: clock.now().toISOString(),
        ended_at: null, turn_index: start.turnIndex, job_id: start.jobId, consultation_id: start.consultationId, body: openBody(start),
      }, { code: clipMiddle(start.code, KEPT_TEXT) });
    },
    close: (start, end) => {
      const { report } = end;
      store.transaction(() => {
        store.executions.close(start.executionId, {
          ended_at: clock.now().toISOString(), body: { ...openBody(start), ...closedBody(end) },
          texts: { stdout: clipMiddle(report.stdout, KEPT_TEXT), stderr: clipMiddle(report.stderr, KEPT_TEXT) },
        });
        store.executions.prune(start.sessionId, LIMITS.kept_executions);
      }, { flush: false });
    },
    closeLost: () => {
      const rows = store.executions.open();
      store.transaction(() => {
        for (const row of rows) {
          store.executions.close(row.execution_id, {
            ended_at: clock.now().toISOString(), body: { ...row.body, reason: 'worker_lost', outcome: outcomeOf('worker_lost'), returncode: -3 },
          });
        }
      });
      return rows.length;
    },
  };
}

function openBody(start: ExecutionStart): Record<string, unknown> {
  return {
    duration_ms: null, queued_ms: start.queuedMs, start: null, reason: null, outcome: null, returncode: null, signal: null,
    code_sha256: createHash('sha256').update(start.code).digest('hex'), path: start.path, truncated: { stdout: false, stderr: false },
    dropped: { stdout: 0, stderr: 0 }, error: null, hints: [], limits: start.limits, guards: null, usage: null, artifacts: [], steps: [], pid: null,
    kernel_id: null, cell_id: null, expert_id: start.expertId,
  };
}

function closedBody({ report, start, artifacts, steps }: ExecutionEnd): Record<string, unknown> {
  const { reason, outcome, returncode, signal, truncated, dropped, error, hints, guards, usage, pid } = report;
  return { duration_ms: report.durationMs, start, reason, outcome, returncode, signal, truncated, dropped, error, hints, guards, usage, artifacts, steps, pid };
}

/** What the companion may hear of a run. `redact` takes secrets out. */
export function toRunNote(start: ExecutionStart, end: { report: RunReport; at: string }, redact: (text: string) => string): RunNote {
  const clean = (text: string): string => clipMiddle(redact(stripTerminal(text)), NOTE_TEXT);
  return {
    session_id: start.sessionId, execution_id: start.executionId, lane: start.lane === 'notebook' ? 'notebook' : 'user', at: end.at,
    ok: end.report.success, code: clipMiddle(redact(start.code), NOTE_TEXT), stdout: clean(end.report.stdout), stderr: clean(end.report.stderr),
  };
}
