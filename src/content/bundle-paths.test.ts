import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requireTrusted } from './bundle-paths.ts';
import { openWorkshop } from './content-fixtures.ts';

const chapterPath = (path: string | null) => ({ bundle_paths: { chapter_bundle_path: path } });

describe('trust in the paths of a session', () => {
  it.each([
    ['below TUTOR_ROOT/bundles', 'tutor/bundles/chapter/ch1/1'],
    ['in TutorApp/bundles/<type> elsewhere under the home', 'home/old/TutorApp/bundles/chapter/ch1/1'],
    ['in a named content root', 'extra/ch1'],
    ['a named content root itself', 'extra'],
    ['in the curriculum of the environment', 'curriculum/c1'],
  ])('admits a folder %s', async (_title, path) => {
    await using shop = await openWorkshop();
    const folder = await shop.write(path, { 'x.md': 'x' });
    const resolver = await shop.resolver({
      tutorRoot: join(shop.dir, 'tutor'), contentRoots: [join(shop.dir, 'extra')], curriculumDir: join(shop.dir, 'curriculum'), homeDir: join(shop.dir, 'home'),
    });

    const checked = await resolver.checkSources(chapterPath(folder), { hasToken: false });

    expect([checked.refused, checked.trusted.chapterBundle]).toEqual([[], folder]);
  });

  it.each([
    ['the root of the disk', '/', 'not_allowed'],
    ['the home', '$/home', 'not_allowed'],
    ['a folder of the home', '$/home/.ssh', 'not_allowed'],
    ['TUTOR_ROOT itself', '$/tutor', 'not_allowed'],
    ['a folder with a similar name', '$/tutor/bundles-evil', 'not_allowed'],
    ['a type that does not exist', '$/home/TutorApp/bundles/secrets/x', 'not_allowed'],
    ['the type folder itself', '$/home/TutorApp/bundles/chapter', 'not_allowed'],
    ['a moved storage outside the home', '$/else/TutorApp/bundles/chapter/x', 'not_allowed'],
    ['a link out of a trusted root', '$/tutor/bundles/link', 'not_allowed'],
    ['a parent step out of a trusted root', '$/tutor/bundles/../../home', 'not_allowed'],
    ['a relative path', 'tutor/bundles', 'not_absolute'],
    ['a share', '//host/share', 'not_absolute'],
    ['a Windows share', '\\\\host\\share', 'not_absolute'],
    ['a file', '$/tutor/bundles/file.md', 'not_found'],
    ['nothing', '$/tutor/bundles/gone', 'not_found'],
  ])('refuses %s', async (_title, path, reason) => {
    await using shop = await openWorkshop();
    await shop.write('', {
      'home/.ssh/id': 'x', 'home/TutorApp/bundles/secrets/x/a': 'x', 'home/TutorApp/bundles/chapter/x/a': 'x', 'else/TutorApp/bundles/chapter/x/a': 'x',
      'tutor/bundles/file.md': 'x', 'tutor/bundles-evil/a': 'x',
    });
    await symlink(join(shop.dir, 'home/.ssh'), join(shop.dir, 'tutor/bundles/link'));
    const resolver = await shop.resolver({ tutorRoot: join(shop.dir, 'tutor'), homeDir: join(shop.dir, 'home') });

    const checked = await resolver.checkSources(chapterPath(path.replace('$', shop.dir)), { hasToken: true });

    expect(checked.refused).toEqual([{ field: 'chapter_bundle_path', reason }]);
    expect(checked.trusted.chapterBundle).toBeNull();
    expect(() => requireTrusted(checked)).toThrow(expect.objectContaining({ code: 'BUNDLE_PATH_NOT_ALLOWED', detail: 'chapter_bundle_path' }));
  });

  it('lets only a caller with a token name any folder when no root is set', async () => {
    await using shop = await openWorkshop();
    const folder = await shop.write('anywhere', { 'x.md': 'x' });
    const resolver = await shop.resolver();

    expect((await resolver.checkSources(chapterPath(folder), { hasToken: true })).refused).toEqual([]);
    expect((await resolver.checkSources(chapterPath(folder), { hasToken: false })).refused).toHaveLength(1);
  });

  it('names every refused field and leaves untrusted prompt sources out', async () => {
    await using shop = await openWorkshop();
    await shop.write('', { 'tutor/bundles/p/x.md': 'x', 'private/y.md': 'y' });
    const resolver = await shop.resolver({ tutorRoot: join(shop.dir, 'tutor') });
    const checked = await resolver.checkSources({
      bundle_paths: { app_agents_path: '/gone', expert_bundle_paths: { data_inspector: '/gone', other: join(shop.dir, 'tutor/bundles/p') } },
      prompt_sources: { interaction_protocol_candidates: [join(shop.dir, 'private/y.md'), 'x.md', join(shop.dir, 'tutor/bundles/p/x.md'), 7], socratic_vs_direct_candidates: null },
      unknown: 1,
    }, { hasToken: true });

    expect(checked.refused.map(({ field }) => field)).toEqual(['app_agents_path', 'expert_bundle_paths.data_inspector']);
    expect(checked.trusted.expertBundles).toEqual([{ expertId: 'other', root: join(shop.dir, 'tutor/bundles/p') }]);
    expect(checked.trusted.promptSources).toEqual({ interaction_protocol: [{ root: join(shop.dir, 'tutor/bundles/p'), name: 'x.md' }], socratic_vs_direct: [] });
    expect(checked.diagnostics.map(({ code }) => code)).toEqual(['file_skipped']);
  });
});
