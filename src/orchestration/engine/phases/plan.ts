import type { Judgement } from '../../../contracts/index.ts';
import type { SessionRow } from '../../../store/index.ts';
import type { TurnSnapshot } from '../../context/index.ts';
import { readPlan } from '../../reading/index.ts';
import { applyPlan, applyProposal, derivePacket, strengthenHint } from '../../state/index.ts';
import type { PlanProposal, UnversionedPacket } from '../../state/index.ts';
import { askStructured } from '../ask-structured.ts';
import type { EngineDeps } from '../engine-deps.ts';
import type { RunningTurn } from '../running-turn.ts';
import { evidenceSourcesOf } from '../turn-work.ts';
import type { AssembledTurn, StagedWork } from '../turn-work.ts';
import { callerOf } from '../turn-caller.ts';
import { consultExperts } from './consult.ts';
import { withPacket } from './staged-packet.ts';
import type { RoutedTurn } from './decide.ts';

/** What planning left: the work to commit and what the companion must know. */
export interface PlannedTurn { staged: StagedWork; snapshot: TurnSnapshot }

export interface PlanInput { assembled: AssembledTurn; judgement: Judgement; routed: RoutedTurn; row: SessionRow }

/** The roadmap manager plans, an expert may be asked; when planning fails the packet stays and the companion speaks with it. */
export async function planTurn(turn: RunningTurn, input: PlanInput, deps: EngineDeps): Promise<PlannedTurn> {
  const { routed, judgement, assembled } = input;
  turn.phase('planning');
  deps.store.turns.update(turn.identity.turnId, { phase: 'planning', judgement, decision: routed.decision });
  const snapshot = { ...assembled.snapshot, judgement, unlockReasons: routed.decision.reasons };
  const proposal = await askStructured(
    { purpose: 'plan', snapshot, read: readPlan, repairWith: 'plan' }, callerOf(turn), deps);
  turn.reportUsage(['RMA']);
  if (proposal === null) {
    turn.degraded.add('RMA');
    turn.notice('planner_degraded', 'RMA');
    return { staged: { decision: routed.decision, plan: null, planner: 'failed', skip: null }, snapshot };
  }
  deps.store.turns.update(turn.identity.turnId, { phase: 'consulting', staged_plan: proposal });
  const packet = stagePacket(proposal, turn, input);
  const consulted = await consultExperts(turn, { ...input, snapshot, proposal, packet }, deps);
  const staged: StagedWork = {
    decision: routed.decision, planner: 'succeeded', skip: null,
    plan: { packet: consulted.packet, stateUpdates: consulted.stateUpdates, proven: consulted.proven },
  };
  return { staged, snapshot: withPacket(consulted.snapshot, consulted.packet) };
}

/**
 * The packet as the rules allow it. Without a readable one the old stays, unless its task is done: then the next is derived; or
 * attempts ran out: then its hints grow.
 */
function stagePacket(proposal: PlanProposal, turn: RunningTurn, { row, judgement, routed, assembled }: PlanInput): UnversionedPacket | null {
  const wish = { stateUpdate: proposal.state_update, currentTaskId: proposal.packet?.current_task_id ?? null };
  const { state } = applyProposal(row.state, wish, evidenceSourcesOf(turn, assembled));
  if (proposal.packet !== null) return applyPlan(proposal.packet, { current: row.packet, state, judgement, reasons: routed.decision.reasons });
  if (state.current_subtask_id === row.state.current_subtask_id) {
    return routed.decision.reasons.includes('attempts') && !judgement.checkpoint ? strengthenHint(row.packet) : null;
  }
  const task = assembled.content.chapter.tasks.find(({ id }) => id === state.current_subtask_id) ?? null;
  return derivePacket(task, 'completion', row.language);
}
