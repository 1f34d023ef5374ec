export { createContentResolver, type ContentResolver } from './content-resolver.ts';
export { readContentSources, type ContentRoots, type ContentSources } from './content-roots.ts';
export { requireTrusted, type CheckedSources, type RefusedPath, type TrustedSources } from './bundle-paths.ts';
export { type ContentRequest } from './resolve-content.ts';
export { type ResolvedContent, type SessionContent } from './session-content.ts';
export { type ChapterContent } from './load-chapter.ts';
export { type ChapterPlace } from './locate-chapter.ts';
export { readChapterId, formatChapterId, type ChapterId } from './chapter-id.ts';
export { detectLanguage } from './detect-language.ts';
export { isTracked, type Task } from './task.ts';
export { parseTaskList, type ParsedTaskList } from './parse-task-list.ts';
export { type ContentDiagnostic, type ContentDiagnosticCode, type Provenance } from './diagnostic.ts';
export { AGENT_NAMES, PROTOCOL_NAMES, type AgentName, type AgentTexts, type ProtocolName, type ResolvedText } from './agent-texts.ts';
export { TEMPLATE_NAMES, parseReportTemplate, type ReportSection, type ReportSectionName, type TemplateName } from './report-template.ts';
export { splitPin, joinPin, StoredPinSchema, type StoredPin } from './stored-pin.ts';
export { collectPin, restoreFromPin, textSources, type ContentPin, type PinnedText } from './pin.ts';
export {
  planStarterFiles, copyStarterFiles, type StarterPlan, type StarterCopy, type StarterTarget, type CopiedFile,
} from './starter-files.ts';
export { readReferenceSolutions, type ReferenceSolution } from './reference-solutions.ts';
export { isJunk, isPortableName, isPortablePath, isReferenceSolution, twinKey } from './names.ts';
export { packagesIn, type ExpertPackagePlace } from './expert-packages.ts';
export { chaptersOfCourse, type ContentListing, type ListedChapter, type ListedCourse } from './list-content.ts';
export { ManifestVerifier, type SignatureCheck, type VerifiedManifest } from './manifest-verifier.ts';
export {
  checkContent, listTasks, type ChapterTasks, type CheckFinding, type CheckedChapter, type ContentCheck, type ContentInspectors,
  type InspectedPackage,
} from './check-content.ts';
export { openContent, type OpenedContent } from './open-content.ts';
export { readText, readOptionalText, type TextProblem, type TextResult } from './read-text.ts';
export { readInside, findInside, findFolder, listNames, openRegular, isInside, MAX_TEXT_BYTES, type ReadProblem, type ReadResult } from './safe-file.ts';
export { readYamlData, isRecord, splitFrontMatter, type YamlResult } from './yaml-data.ts';
