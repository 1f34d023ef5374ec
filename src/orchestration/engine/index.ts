export { createTurnEngine } from './turn-engine.ts';
export type { EngineDeps, EngineSettings } from './engine-deps.ts';
export type { TurnEngine, TurnTicket, SessionLease } from './engine-contract.ts';
export type { Consultant, ConsultingTurn, ConsultationOutcome } from './consultant-contract.ts';
export { PinnedContent } from './pinned-content.ts';
export { standingItems } from './phases/commit.ts';
