import { collectPin } from '../content/index.ts';
import type { CheckedSources, ContentPin, ResolvedContent, SessionContent } from '../content/index.ts';
import type { DesktopContext, SessionExt } from '../contracts/index.ts';
import { consultationDiagnostics } from '../experts/index.ts';
import type { SessionsContext } from './session-context.ts';

/** Content that was found for a session, with the texts to keep. */
export interface FoundContent { resolved: ResolvedContent; pin: ContentPin }

/** Resolves the content of a session from sources that were checked, and collects its pin. */
export async function findContent(
  context: SessionsContext, request: { chapterId: string; sources: CheckedSources['trusted'] },
): Promise<FoundContent> {
  const resolved = await context.content.resolve({ ...request, signal: context.closing });
  context.contentProblems.note(request.chapterId, [...resolved.diagnostics, ...consultationDiagnostics(resolved.content)]);
  return { resolved, pin: collectPin(resolved.content) };
}

/** What the state remembers of a pin. */
export function pinNote(content: SessionContent, contentHash: string): NonNullable<SessionExt['pin']> {
  return { content_hash: contentHash, bundle_version: content.bundle_version, scope_id: content.scope_id };
}

/** The chapter id of a request, refined by a scope that has a course and ends in it. */
export function refineChapterId(chapterId: string, context: DesktopContext | undefined): string {
  const scope = context?.chapter_scope?.scope_id?.trim() ?? '';
  const [course, chapter, ...rest] = scope.split('/');
  const isScope = course !== undefined && course !== '' && chapter === chapterId && rest.length === 0;
  return isScope && !chapterId.includes('/') ? scope : chapterId;
}
