import type { CourseCatalogue } from '../../api/index.ts';
import type { Clock } from '../../config/index.ts';
import type { ContentListing, ContentResolver } from '../../content/index.ts';

const KEPT_MS = 5_000;

/** Lists courses and chapters; a listing is kept for a few seconds, because clients ask for all three lists at once. */
export function createCourseCatalogue(content: ContentResolver, clock: Clock): CourseCatalogue & { problems(): ContentListing['problems'] } {
  let kept: { listing: Promise<ContentListing>; at: number } | null = null;
  let problems: ContentListing['problems'] = [];
  const list = async (): Promise<ContentListing> => {
    if (kept === null || clock.monotonicMs() - kept.at > KEPT_MS) kept = { listing: content.list(), at: clock.monotonicMs() };
    const listing = await kept.listing;
    problems = listing.problems;
    return listing;
  };
  return {
    courses: async () => (await list()).courses,
    chapters: async () => (await list()).chapters,
    chaptersOf: async (courseId) => {
      const { courses, chapters } = await list();
      return courses.some((course) => course.course_id === courseId) ? chapters.filter((chapter) => chapter.course_id === courseId) : null;
    },
    problems: () => problems,
  };
}
