export {
  PROPOSAL_LIMITS, PlanPacketProposalSchema, EvidenceProposalSchema, StateUpdateProposalSchema, ConsultationRequestSchema,
  PlanProposalSchema, PacketPatchProposalSchema, IntegrateProposalSchema, ReportNotesProposalSchema, MemoPatchProposalSchema,
  type PlanPacketProposal, type EvidenceProposal, type StateUpdateProposal, type ConsultationRequest, type PlanProposal,
  type PacketPatchProposal, type IntegrateProposal, type ReportNotesProposal, type MemoPatchProposal,
} from './proposals.ts';
export {
  UNLOCK_REASONS, UnlockReasonSchema, UnlockDecisionSchema, decideUnlock, attemptLimit, learnerTurnsSince,
  type UnlockReason, type UnlockDecision, type UnlockFacts,
} from './unlock.ts';
export { commitCounters, type CommittedTurn } from './counters.ts';
export {
  extOf, withExt, taskEntry, titleOf, isOpenTask, isRequiredTask, areRequiredTasksDone, nextTask,
} from './task-states.ts';
export {
  acceptEvidence, verifyQuote, hasVerifiedEvidence, type EvidenceClaim, type EvidenceSources, type Rejection,
} from './evidence.ts';
export { applyProposal, type TurnProposal } from './apply-proposal.ts';
export { skip, type SkipWish, type SkipContext, type SkipRefusal, type SkipResult } from './skip.ts';
export { derivePacket, type DerivationCause } from './derive-packet.ts';
export { followTask, namesClosedTask, type FollowFacts } from './follow-task.ts';
export { mergeStateUpdates } from './merge-updates.ts';
export { issuePacket, type UnversionedPacket } from './packet-version.ts';
export { applyPlan, applyPacketPatch, fallbackIntegration, strengthenHint, type PlanContext } from './plan-packet.ts';
export { applyBinding } from './binding.ts';
export { firedRules, BindingRuleSchema, type BindingRule, type BoundOutput } from '../../contracts/index.ts';
export {
  DEFAULT_CONSTRAINTS, createInitialState, createBlankState, createDigest, createMemory, createNotes, type SessionIdentity,
} from './initial-state.ts';
export { repinTasks, repinSession } from './repin.ts';
export { createJudgement, createRecord, suggestionIn, mergeOutcome, describeTurn } from './outcome.ts';
export { applyMemoPatch, digestItemIds, skippedTasks, type MemoFacts, type MemoResult } from './memo-patch.ts';
export { noteTurn, takeReportNotes } from './report-notes.ts';
export { RECENT_TURNS, foldMemory, wantedLongTerm, type MemoryNews } from './memory.ts';
export { appendErrors } from './error-entries.ts';
export { foldText, isCleanText } from './fold-text.ts';
export { repairState, type RepairFacts } from './repair-state.ts';
export { repairPacket, type PacketFacts } from './repair-packet.ts';
export { repairDigest, repairMemory, repairOutcome } from './repair-records.ts';
export { repairSession, type RestoredFiles } from './repair-session.ts';
