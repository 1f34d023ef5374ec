import { DEVICE_NAME, SidecarError, codePointLength } from '../contracts/index.ts';

/** A chapter's name: `chapter`, or `course/chapter`. */
export interface ChapterId { course: string | null; chapter: string }

const MAX_CHARS = 128;
const SEGMENT = /^[\p{L}\p{N}_.-][\p{L}\p{M}\p{N}_.-]*$/u;

/**
 * Reads a chapter id, with the course of a two-part `scope_id` that ends in it when the id itself names none.
 * Throws CHAPTER_ID_INVALID before anything is looked up.
 */
export function readChapterId(id: string, scopeId?: string | null): ChapterId {
  const own = tryReadChapterId(id);
  if (own === null) throw invalid();
  if (own.course !== null || scopeId === undefined || scopeId === null) return own;
  const [course, chapter, ...rest] = scopeId.trim().split('/');
  if (course === undefined || chapter !== own.chapter || rest.length > 0) return own;
  const scoped = tryReadChapterId(`${course}/${chapter}`);
  // A scope that names this chapter with an impossible course is refused: dropping the course could open another chapter.
  if (scoped === null) throw invalid();
  return scoped;
}

/** The same as text. */
export function formatChapterId({ course, chapter }: ChapterId): string {
  return course === null ? chapter : `${course}/${chapter}`;
}

/** True for a name that may be a course or a chapter. */
export function isChapterSegment(segment: string): boolean {
  return SEGMENT.test(segment) && !segment.endsWith('.') && !DEVICE_NAME.test(segment);
}

function tryReadChapterId(id: string): ChapterId | null {
  if (id.length > 2 * MAX_CHARS || codePointLength(id) > MAX_CHARS) return null;
  const segments = id.split('/');
  const [first, second] = segments;
  if (first === undefined || segments.length > 2 || !segments.every(isChapterSegment)) return null;
  return second === undefined ? { course: null, chapter: first } : { course: first, chapter: second };
}

function invalid(): SidecarError {
  return new SidecarError('CHAPTER_ID_INVALID', 'invalid chapter_id');
}
