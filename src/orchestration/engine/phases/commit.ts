import { SidecarError } from '../../../contracts/index.ts';
import type { InstructionPacket, SessionState, TurnOutcome } from '../../../contracts/index.ts';
import { memoryItem, reportItem, turnItem } from '../../../store/index.ts';
import type { FrameRow, HistoryRow, OutboxItem, SessionRow } from '../../../store/index.ts';
import { renderErrorSummary, renderReport } from '../../report/index.ts';
import {
  applyProposal, commitCounters, createJudgement, createMemory, describeTurn, extOf, foldMemory, followTask, issuePacket,
  mergeOutcome, mergeStateUpdates, namesClosedTask, noteTurn, withExt,
} from '../../state/index.ts';
import type { Rejection } from '../../state/index.ts';
import type { EngineDeps } from '../engine-deps.ts';
import type { RunningTurn } from '../running-turn.ts';
import { evidenceSourcesOf } from '../turn-work.ts';
import type { FinishedTurn } from '../turn-work.ts';

/** What the commit made of a turn. */
export interface CommittedFacts { endSuggestedNow: boolean; endSuggested: boolean }

/**
 * Commits a turn: every reducer on the newest row, then one transaction. One retry; then STORAGE_FAILED or STORAGE_FULL.
 * Memo notes that arrived while the turn ran are kept, because the row is read again here.
 */
export function commitTurn(turn: RunningTurn, finished: FinishedTurn, deps: EngineDeps): CommittedFacts {
  try {
    return commitOnce(turn, finished, deps);
  } catch (error) {
    deps.log.warn({ err: error, turnId: turn.identity.turnId }, 'commit failed, trying once more');
    return commitOnce(turn, finished, deps);
  }
}

function commitOnce(turn: RunningTurn, finished: FinishedTurn, deps: EngineDeps): CommittedFacts {
  const { sessionId, turnId } = turn.identity;
  let saved: FrameRow[] = [];
  try {
    return deps.store.transaction(() => {
      const row = deps.store.sessions.get(sessionId);
      if (row === null) throw new SidecarError('SESSION_NOT_FOUND', 'the session vanished under its turn');
      const next = settle(turn, finished, row);
      writeSession(turn, { row, next, finished }, deps);
      saved = deps.hub.takeUnsaved(sessionId, turnId);
      deps.store.frames.append(saved);
      deps.consultant?.commit(turnId);
      return { endSuggested: next.state.end_suggested, endSuggestedNow: next.state.end_suggested && !row.state.end_suggested };
    });
  } catch (error) {
    deps.hub.returnUnsaved(sessionId, saved);
    throw error;
  }
}

interface SettledTurn { state: SessionState; packet: InstructionPacket; outcome: TurnOutcome; rejected: Rejection[] }

/** Everything that the reducers make of the turn. Pure: nothing is written here. */
function settle(turn: RunningTurn, finished: FinishedTurn, row: SessionRow): SettledTurn {
  const { staged, record, assembled } = finished;
  const judgement = finished.judgement ?? createJudgement();
  // A skip was staged on an older row: what a memo has noted since stands in the newest extras, which a spoken skip never changes.
  const start = staged.skip === null ? row.state : withExt(staged.skip.state, extOf(row.state));
  const sources = evidenceSourcesOf(turn, assembled);
  const isStudent = turn.identity.kind === 'student';
  const applied = applyProposal(start, isStudent ? {
    stateUpdate: mergeStateUpdates(staged.plan?.stateUpdates ?? []), evidence: record.evidence_for_subtasks,
    proven: staged.plan?.proven ?? [], currentTaskId: staged.plan?.packet?.current_task_id ?? null,
  } : {}, sources);
  const issued = issueNext(applied.state, finished, row);
  const counted = commitCounters({
    ...issued,
    turn: {
      kind: turn.identity.kind, judgement: isStudent ? judgement : null, planner: staged.planner, skipped: staged.skip?.kind === 'skipped',
      progressed: applied.accepted.some((item) => item.verified && item.subtask_id === row.state.current_subtask_id),
      degraded: [...turn.degraded],
    },
  });
  return {
    state: withExt(counted.state, { revision: row.revision + 1 }), packet: counted.packet,
    outcome: mergeOutcome(judgement, record, turn.identity.kind), rejected: applied.rejected,
  };
}

/** A plan's packet, a skip's, else the old one. What the record has proven since may have closed the task that the packet is about. */
function issueNext(state: SessionState, { staged, assembled }: FinishedTurn, row: SessionRow) {
  const planned = staged.plan?.packet ?? null;
  const standing = planned ?? staged.skip?.packet ?? row.packet;
  if (staged.plan !== null && namesClosedTask(standing, state)) {
    return issuePacket(state, followTask(standing, {
      state, tasks: assembled.content.chapter.tasks, language: row.language, keepsWords: (standing.bound_by ?? []).length > 0,
    }));
  }
  return planned === null ? { state, packet: staged.skip?.packet ?? row.packet } : issuePacket(state, planned);
}

function writeSession(
  turn: RunningTurn, work: { row: SessionRow; next: SettledTurn; finished: FinishedTurn }, deps: EngineDeps,
): void {
  const { row, next, finished } = work;
  const { turnIndex, turnId, sessionId, kind, message } = turn.identity;
  const at = deps.clock.now().toISOString();
  const line = describeTurn(next.outcome, row.language);
  const notes = noteTurn(row.notes, turnIndex, line);
  // A memo's own line of this turn replaces the one from the record.
  const digest = {
    ...row.digest,
    memory_state: foldMemory(row.digest.memory_state ?? createMemory(), {
      turnCount: next.state.turn_index, lines: [{ turn_index: turnIndex, text: line }],
    }),
  };
  const template = finished.assembled.content.templates.dynamic_report_template.text;
  const report = renderReport({ state: next.state, notes, template, language: row.language });
  deps.store.sessions.update(sessionId, {
    state: next.state, packet: next.packet, digest, notes, report_md: report, report_revision: row.report_revision + 1,
  }, at);
  const past: HistoryRow = {
    session_id: sessionId, turn_index: turnIndex, turn_id: turnId, kind, user_message: message, companion_response: finished.spoken.prose,
    turn_outcome: next.outcome, token_usage: turn.usage.totals(), created_at: at,
  };
  deps.store.history.insert(past);
  deps.store.turns.update(turnId, { phase: 'committed' });
  if (kind === 'student') {
    deps.store.memoJobs.enqueue({ session_id: sessionId, from_turn: turnIndex, to_turn: turnIndex, turn_id: turnId, attempts: 0, created_at: at });
  }
  logRejections(sessionId, next.rejected, { at, deps });
  if (finished.staged.decision?.gate === 'closed' && finished.judgement?.checkpoint === true) logBlocked(turn, { at, deps });
  queueForBackend({ ...row, state: next.state, packet: next.packet, digest, report_md: report }, past, { at, deps });
}

function logRejections(sessionId: string, rejected: readonly Rejection[], { at, deps }: { at: string; deps: EngineDeps }): void {
  for (const rejection of rejected) {
    deps.store.systemEvents.insert({
      session_id: sessionId, timestamp: at, event_type: 'proposal_rejected', message: rejection.reason, details: { ...rejection },
    });
  }
}

/** The gate alone kept a checkpoint from the planner. */
function logBlocked(turn: RunningTurn, { at, deps }: { at: string; deps: EngineDeps }): void {
  deps.store.systemEvents.insert({
    session_id: turn.identity.sessionId, timestamp: at, event_type: 'instruction_unlock_blocked', message: '', details: { turn_id: turn.identity.turnId },
  });
}

function queueForBackend(row: SessionRow, past: HistoryRow, { at, deps }: { at: string; deps: EngineDeps }): void {
  if (deps.store.backends.get(row.session_id) === null) return;
  for (const item of [turnItem(row.chapter_id, past), ...standingItems(row)]) deps.store.outbox.enqueue(row.session_id, item, at);
}

/** Memory and report of a session as the backend keeps them. */
export function standingItems(row: SessionRow): OutboxItem[] {
  return [memoryItem(row, renderErrorSummary(extOf(row.state).errors, row.language)), reportItem(row)];
}
