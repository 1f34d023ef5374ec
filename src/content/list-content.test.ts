import { describe, expect, it } from 'vitest';
import { chapterTree, openWorkshop, prefixed } from './content-fixtures.ts';
import { chaptersOfCourse } from './list-content.ts';

describe('listing', () => {
  it('lists the packaged sample when no curriculum is set', async () => {
    await using shop = await openWorkshop();
    const { courses, chapters, problems } = await (await shop.resolver()).list();

    expect(courses).toEqual([{ course_id: 'sample', title: 'sample', description: 'About tables and rows.', chapter_count: 1, full_info: '' }]);
    expect(chapters).toEqual([{
      chapter_id: 'sample/ch1', title: 'Chapter packaged', description: 'About tables and rows.', context: expect.stringContaining('# Chapter packaged'),
      course_id: 'sample', course_title: 'sample',
    }]);
    expect(problems).toEqual([]);
  });

  it('lists every layout once, by sort order and then in natural order, and names what cannot be opened', async () => {
    await using shop = await openWorkshop();
    const curriculumDir = await shop.write('curriculum', {
      ...prefixed('c1/ch10', chapterTree({ marker: 'ten' })), ...prefixed('c1/ch2', chapterTree({ marker: 'two', layout: 'v2' })),
      ...prefixed('c1/intro', { ...chapterTree({ marker: 'intro' }), 'chapter.json': '{"sort_order":1,"title":"Start","intro_text":"Short **intro**"}' }),
      'c1/course_info.md': '# Course one\n\n## 课程简介\n\n先读表，\n再画图。\n\n## Other\nx', 'c1/_draft/x.md': 'x', 'c1/.hidden/task_list.md': 'x',
      ...prefixed('courses/c2/chapters/ch1', chapterTree({ marker: 'c2' })), 'courses/c2/course_overview.json': '{"title":"Course two","sort_order":0}',
      ...prefixed('content/curriculum/c3/ch1', chapterTree({ marker: 'c3' })),
      ...prefixed('chapters/alone', chapterTree({ marker: 'alone' })),
      ...prefixed('c1/broken', chapterTree({ taskList: '# none' })),
    });
    const listing = await (await shop.resolver({ curriculumDir })).list();

    expect(listing.courses.map(({ course_id, title, description, chapter_count }) => [course_id, title, description, chapter_count])).toEqual([
      ['c2', 'Course two', 'About tables and rows.', 1], ['c1', 'Course one', '先读表， 再画图。', 3], ['c3', 'c3', 'About tables and rows.', 1],
    ]);
    expect(listing.chapters.map(({ chapter_id, title }) => [chapter_id, title])).toEqual([
      ['alone', 'Chapter alone'], ['c2/ch1', 'Chapter c2'], ['c1/intro', 'Start'], ['c1/ch2', 'Chapter two'], ['c1/ch10', 'Chapter ten'], ['c3/ch1', 'Chapter c3'],
    ]);
    expect(listing.problems.map(({ chapter_id, problem }) => [chapter_id, problem.code])).toEqual([['c1/broken', 'TASK_LIST_EMPTY']]);
    expect(chaptersOfCourse(listing, 'c1').map(({ description }) => description)).toEqual(['Short intro', 'About tables and rows.', 'About tables and rows.']);
    expect(() => chaptersOfCourse(listing, 'c9')).toThrow(expect.objectContaining({ code: 'COURSE_NOT_FOUND' }));
  });
});
