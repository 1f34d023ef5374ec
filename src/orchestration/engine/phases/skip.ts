import { invariant } from '../../../contracts/index.ts';
import type { Judgement } from '../../../contracts/index.ts';
import type { SessionRow } from '../../../store/index.ts';
import type { TurnSnapshot } from '../../context/index.ts';
import { skip, titleOf } from '../../state/index.ts';
import type { RunningTurn } from '../running-turn.ts';
import type { AssembledTurn, StagedWork } from '../turn-work.ts';
import type { RoutedTurn } from './decide.ts';

/** The spoken door of skipping: the same function as the button's, staged and committed with the turn. No planner runs. */
export function stageSkip(
  turn: RunningTurn, work: { assembled: AssembledTurn; judgement: Judgement; routed: RoutedTurn; row: SessionRow; now: string },
): { staged: StagedWork; snapshot: TurnSnapshot } {
  const { assembled, judgement, routed, row } = work;
  const result = skip(row.state, { source: 'spoken', reason: judgement.skip_reason, message: turn.identity.message }, {
    tasks: assembled.content.chapter.tasks, language: row.language, now: work.now,
  });
  invariant(result.kind !== 'refused', 'a spoken skip in an open session is never refused');
  const { answer, state } = result;
  const packet = result.packet ?? row.packet;
  return {
    staged: { decision: routed.decision, plan: null, planner: 'none', skip: result },
    snapshot: {
      ...assembled.snapshot,
      session: { ...row, state, packet },
      judgement,
      unlockReasons: routed.decision.reasons,
      skip: {
        skippedTitle: answer.skipped_task_title,
        nextTitle: answer.next_task_id === null ? null : titleOf(state, answer.next_task_id),
        needsReason: answer.needs_reason,
      },
    },
  };
}
