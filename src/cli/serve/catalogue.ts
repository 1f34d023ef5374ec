import type { CourseCatalogue } from '../../api/index.ts';
import type { ContentResolver } from '../../content/index.ts';

/** The courses and chapters that the resolver finds. */
export function createCatalogue(content: ContentResolver): CourseCatalogue {
  return {
    courses: async () => (await content.list()).courses,
    chapters: async () => (await content.list()).chapters,
    chaptersOf: async (courseId) => {
      const { courses, chapters } = await content.list();
      return courses.some((course) => course.course_id === courseId) ? chapters.filter((chapter) => chapter.course_id === courseId) : null;
    },
  };
}
