export { buildCall, budgetFor, type BuiltCall, type CallManifest, type CallOptions } from './build-call.ts';
export { type CallExtras, type MemoScope, type RepairInput } from './build-sections.ts';
export { AGENT_BUDGETS, CALL_PLANS, SECTION_LIMITS, type CallPlan, type CallPurpose, type SectionName } from './section-table.ts';
export {
  packContext, type PackBudget, type PackManifest, type PackedContext, type PackedSection, type Section, type SectionCut, type SectionPart,
} from './pack-context.ts';
export { CUT_MARK, clipText } from './clip.ts';
export { buildHints } from './offline-hints.ts';
export { taskBullets } from './task-bullets.ts';
export {
  chapterTextsOf, currentTaskOf, type ChapterTexts, type ConsultationNote, type ExpertFact, type SessionFacts, type SkipNote, type SourcedText,
  type TurnSnapshot, type UploadFact,
} from './snapshot.ts';
