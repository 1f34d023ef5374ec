import type { ChapterId } from './chapter-id.ts';

/** Folder names of the layouts themselves; no course is called like them. */
export const LAYOUT_FOLDERS: ReadonlySet<string> = new Set(['content', 'courses', 'chapters', 'curriculum', 'prompts', 'templates', '_templates']);

/** Where a chapter may lie in a bundle, in order, relative to its root; `''` is the root itself. Pure. */
export function bundleCandidates({ course, chapter }: ChapterId): string[] {
  const withCourse = course === null ? [] : [
    `courses/${course}/chapters/${chapter}`,
    `content/curriculum/courses/${course}/chapters/${chapter}`,
    `content/curriculum/${course}/${chapter}`,
  ];
  return [...withCourse, chapter, `content/${chapter}`, `content/curriculum/${chapter}`, ''];
}

/** Where a chapter with a course may lie in a curriculum, in order. Pure. */
export function courseCandidates(course: string, chapter: string): string[] {
  const forms = [`${course}/${chapter}`, `courses/${course}/chapters/${chapter}`];
  return [...forms, ...forms.map((form) => `content/curriculum/${form}`)];
}

/** Where a chapter without course may lie in a curriculum, besides every course. Pure. */
export function bareCandidates(chapter: string): string[] {
  return [chapter, `chapters/${chapter}`, `content/curriculum/${chapter}`];
}

/** Folders of a curriculum whose subfolders are courses. */
export const COURSE_PARENTS = ['', 'courses', 'content/curriculum', 'content/curriculum/courses'] as const;
/** Folders of a curriculum whose subfolders may be chapters without a course. */
export const BARE_PARENTS = ['', 'chapters', 'content/curriculum'] as const;
