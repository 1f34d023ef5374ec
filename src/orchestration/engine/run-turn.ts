import type { Judgement } from '../../contracts/index.ts';
import type { SessionRow } from '../../store/index.ts';
import type { EngineDeps } from './engine-deps.ts';
import { assembleTurn } from './phases/assemble.ts';
import { commitTurn } from './phases/commit.ts';
import type { CommittedFacts } from './phases/commit.ts';
import { routeTurn } from './phases/decide.ts';
import type { RoutedTurn } from './phases/decide.ts';
import { planTurn } from './phases/plan.ts';
import { settleRecord } from './phases/record.ts';
import { stageSkip } from './phases/skip.ts';
import { noteTruncation, speakToLearner } from './phases/speak.ts';
import type { SpokenTurn } from './phases/speak.ts';
import type { RunningTurn } from './running-turn.ts';
import type { TurnSnapshot } from '../context/index.ts';
import { NOTHING_STAGED } from './turn-work.ts';
import type { AssembledTurn, FinishedTurn, SpokenReply, StagedWork } from './turn-work.ts';

/** assemble → judge+speak → [skip | plan → consult → integrate → speak] → record → commit. Throws what ended it early. */
export async function runTurn(turn: RunningTurn, row: SessionRow, deps: EngineDeps): Promise<CommittedFacts> {
  turn.phase('thinking');
  if (deps.gateway.isOffline('CA')) turn.notice('offline_tutor', 'CA');
  await deps.consultant?.prepare?.(row, turn.signal);
  const assembled = await assembleTurn(turn.identity, row, deps);
  const answer = turn.identity.kind === 'student'
    ? await answerLearner(turn, { assembled, row }, deps)
    : await answerInternally(turn, assembled, deps);
  noteTruncation(turn, answer.spoken);
  const record = await settleRecord(turn, answer, deps);
  turn.reportUsage();
  turn.signal.throwIfAborted();
  const finished: FinishedTurn = { assembled, judgement: answer.judgement, spoken: answer.spoken, record, staged: answer.staged };
  const facts = commitTurn(turn, finished, deps);
  turn.markCommitted();
  return facts;
}

interface Answer { spoken: SpokenReply; snapshot: TurnSnapshot; judgement: Judgement | null; staged: StagedWork }

/** Greeting and next task: one call, no judgement, no planner. */
async function answerInternally(turn: RunningTurn, assembled: AssembledTurn, deps: EngineDeps): Promise<Answer> {
  const purpose = turn.identity.kind === 'greeting' ? 'greet' : 'next_task';
  const { snapshot, references } = assembled;
  const said = await speakToLearner(turn, { purpose, snapshot, references }, deps);
  return { spoken: requireSpoken(said), snapshot, judgement: null, staged: NOTHING_STAGED };
}

/** A learner's message: the judgement decides before any prose is shown. */
async function answerLearner(turn: RunningTurn, work: { assembled: AssembledTurn; row: SessionRow }, deps: EngineDeps): Promise<Answer> {
  const { assembled, row } = work;
  const { snapshot, references } = assembled;
  const judged: { first?: { judgement: Judgement; routed: RoutedTurn } } = {};
  const first = await speakToLearner(turn, {
    purpose: 'reply', snapshot, references,
    mayGoOn: (judgement) => {
      // A try that broke before anything was visible does not judge again: the first judgement is final.
      judged.first ??= { judgement, routed: routeTurn(judgement, work, deps) };
      return !judged.first.routed.decision.unlock;
    },
  }, deps);
  const { judgement, routed } = requireJudged(judged.first);
  deps.store.turns.update(turn.identity.turnId, { judgement, decision: routed.decision });
  if (first.kind === 'spoken') {
    return { spoken: first.reply, snapshot, judgement, staged: { ...NOTHING_STAGED, decision: routed.decision } };
  }
  const prepared = routed.decision.route === 'skip'
    ? stageSkip(turn, { assembled, judgement, routed, row, now: deps.clock.now().toISOString() })
    : await planTurn(turn, { assembled, judgement, routed, row }, deps);
  const said = await speakToLearner(turn, {
    purpose: 'speak', snapshot: prepared.snapshot, references, ...(first.system === null ? {} : { system: first.system }),
  }, deps);
  return { spoken: requireSpoken(said), snapshot: prepared.snapshot, judgement, staged: prepared.staged };
}

function requireJudged<T>(judged: T | undefined): T {
  if (judged === undefined) throw new Error('a reply ended without a judgement');
  return judged;
}

function requireSpoken(said: SpokenTurn): SpokenReply {
  if (said.kind !== 'spoken') throw new Error('only a reply may be stopped by its judgement');
  return said.reply;
}
