import type { Judgement } from '../../../contracts/index.ts';
import type { SessionRow } from '../../../store/index.ts';
import { decideUnlock, extOf, learnerTurnsSince } from '../../state/index.ts';
import type { ConsultationRequest, UnlockDecision } from '../../state/index.ts';
import type { EngineDeps } from '../engine-deps.ts';
import type { AssembledTurn } from '../turn-work.ts';

/** Twice the largest allowed number of attempts is what the decision compares with; internal turns may stand between. */
const COUNTED_TURNS = 64;

/** The decision of a learner turn and the request of a chapter trigger that fired in it. */
export interface RoutedTurn { decision: UnlockDecision; triggered: ConsultationRequest | null }

/** Gathers the facts of the turn and decides once whether the packet still binds. */
export function routeTurn(judgement: Judgement, work: { assembled: AssembledTurn; row: SessionRow }, deps: EngineDeps): RoutedTurn {
  const { row, assembled } = work;
  const files = deps.store.files.list(row.session_id, 'upload');
  const newFiles = files.filter((file) => file.turn_index >= row.state.turn_index);
  const triggered = deps.consultant?.triggeredRequest({
    session: row, content: assembled.content, state: row.state, judgement,
    newUploads: newFiles.filter((file) => file.origin === 'upload').map((file) => file.name),
  }) ?? null;
  const decision = decideUnlock({
    judgement, packet: row.packet, state: row.state,
    facts: {
      message: assembled.snapshot.message,
      newFiles: newFiles.map(({ name, origin }) => ({ name, origin })),
      runCode: runsSinceLastTurn(assembled).map((run) => run.code),
      datasets: files.filter((file) => file.origin === 'bundle').map((file) => file.name),
      triggerFired: triggered !== null,
      expertUsable: assembled.snapshot.experts.length > 0,
      learnerTurnsSincePlan: learnerTurnsSince(deps.store.history.tail(row.session_id, COUNTED_TURNS), extOf(row.state).last_plan_turn),
    },
  });
  return { decision, triggered };
}

function runsSinceLastTurn({ snapshot }: AssembledTurn) {
  const lastTurnAt = snapshot.history.at(-1)?.created_at ?? '';
  return snapshot.runs.filter((run) => run.at > lastTurnAt);
}
