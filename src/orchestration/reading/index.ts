export { readLoose, type LooseReading } from './read-loose.ts';
export { type LooseNote } from './loose-json.ts';
export {
  coerceBoolean, coerceNumber, coerceOption, coerceText, createCoercionLog, foldWord, type CoercionLog,
} from './coerce.ts';
export { createPartReader, shapeOf, type Reading } from './reading.ts';
export { coerceShape, type Shape } from './coerce-shape.ts';
export { JUDGEMENT_KEYS, readJudgement, type JudgementReading } from './read-judgement.ts';
export {
  RECORD_FIELDS, RecordProposalSchema, countRecordFields, readRecord, type RecordContext, type RecordProposal,
} from './read-record.ts';
export { readConsultationRequest, readIntegrate, readPlan, type PlanReading } from './read-plan.ts';
export { FinalNarrativeSchema, readFinalNarrative, readMemoPatch, type FinalNarrative } from './read-memo.ts';
export { schemaFor, structureFor, type Structure, type StructureName } from './structures.ts';
