import type { CompanionRecord, Judgement } from '../../contracts/index.ts';
import type { SessionContent } from '../../content/index.ts';
import type { TurnSnapshot } from '../context/index.ts';
import type { EvidenceSources, SkipResult, StateUpdateProposal, UnlockDecision, UnversionedPacket } from '../state/index.ts';

/** A turn's inputs, read once at its start. */
export interface AssembledTurn {
  snapshot: TurnSnapshot;
  content: SessionContent;
  /** Reference solutions of the chapter, for the solution guard. */
  references: readonly string[];
  /** Outputs of all recorded runs, which quotes are checked against; read once, when the first quote needs them. */
  recordedRuns(): EvidenceSources['runs'];
}

const EVIDENCE_TURNS = 6;

/** Where quotes are looked for: the learner's words of the last turns and the recorded runs. The same for plan and commit. */
export function evidenceSourcesOf(turn: { identity: { turnIndex: number; message: string } }, assembled: AssembledTurn): EvidenceSources {
  const { turnIndex, message } = turn.identity;
  // The message of an internal turn is the app's, not the learner's.
  const earlier = assembled.snapshot.history.slice(1 - EVIDENCE_TURNS).filter((past) => past.kind === 'student').map((past) => past.user_message);
  return { turnIndex, learnerTexts: [...earlier, message], get runs() { return assembled.recordedRuns(); } };
}

/** What a planner's success leaves to the commit. `packet` is the one that the companion sees; null = the old one stays. */
export interface StagedPlan {
  stateUpdates: readonly StateUpdateProposal[];
  packet: UnversionedPacket | null;
  /** Evidence that code itself established, from validated expert output. */
  proven: readonly { subtask_id: string; text: string; proof: 'expert' }[];
}

/** What happened between the judgement and the answer of an unlocked turn. */
export interface StagedWork {
  decision: UnlockDecision | null;
  plan: StagedPlan | null;
  planner: 'none' | 'succeeded' | 'failed';
  skip: Extract<SkipResult, { kind: 'skipped' | 'needs_reason' | 'nothing_open' }> | null;
}

export const NOTHING_STAGED: StagedWork = { decision: null, plan: null, planner: 'none', skip: null };

/** The companion's answer as the learner saw it, before its record is completed. */
export interface SpokenReply {
  prose: string;
  rawRecord: string | null;
  /** The model stopped at its length limit inside the prose. */
  isTruncated: boolean;
}

/** A turn that is ready to be committed. */
export interface FinishedTurn {
  assembled: AssembledTurn;
  judgement: Judgement | null;
  spoken: SpokenReply;
  record: CompanionRecord;
  staged: StagedWork;
}
