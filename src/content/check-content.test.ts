import { symlink, writeFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from 'tar';
import { describe, expect, it } from 'vitest';
import { checkContent, listTasks } from './check-content.ts';
import { chapterTree, openWorkshop, prefixed, withManifest } from './content-fixtures.ts';
import { openContent } from './open-content.ts';

async function pack(dir: string, names: string[]): Promise<string> {
  const file = join(dir, '..', `${names.length}-bundle.tar.gz`);
  await create({ file, cwd: dir, gzip: true, preservePaths: true }, names);
  return file;
}

describe('checkContent', () => {
  it('finds nothing to say about a clean chapter bundle, as folder and as archive', async () => {
    await using shop = await openWorkshop();
    const dir = await shop.write('bundle', withManifest({ ...chapterTree({ layout: 'v2' }), 'scripts/a.py': 'x', 'scripts/solution.py': 'x' }));
    const before = (await readdir(tmpdir())).filter((name) => name.startsWith('sidecar-content-'));

    const fromFolder = await checkContent(dir);
    const fromArchive = await checkContent(await pack(dir, ['.']));

    expect([fromFolder.errors, fromFolder.warnings, fromFolder.findings]).toEqual([0, 0, []]);
    expect(fromFolder.chapters.map(({ layout, title, language, files }) => [layout, title, language, files])).toEqual([['v2', 'Chapter one', 'en', ['scripts/a.py']]]);
    expect(fromArchive).toEqual(fromFolder);
    expect((await readdir(tmpdir())).filter((name) => name.startsWith('sidecar-content-'))).toEqual(before);
  });

  it('names every problem of a folder with its subject', async () => {
    await using shop = await openWorkshop();
    const dir = await shop.write('bundle', {
      ...prefixed('c1/good', { ...chapterTree(), 'consultation_config.yaml': 'a: *x' }), ...prefixed('c1/bad', chapterTree({ taskList: 'none' })),
      'content/agents/memo/principles.md': 'x', 'content/agents/memo/skills.md': 'x', 'experts/empty/notes.txt': 'x', 'templates/dynamic_report_template.md': 'no sections',
    });
    const { findings, errors, warnings, agents, experts } = await checkContent(dir);

    expect(findings.map(({ subject, code }) => [subject, code])).toEqual([
      ['bundle', 'manifest_missing'], ['chapter c1/bad', 'TASK_LIST_EMPTY'], ['chapter c1/good', 'consultation_config_invalid'],
      ['agents', 'legacy_agent_skills_ignored'], ['templates', 'template_unusable'], ['expert empty', 'text_missing'],
    ]);
    expect([errors, warnings, agents, experts]).toEqual([2, 4, ['memo'], ['empty']]);
  });

  it.each(['c1/ch1', 'curriculum/c1/ch1', 'content/curriculum/c1/ch1', 'courses/c1/chapters/ch1', 'content/ch1'])('finds the chapter at %s', async (place) => {
    await using shop = await openWorkshop();
    const { chapters } = await checkContent(await shop.write('bundle', prefixed(place, chapterTree())));

    expect(chapters.map(({ chapter_id }) => chapter_id)).toEqual([place === 'content/ch1' ? 'ch1' : 'c1/ch1']);
  });

  it('says when a folder holds no content at all', async () => {
    await using shop = await openWorkshop();
    const { findings } = await checkContent(await shop.write('empty', { 'x.txt': 'x' }));

    expect(findings.map(({ code }) => code)).toEqual(['manifest_missing', 'CHAPTER_NOT_FOUND']);
  });
});

describe('listTasks', () => {
  it('lists the tasks of all chapters or of one, and the reason where there are none', async () => {
    await using shop = await openWorkshop();
    const dir = await shop.write('curriculum', { ...prefixed('c1/ch1', chapterTree()), ...prefixed('c2/ch2', chapterTree({ taskList: 'none' })) });
    const archive = await pack(dir, ['c1', 'c2']);

    const all = await listTasks(archive);

    expect(all.map(({ chapter_id, tasks, findings }) => [chapter_id, tasks.map(({ id }) => id), findings.map(({ code }) => code)])).toEqual([
      ['c1/ch1', ['read_table'], []], ['c2/ch2', [], ['TASK_LIST_EMPTY']],
    ]);
    expect(await listTasks(archive, { chapterId: 'ch1' })).toEqual(all.slice(0, 1));
    await expect(listTasks(archive, { chapterId: 'ch9' })).rejects.toEqual(expect.objectContaining({ code: 'CHAPTER_NOT_FOUND' }));
  });
});

describe('openContent', () => {
  it('refuses archives with links, parent paths and case twins, and leaves nothing behind', async () => {
    await using shop = await openWorkshop();
    const dir = await shop.write('src/inner', { 'a.md': 'x', 'A.md': 'y' });
    await symlink('/etc/passwd', join(dir, 'link.md'));
    await writeFile(join(dir, '..', 'up.md'), 'x');
    const before = (await readdir(tmpdir())).filter((name) => name.startsWith('sidecar-content-'));
    const refused = async (names: string[]) => openContent(await pack(dir, names)).then(() => 'opened', (error: { detail: string }) => error.detail);

    expect(await refused(['link.md'])).toBe('link.md is a SymbolicLink, not a file');
    expect(await refused(['../up.md', 'a.md'])).toBe('../up.md leads out of the archive');
    expect(await refused(['a.md', 'A.md', 'link.md'])).toBe('A.md and a.md differ only by case');
    await writeFile(join(shop.dir, 'no.tar.gz'), 'not an archive');
    await expect(openContent(join(shop.dir, 'no.tar.gz'))).rejects.toEqual(expect.objectContaining({ code: 'CONTENT_CORRUPT' }));
    expect((await readdir(tmpdir())).filter((name) => name.startsWith('sidecar-content-'))).toEqual(before);
  });
});
