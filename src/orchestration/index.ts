export { createStreamHub, type TurnStreamHub, type StreamHub, type Subscription } from './stream/index.ts';
export {
  createInitialState, createDigest, createNotes, skip, repinSession, repairSession, repairOutcome, type SkipResult,
} from './state/index.ts';
export { renderReport, renderErrorSummary, finalFacts, renderFinalReport } from './report/index.ts';
export {
  createTurnEngine, PinnedContent, standingItems, type EngineDeps, type EngineSettings, type TurnEngine,
  type TurnTicket, type SessionLease, type Consultant, type ConsultingTurn, type ConsultationOutcome,
} from './engine/index.ts';
export { loadPrompts, outlineSchema, languageName, type PromptSet, type PromptPlaces } from './prompts/index.ts';
