import { SidecarError } from '../../contracts/index.ts';
import type { DesktopContext } from '../../contracts/index.ts';
import { readChapterId } from '../../content/index.ts';
import type { ContentPin, SessionContent } from '../../content/index.ts';
import type { SessionRow } from '../../store/index.ts';
import { findContent, refineChapterId } from '../chapter-content.ts';
import type { SessionsContext } from '../session-context.ts';
import type { Caller } from '../create.ts';
import type { RestoredSession } from './read-folder.ts';

/** The chapter of a restored session: its id, `''` when nobody knows it, and its content or the code of what is wrong. */
export interface RestoredChapter {
  chapterId: string;
  content: SessionContent | null;
  contentHash: string | null;
  /** Texts that are not stored yet. */
  pin: ContentPin | null;
  problem: string | null;
}

const withoutContent = (chapterId: string, problem: string): RestoredChapter => ({ chapterId, content: null, contentHash: null, pin: null, problem });

/** The chapter that a stored session is pinned to, or null when its pin is gone. */
export function pinnedChapter(context: SessionsContext, row: SessionRow): RestoredChapter | null {
  const content = context.pinned.load(row.content_hash);
  return content === null ? null : { chapterId: row.chapter_id, content, contentHash: row.content_hash, pin: null, problem: null };
}

/** Looks for the chapter of a folder: the state's id, else the reattach's scope; its roots are hints that must be trusted. */
export async function findRestoredChapter(
  context: SessionsContext, restored: RestoredSession, offered: { desktopContext: DesktopContext | undefined; caller: Caller },
): Promise<RestoredChapter> {
  const chapterId = legalChapterId(textField(restored.state, 'chapter_id'))
    ?? legalChapterId(chapterOfScope(offered.desktopContext)) ?? '';
  if (chapterId === '') return withoutContent(chapterId, 'CHAPTER_NOT_FOUND');
  const own = await tryFind(context, { chapterId, source: offered.desktopContext, caller: offered.caller });
  if ('content' in own) return own;
  const hinted = await tryFind(context, { chapterId, source: { bundle_paths: restored.paths }, caller: offered.caller });
  return 'content' in hinted ? hinted : withoutContent(chapterId, own.problem);
}

/** The chapter that a context's scope names, with its course when the scope says so. */
export function chapterOfScope(desktopContext: DesktopContext | undefined): string {
  const scope = desktopContext?.chapter_scope;
  const chapter = (scope?.chapter_id ?? scope?.chapter_code ?? '').trim();
  return chapter === '' ? '' : refineChapterId(chapter, desktopContext);
}

async function tryFind(
  context: SessionsContext, request: { chapterId: string; source: unknown; caller: Caller },
): Promise<RestoredChapter | { problem: string }> {
  try {
    const { trusted } = await context.content.checkSources(request.source, request.caller);
    const { resolved, pin } = await findContent(context, { chapterId: request.chapterId, sources: trusted });
    return { chapterId: request.chapterId, content: resolved.content, contentHash: pin.content_hash, pin, problem: null };
  } catch (error) {
    if (error instanceof SidecarError) return { problem: error.code };
    throw error;
  }
}

function legalChapterId(text: string): string | null {
  try {
    readChapterId(text);
    return text;
  } catch {
    return null; // The only failure is that the text is no chapter id.
  }
}

function textField(value: unknown, key: string): string {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return '';
  const field: unknown = Reflect.get(value, key);
  return typeof field === 'string' ? field.trim() : '';
}
