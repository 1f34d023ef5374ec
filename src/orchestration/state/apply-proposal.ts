import type { CompanionRecord, EvidenceRecord, SessionState } from '../../contracts/index.ts';
import { type EvidenceClaim, type EvidenceSources, type Rejection, acceptEvidence, hasVerifiedEvidence } from './evidence.ts';
import type { StateUpdateProposal } from './proposals.ts';
import { areRequiredTasksDone, isOpenStatus, isOpenTask, settleTasks, taskEntry, withStatus } from './task-states.ts';

/** What the agents of a turn wish for the state; every part may be absent. */
export interface TurnProposal {
  /** The planner's, or the one after a consultation. */
  stateUpdate?: StateUpdateProposal | null;
  /** The companion's record. */
  evidence?: CompanionRecord['evidence_for_subtasks'];
  /** Facts that code itself established, such as validated expert output. */
  proven?: readonly EvidenceClaim[];
  /** The planner's task for the next packet. */
  currentTaskId?: string | null;
}

/** Applies the allowed part of a proposal: parsed tasks only, forward moves only, `completed` only with verified evidence. */
export function applyProposal(
  state: SessionState, proposal: TurnProposal, policy: EvidenceSources,
): { state: SessionState; accepted: EvidenceRecord[]; rejected: Rejection[] } {
  const wishes = Object.entries(proposal.stateUpdate?.subtask_status ?? {});
  const gate = acceptEvidence(state, collectClaims(proposal, wishes), policy);
  const rejected = [...gate.rejected];
  let next = gate.state;
  for (const [id, wish] of wishes) {
    const outcome = wish.status === undefined ? next : move(next, id, wish.status);
    if (typeof outcome === 'string') rejected.push({ what: 'status', subtask_id: id, reason: outcome });
    else next = outcome;
  }
  const wished = proposal.currentTaskId ?? null;
  if (wished !== null && !isOpenTask(next, wished)) rejected.push({ what: 'current_task_id', subtask_id: wished, reason: 'not_open' });
  if (proposal.stateUpdate?.end_suggested === true && !areRequiredTasksDone(next)) {
    rejected.push({ what: 'end_suggested', subtask_id: null, reason: 'not_due' });
  }
  return { state: settleTasks(next, wished), accepted: gate.accepted, rejected };
}

function collectClaims(
  proposal: TurnProposal, wishes: readonly (readonly [string, StateUpdateProposal['subtask_status'][string]])[],
): EvidenceClaim[] {
  const companion = (proposal.evidence ?? []).map((item) => ({ subtask_id: item.subtask_id, text: item.evidence, quote: item.quote }));
  const planner = wishes.flatMap(([id, wish]) => wish.evidence.map((item) =>
    typeof item === 'string' ? { subtask_id: id, text: item } : { subtask_id: id, text: item.text, quote: item.quote }));
  return [...(proposal.proven ?? []), ...companion, ...planner];
}

function move(state: SessionState, id: string, to: 'in_progress' | 'completed'): SessionState | Rejection['reason'] {
  const entry = taskEntry(state, id);
  if (entry === null) return 'unknown_task';
  if (entry.status === to) return state;
  if (!isOpenStatus(entry.status)) return 'final_status';
  if (to === 'completed' && !hasVerifiedEvidence(state, id)) return 'no_verified_evidence';
  return withStatus(state, id, to);
}
