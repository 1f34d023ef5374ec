import { SidecarError } from '../contracts/index.ts';
import { formatChapterId } from './chapter-id.ts';
import type { ContentDiagnostic } from './diagnostic.ts';
import { fault } from './diagnostic.ts';
import type { ContentContext } from './find-chapter.ts';
import { packagedCurriculum } from './find-chapter.ts';
import type { ChapterContent } from './load-chapter.ts';
import { loadChapter } from './load-chapter.ts';
import type { ChapterPlace } from './locate-chapter.ts';
import { findCourseFolder, listChapterPlaces } from './locate-chapter.ts';
import { firstTitle, paragraphAfter, toPlainText } from './markdown-summary.ts';
import { compareNames } from './names.ts';
import { readOptionalText } from './read-text.ts';
import { realFolder } from './safe-file.ts';
import { isRecord } from './yaml-data.ts';

/** One chapter as the routes list it. */
export interface ListedChapter {
  chapter_id: string;
  title: string;
  description: string;
  context: string;
  course_id?: string;
  course_title?: string;
}

/** One course as the routes list it. */
export interface ListedCourse { course_id: string; title: string; description: string; chapter_count: number; full_info: string }

/** Everything that can be resolved, and why some chapters cannot. */
export interface ContentListing { courses: ListedCourse[]; chapters: ListedChapter[]; problems: { chapter_id: string; problem: ContentDiagnostic }[] }

const MAX_CHAPTERS = 1000;

interface LoadedChapter { id: string; place: ChapterPlace; content: ChapterContent }

/** Lists the courses and chapters of the environment's curriculum, else of the packaged sample. */
export async function listContent(context: ContentContext, signal?: AbortSignal): Promise<ContentListing> {
  const named = context.roots.curriculumDir === undefined ? null : await realFolder(context.roots.curriculumDir);
  const root = named ?? (await packagedCurriculum(context.roots));
  return root === null ? { courses: [], chapters: [], problems: [] } : listCurriculum(context, root, signal);
}

/** The chapters of one course. Throws COURSE_NOT_FOUND. */
export function chaptersOfCourse(listing: ContentListing, courseId: string): ListedChapter[] {
  if (!listing.courses.some((course) => course.course_id === courseId)) throw new SidecarError('COURSE_NOT_FOUND', 'no such course');
  return listing.chapters.filter((chapter) => chapter.course_id === courseId);
}

/** Lists a curriculum at a real root. */
export async function listCurriculum(context: ContentContext, root: string, signal?: AbortSignal): Promise<ContentListing> {
  const loaded: LoadedChapter[] = [];
  const problems: ContentListing['problems'] = [];
  for (const place of (await listChapterPlaces(root)).slice(0, MAX_CHAPTERS)) {
    const result = await tryLoad(context, place, signal);
    if ('problem' in result) problems.push({ chapter_id: formatChapterId(place), problem: result.problem });
    else loaded.push(result.chapter);
  }
  loaded.sort((a, b) => sortOrder(a) - sortOrder(b) || compareNames(a.id, b.id));
  const byCourse = Map.groupBy(loaded.filter(({ place }) => place.course !== null), ({ place }) => place.course ?? '');
  const courses: (ListedCourse & { order: number })[] = [];
  for (const [courseId, chapters] of byCourse) courses.push(await describeCourse(courseId, chapters));
  courses.sort((a, b) => a.order - b.order || compareNames(a.course_id, b.course_id));
  const titles = new Map(courses.map((course) => [course.course_id, course.title]));
  const rank = new Map(courses.map((course, index) => [course.course_id, index]));
  const rankOf = ({ place }: LoadedChapter): number => rank.get(place.course ?? '') ?? -1;
  return {
    courses: courses.map(({ order: _order, ...course }) => course),
    chapters: loaded.sort((a, b) => rankOf(a) - rankOf(b)).map((chapter) => toListed(chapter, titles)),
    problems,
  };
}

async function tryLoad(context: ContentContext, place: ChapterPlace, signal?: AbortSignal): Promise<{ chapter: LoadedChapter } | { problem: ContentDiagnostic }> {
  try {
    const manifest = (await context.verifier.check(place.dir, signal)).manifest;
    return { chapter: { id: formatChapterId(place), place, content: await loadChapter(place, manifest, []) } };
  } catch (error) {
    if (!(error instanceof SidecarError)) throw error;
    // Every refusal of a chapter carries one of the diagnostic's upper-case codes.
    return { problem: fault(error.code as ContentDiagnostic['code'], error.message) };
  }
}

function sortOrder({ content }: LoadedChapter): number {
  // Not Infinity: the difference of two infinities is no number.
  return content.sort_order ?? Number.MAX_SAFE_INTEGER;
}

function toListed({ id, place, content }: LoadedChapter, titles: ReadonlyMap<string, string>): ListedChapter {
  const course = place.course === null ? {} : { course_id: place.course, course_title: titles.get(place.course) ?? place.course };
  return { chapter_id: id, title: content.title, description: content.description, context: content.chapter_context, ...course };
}

async function describeCourse(courseId: string, chapters: readonly LoadedChapter[]): Promise<ListedCourse & { order: number }> {
  const [first] = chapters;
  const folder = first === undefined ? null : await findCourseFolder(first.place);
  const info = folder === null ? null : await readOptionalText(folder, 'course_info.md', []);
  const overview = readOverview(folder === null ? null : await readOptionalText(folder, 'course_overview.json', []));
  const described = info === null ? null : paragraphAfter(info, /课程简介|overview/i);
  return {
    course_id: courseId,
    title: (info === null ? null : firstTitle(info)) ?? overview.title ?? courseId,
    // A course that says nothing about itself is introduced by its first chapter.
    description: described ?? overview.description ?? first?.content.description ?? '',
    chapter_count: chapters.length,
    full_info: info ?? '',
    order: overview.order,
  };
}

function readOverview(text: string | null): { title: string | null; description: string | null; order: number } {
  let value: unknown = null;
  try {
    value = text === null ? null : JSON.parse(text);
  } catch {
    value = null; // A broken overview only costs its title; the course keeps its id.
  }
  const { title, description, sort_order: order } = isRecord(value) ? value : {};
  const plain = (field: unknown): string | null => (typeof field === 'string' && field.trim() !== '' ? toPlainText(field) : null);
  return { title: plain(title), description: plain(description), order: typeof order === 'number' && Number.isFinite(order) ? order : Number.MAX_SAFE_INTEGER };
}
