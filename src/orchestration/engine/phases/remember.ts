import { setTimeout as delay } from 'node:timers/promises';
import type { EngineDeps } from '../engine-deps.ts';
import type { MemoOutcome, MemoRunner } from '../memo-runner.ts';
import type { RunningTurn } from '../running-turn.ts';
import type { CommittedFacts } from './commit.ts';

interface RememberDeps { deps: EngineDeps; memos: MemoRunner }

/** After the commit: the memo, for which `complete` waits a while, then the terminal event, whatever happens here. */
export async function rememberTurn(turn: RunningTurn, facts: CommittedFacts, { deps, memos }: RememberDeps): Promise<void> {
  const { turnId, turnIndex, kind } = turn.identity;
  deps.hub.keepSaving(turnId);
  try {
    deps.onQueued();
    if (facts.endSuggestedNow) turn.emit({ type: 'session_end_suggested', turn_index: turnIndex });
    if (kind === 'student') await waitForMemo(turn, { deps, memos });
  } catch (error) {
    deps.log.error({ turnId, err: error }, 'the work behind a commit failed'); // The turn stands: it is told as complete.
  }
  turn.finish('complete', {
    type: 'complete', turn_index: turnIndex + 1, turn_id: turnId, report_ready: true, end_suggested: facts.endSuggested,
  });
  closeRow(turn, deps);
}

/** The turn stands whatever happens here: a row that stays open is closed at the next start. */
function closeRow(turn: RunningTurn, { store, clock, log }: EngineDeps): void {
  const { turnId } = turn.identity;
  try {
    store.turns.update(turnId, { end: 'complete', ended_at: clock.now().toISOString(), phase: 'complete' });
  } catch (error) {
    log.error({ turnId, err: error }, 'the end of a committed turn could not be stored');
  }
}

async function waitForMemo(turn: RunningTurn, { deps, memos }: RememberDeps): Promise<void> {
  turn.phase('remembering');
  const job = memos.run(turn.identity.sessionId);
  const outcome = await Promise.race([job, waitOver(turn, deps.settings.memoWaitMs)]);
  if (outcome !== 'late') return tellOutcome(turn, outcome);
  turn.notice('memo_late', 'MA');
  void job.then((late) => memos.announce(turn.identity.sessionId, late));
}

function tellOutcome(turn: RunningTurn, outcome: MemoOutcome): void {
  if (outcome.kind === 'degraded') turn.notice('memo_degraded', 'MA');
  for (const event of outcome.usage) turn.emit(event);
}

async function waitOver(turn: RunningTurn, waitMs: number): Promise<'late'> {
  await delay(waitMs, undefined, { signal: turn.waitOver }).catch(() => undefined); // A cancel only cuts the wait short.
  return 'late';
}
