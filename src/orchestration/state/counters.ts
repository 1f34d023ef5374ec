import type { AgentCode, InstructionPacket, Judgement, SessionState, TurnKind } from '../../contracts/index.ts';
import { extOf, withExt } from './task-states.ts';

/** How the running turn went, as far as counters care. */
export interface CommittedTurn {
  kind: TurnKind;
  /** Null for internal turns. */
  judgement: Judgement | null;
  planner: 'none' | 'succeeded' | 'failed';
  /** A spoken skip was carried out. */
  skipped: boolean;
  /** New verified evidence for the task that was current when the turn began. */
  progressed: boolean;
  /** Agents whose fallback was used. */
  degraded: readonly AgentCode[];
}

/**
 * Counts a committed turn: `turn_index` grows by one, the first matching row sets the attempts. Internal turns change no counter.
 * The packet changes only in `hint_level`, which a checkpoint resets.
 */
export function commitCounters(
  before: { state: SessionState; packet: InstructionPacket; turn: CommittedTurn },
): { state: SessionState; packet: InstructionPacket } {
  const { turn, packet } = before;
  const index = before.state.turn_index;
  const degraded = Object.fromEntries(turn.degraded.map((agent) => [agent, index]));
  const counted = withExt({ ...before.state, turn_index: index + 1 }, {
    pending_skip_intro: false, degraded: { ...extOf(before.state).degraded, ...degraded },
  });
  if (turn.kind !== 'student' || turn.judgement === null) return { state: counted, packet };
  const { judgement } = turn;
  const state: SessionState = {
    ...counted,
    attempts_since_last_progress: countAttempts(before.state, turn, judgement),
    last_progress_turn: judgement.checkpoint || turn.progressed ? index : counted.last_progress_turn,
    consecutive_skips: judgement.checkpoint ? 0 : counted.consecutive_skips,
    awaiting_skip_reason: judgement.skip === 'asked' ? counted.awaiting_skip_reason : false,
  };
  return {
    state: withExt(state, {
      last_judgement: { turn_index: index, blocker: judgement.blocker, sentiment: judgement.sentiment },
      ...countPlans(before.state, turn.planner),
    }),
    packet: judgement.checkpoint && packet.hint_level !== undefined && packet.hint_level !== 0 ? { ...packet, hint_level: 0 } : packet,
  };
}

function countAttempts(state: SessionState, turn: CommittedTurn, judgement: Judgement): number {
  if (judgement.checkpoint || turn.progressed || turn.skipped || turn.planner === 'succeeded') return 0;
  return state.attempts_since_last_progress + 1;
}

/** A first failure makes a plan due; only failures after it are retries. */
function countPlans(state: SessionState, planner: CommittedTurn['planner']) {
  const { plan_due: due, plan_retries: retries } = extOf(state);
  if (planner === 'succeeded') return { last_plan_turn: state.turn_index, plan_due: false, plan_retries: 0 };
  if (planner === 'failed') return { plan_due: true, plan_retries: due ? retries + 1 : 0 };
  return {};
}
