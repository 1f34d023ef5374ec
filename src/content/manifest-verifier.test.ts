import { appendFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chapterTree, openWorkshop, sourcesOf, withManifest } from './content-fixtures.ts';
import { ManifestVerifier } from './manifest-verifier.ts';

const corrupt = (detail: string) => expect.objectContaining({ code: 'CONTENT_CORRUPT', detail });
const tree = () => withManifest({ ...chapterTree({ layout: 'v2' }), 'datasets/a.csv': 'abc', 'scripts/s.py': 'x' });

describe('ManifestVerifier', () => {
  it('refuses the session when one byte differs, even when size and time are as before', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const chapterBundle = await shop.write('bundle', tree());
    const request = { chapterId: 'ch1', sources: sourcesOf({ chapterBundle }) };
    expect((await resolver.resolve(request)).diagnostics).toEqual([]);
    const file = join(chapterBundle, 'datasets/a.csv');
    const { atime, mtime } = await stat(file);
    await writeFile(file, 'abd');
    await utimes(file, atime, mtime);

    await expect(resolver.resolve(request)).rejects.toEqual(corrupt('datasets/a.csv differs'));
  });

  it.each(['agents', 'shared experts'])('refuses the session when the %s bundle is damaged', async (kind) => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const root = await shop.write('bundle', withManifest({ 'x/principles.md': 'text' }));
    await appendFile(join(root, 'x/principles.md'), '!');

    const sources = sourcesOf(kind === 'agents' ? { appAgents: root } : { expertsShared: root });

    await expect(resolver.resolve({ chapterId: 'sample/ch1', sources })).rejects.toEqual(corrupt('x/principles.md differs'));
  });

  it('names a missing file before anything else of the chapter', async () => {
    await using shop = await openWorkshop();
    const chapterBundle = await shop.write('bundle', tree());
    await rm(join(chapterBundle, 'prompts/task_list.md'));

    await expect((await shop.resolver()).resolve({ chapterId: 'ch1', sources: sourcesOf({ chapterBundle }) })).rejects.toEqual(corrupt('prompts/task_list.md is missing'));
  });

  it.each([
    ['is not JSON', '{', 'bundle.manifest.json is not JSON'],
    ['has a wrong field', '{"format_version":"zip"}', 'bundle.manifest.json: format_version is wrong'],
    ['lists case twins', JSON.stringify({ format_version: 'bundle-v1', bundle_type: 'chapter', scope_id: 'x', version: '1',
      files: ['a.md', 'A.md'].map((path) => ({ path, sha256: '0'.repeat(64), size_bytes: 0 })) }), 'bundle.manifest.json lists a name twice'],
    ['lists a path outside', JSON.stringify({ format_version: 'bundle-v1', bundle_type: 'chapter', scope_id: 'x', version: '1',
      files: [{ path: 'a/../../x', sha256: '0'.repeat(64), size_bytes: 0 }] }), 'a/../../x is missing'],
  ])('refuses a manifest that %s', async (_title, manifest, detail) => {
    await using shop = await openWorkshop();
    const root = await shop.write('bundle', { 'bundle.manifest.json': manifest });

    await expect(new ManifestVerifier().check(root)).rejects.toEqual(corrupt(detail));
  });

  it('refuses a listed file that became a link', async () => {
    await using shop = await openWorkshop();
    const root = await shop.write('bundle', tree());
    await rm(join(root, 'scripts/s.py'));
    await symlink(join(root, 'datasets/a.csv'), join(root, 'scripts/s.py'));

    await expect(new ManifestVerifier().check(root)).rejects.toEqual(corrupt('scripts/s.py is not a regular file'));
  });

  it('warns of an extra file, not of junk', async () => {
    await using shop = await openWorkshop();
    const root = await shop.write('bundle', { ...tree(), 'extra.md': 'x', '.DS_Store': 'x', 'scripts/__pycache__/s.pyc': 'x', 'bundle.manifest.sig': 's' });

    const { diagnostics } = await new ManifestVerifier().check(root);

    expect(diagnostics.map(({ code, path, severity }) => [code, path, severity])).toEqual([['file_unlisted', 'extra.md', 'warning']]);
  });

  it('checks in full once, and again only after a change', async () => {
    await using shop = await openWorkshop();
    const root = await shop.write('bundle', tree());
    const verifier = new ManifestVerifier();
    const first = await verifier.check(root);
    const second = await verifier.check(root);
    const checksBefore = verifier.fullChecks;
    await utimes(join(root, 'scripts/s.py'), new Date(0), new Date(0));
    await verifier.check(root);

    expect(second).toBe(first);
    expect([checksBefore, verifier.fullChecks]).toEqual([1, 2]);
  });

  it('keeps the results of at most 64 bundles and drops the least recently used', async () => {
    await using shop = await openWorkshop();
    const verifier = new ManifestVerifier();
    const roots = await Promise.all(Array.from({ length: 65 }, (_value, index) => shop.write(`b${index}`, withManifest({ 'a.md': 'x' }))));
    for (const root of roots.slice(0, 64)) await verifier.check(root);
    await verifier.check(roots[0] ?? '');
    await verifier.check(roots[64] ?? '');
    const before = verifier.fullChecks;

    await verifier.check(roots[0] ?? '');
    await verifier.check(roots[1] ?? '');

    expect([before, verifier.fullChecks]).toEqual([65, 66]);
  });

  it('asks the signature check with the manifest, once per content, and without one each time', async () => {
    await using shop = await openWorkshop();
    const asked: (string | null)[] = [];
    const verifier = new ManifestVerifier({ checkSignature: async (_root, manifest) => {
      asked.push(manifest === undefined ? null : String(JSON.parse(new TextDecoder().decode(manifest)).version));
    } });
    const signed = await shop.write('signed', tree());
    const bare = await shop.write('bare', { 'a.md': 'x' });
    for (const root of [signed, signed, bare, bare]) await verifier.check(root);

    expect(asked).toEqual(['1.0.0', null, null]);
  });
});
