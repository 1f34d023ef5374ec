import { SidecarError } from '../contracts/index.ts';
import type { ChapterId } from './chapter-id.ts';
import { formatChapterId, isChapterSegment } from './chapter-id.ts';
import { BARE_PARENTS, COURSE_PARENTS, LAYOUT_FOLDERS, bareCandidates, bundleCandidates, courseCandidates } from './chapter-candidates.ts';
import { compareNames } from './names.ts';
import { findFolder, listNames, realFolder } from './safe-file.ts';

/** The three texts without which there is no chapter. */
export const REQUIRED_FILES = ['chapter_context.md', 'task_list.md', 'task_completion_principles.md'] as const;

/** A folder that holds a chapter. All paths are real; `place` is relative to `root`, `''` is the root itself. */
export interface ChapterPlace {
  root: string;
  place: string;
  dir: string;
  /** `v2` chapters keep their texts in `prompts/`. */
  layout: 'v1' | 'v2';
  textDir: string;
  course: string | null;
  chapter: string;
}

/** A chapter, or what was seen instead: the places tried, and a folder that holds only some of the required files. */
export type Located = { kind: 'found'; place: ChapterPlace } | { kind: 'absent'; tried: string[]; incomplete: Incomplete | null };

interface Incomplete { place: string; missing: string[] }
interface Search { root: string; course: string | null; chapter: string }

/** Looks for a chapter in a bundle; the first place with the three required files wins. */
export async function locateInBundle(root: string, id: ChapterId): Promise<Located> {
  return firstPlace({ root, ...id }, bundleCandidates(id));
}

/** Looks for a chapter in a curriculum. A given course is never dropped; a bare id must match exactly once. */
export async function locateInCurriculum(root: string, id: ChapterId): Promise<Located> {
  if (id.course !== null) return firstPlace({ root, ...id }, courseCandidates(id.course, id.chapter));
  const direct = await firstPlace({ root, ...id }, bareCandidates(id.chapter));
  const matches = direct.kind === 'found' ? [direct.place] : [];
  for (const course of await listCourseNames(root)) {
    const found = await firstPlace({ root, course, chapter: id.chapter }, courseCandidates(course, id.chapter));
    if (found.kind === 'found' && !matches.some((match) => match.dir === found.place.dir)) matches.push(found.place);
  }
  const [match, ...others] = matches;
  if (match === undefined) return withCourseForms(direct, id.chapter);
  if (others.length === 0) return { kind: 'found', place: match };
  const names = matches.map((place) => formatChapterId(place)).join(', ');
  throw new SidecarError('CHAPTER_AMBIGUOUS', `chapter ${id.chapter} stands for ${names}`, { detail: names });
}

/** The refusal that says what was looked for; `absent` comes from the last root tried. */
export function chapterNotFound(id: ChapterId, absent: Extract<Located, { kind: 'absent' }>): SidecarError {
  if (absent.incomplete !== null) {
    const { place, missing } = absent.incomplete;
    const detail = `${missing.map((name) => (place === '' ? name : `${place}/${name}`)).join(', ')} missing`;
    return new SidecarError('CHAPTER_INVALID', `chapter ${formatChapterId(id)}: ${detail}`, { detail });
  }
  const tried = absent.tried.map((place) => (place === '' ? '.' : place)).join(', ');
  const detail = `${formatChapterId(id)} (${tried === '' ? 'no content folder' : tried})`;
  return new SidecarError('CHAPTER_NOT_FOUND', `no chapter ${detail}`, { detail });
}

/** Every chapter of a curriculum in natural order, each once, in the form that would be resolved. */
export async function listChapterPlaces(root: string): Promise<ChapterPlace[]> {
  const places: ChapterPlace[] = [];
  for (const course of await listCourseNames(root)) {
    for (const chapter of await listChapterNames(root, courseCandidates(course, '').map((form) => form.replace(/\/$/, '')))) {
      const found = await firstPlace({ root, course, chapter }, courseCandidates(course, chapter));
      if (found.kind === 'found') places.push(found.place);
    }
  }
  for (const chapter of await listChapterNames(root, BARE_PARENTS)) {
    const found = await firstPlace({ root, course: null, chapter }, bareCandidates(chapter));
    if (found.kind === 'found' && !places.some((place) => place.dir === found.place.dir)) places.push(found.place);
  }
  return places.sort((a, b) => compareNames(formatChapterId(a), formatChapterId(b)));
}

/** The folder of the chapter's course, or null. */
export async function findCourseFolder(place: ChapterPlace): Promise<string | null> {
  const segments = place.place.split('/').slice(0, -1);
  if (segments.at(-1) === 'chapters') segments.pop();
  if (place.course === null || segments.at(-1) !== place.course) return null;
  return findFolder(place.root, segments.join('/'));
}

/** The layout of a folder that holds the three required files, else what it lacks. */
export async function readLayout(dir: string): Promise<{ layout: 'v1' | 'v2'; textDir: string } | { missing: string[] }> {
  const prompts = await findFolder(dir, 'prompts');
  const inPrompts = prompts === null ? REQUIRED_FILES : await missingFrom(prompts);
  if (prompts !== null && inPrompts.length === 0) return { layout: 'v2', textDir: prompts };
  const inRoot = await missingFrom(dir);
  if (inRoot.length === 0) return { layout: 'v1', textDir: dir };
  return { missing: inPrompts.length < inRoot.length ? inPrompts.map((name) => `prompts/${name}`) : [...inRoot] };
}

async function missingFrom(dir: string): Promise<readonly string[]> {
  const names = new Set(await listNames(dir));
  return REQUIRED_FILES.filter((name) => !names.has(name));
}

async function firstPlace(search: Search, candidates: readonly string[]): Promise<Located> {
  let incomplete: Incomplete | null = null;
  for (const place of candidates) {
    const dir = place === '' ? await realFolder(search.root) : await findFolder(search.root, place);
    if (dir === null) continue;
    const layout = await readLayout(dir);
    if ('layout' in layout) return { kind: 'found', place: { ...search, place, dir, ...layout } };
    if (layout.missing.length < REQUIRED_FILES.length) incomplete ??= { place, missing: layout.missing };
  }
  return { kind: 'absent', tried: [...candidates], incomplete };
}

async function listCourseNames(root: string): Promise<string[]> {
  return (await listSubfolders(root, COURSE_PARENTS)).filter((name) => !LAYOUT_FOLDERS.has(name));
}

async function listChapterNames(root: string, parents: readonly string[]): Promise<string[]> {
  return (await listSubfolders(root, parents)).filter((name) => !LAYOUT_FOLDERS.has(name));
}

async function listSubfolders(root: string, parents: readonly string[]): Promise<string[]> {
  const names = new Set<string>();
  for (const parent of parents) {
    const folder = await findFolder(root, parent);
    for (const name of folder === null ? [] : await listNames(folder)) if (isChapterSegment(name)) names.add(name);
  }
  return [...names].sort(compareNames);
}

function withCourseForms(direct: Located, chapter: string): Located {
  if (direct.kind === 'found') return direct;
  return { ...direct, tried: [...direct.tried, ...courseCandidates('*', chapter)] };
}
