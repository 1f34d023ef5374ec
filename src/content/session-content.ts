import type { AgentName, AgentTexts, ProtocolName, ResolvedText } from './agent-texts.ts';
import type { ContentDiagnostic } from './diagnostic.ts';
import type { ExpertPackagePlace } from './expert-packages.ts';
import type { ChapterContent } from './load-chapter.ts';
import type { ChapterPlace } from './locate-chapter.ts';
import type { TemplateName } from './report-template.ts';

/** Everything of content that a session's turns use, as text. Holds no path, so it outlives the bundles it came from. */
export interface SessionContent {
  chapter_id: string;
  /** The course in which the chapter was found, or null. */
  course_id: string | null;
  /** From the manifest of the chapter's bundle, or null. */
  bundle_version: string | null;
  scope_id: string | null;
  chapter: ChapterContent;
  /** Where the chapter itself came from. */
  chapter_provenance: 'bundle' | 'environment' | 'packaged';
  agents: Record<AgentName, AgentTexts>;
  protocol: Record<ProtocolName, ResolvedText>;
  templates: Record<TemplateName, ResolvedText>;
}

/** What resolving found: the content, the folder it lies in, the expert packages, and everything worth telling. */
export interface ResolvedContent {
  content: SessionContent;
  place: ChapterPlace;
  experts: ExpertPackagePlace[];
  diagnostics: ContentDiagnostic[];
}
