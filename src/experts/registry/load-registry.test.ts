import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTemporaryFolder } from '../../../tests/support/temporary-folder.ts';
import type { TemporaryFolder } from '../../../tests/support/temporary-folder.ts';
import { createContentResolver, packagesIn } from '../../content/index.ts';
import { writePackage } from '../bench.test-support.ts';
import { loadRegistry } from './load-registry.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await createTemporaryFolder('packages');
});
afterEach(async () => await folder[Symbol.asyncDispose]());

const load = async (dir = folder.path) => await loadRegistry(await packagesIn(dir, 'environment'));
const ids = ({ experts }: { experts: ReadonlyMap<string, unknown> }) => [...experts.keys()];

describe('the expert registry', () => {
  it('finds the real packages among junk and names the broken ones', async () => {
    await writePackage(join(folder.path, 'experts'), 'alpha');
    await writePackage(join(folder.path, 'experts'), 'beta');
    await writePackage(join(folder.path, 'experts'), '_draft');
    for (const name of ['._alpha', '.DS_Store', 'alpha/._principles.md', 'yellow_page.generated.json', 'Thumbs.db']) await writeFile(join(folder.path, 'experts', name), 'junk');
    await mkdir(join(folder.path, 'experts', '__MACOSX', 'alpha'), { recursive: true });
    const broken: [string, string][] = [
      ['nometa', '# Hello\n'], ['badjson', '# Metadata\n```json\n{oops\n```\n'], ['nomode', '## Metadata\n\n```json\n{"expert_id":"nomode","description":"x","output_modes":[]}\n```\n'],
      ['other', '## Metadata\n\n```json\n{"expert_id":"another","description":"x","output_modes":["analogy"]}\n```\n'],
    ];
    for (const [id, text] of broken) {
      await mkdir(join(folder.path, 'experts', id));
      await writeFile(join(folder.path, 'experts', id, 'principles.md'), text);
    }

    const registry = await load();

    expect(ids(registry)).toEqual(['alpha', 'beta']);
    expect(registry.diagnostics.map(({ code, expert_id: id }) => [code, id])).toEqual([
      ['package_broken', 'badjson'], ['package_broken', 'nometa'], ['package_broken', 'nomode'], ['package_broken', 'other'],
    ]);
    expect(JSON.stringify(registry.diagnostics)).not.toContain(folder.path);
  });

  it('merges all roots, the first of an id winning, and loads a package that is its root', async () => {
    const place = async (name: string, id: string, description: string) => {
      const root = folder.join(name);
      await writePackage(root, id, { description });
      return root;
    };
    const own = folder.join('own', 'solo');
    await writePackage(folder.join('own'), 'solo', { description: 'own' });
    const shared = await place('shared', 'solo', 'shared');
    await writePackage(shared, 'common', { description: 'shared' });
    const environment = await place('environment', 'common', 'environment');
    await writePackage(environment, 'local', { description: 'environment' });
    const packaged = await place('packaged/content/experts', 'local', 'packaged');
    await writePackage(packaged, 'sample', { description: 'packaged' });
    const resolver = createContentResolver({
      roots: { contentRoots: [], homeDir: folder.path, packagedDir: folder.join('packaged', 'content'), packagedPromptsDir: folder.path, expertsDir: environment },
    });
    const { trusted } = await resolver.checkSources({ bundle_paths: { experts_shared_path: shared, expert_bundle_paths: { solo: own } } }, { hasToken: true });

    const registry = await loadRegistry((await resolver.findExperts(trusted)).packages);

    expect([...registry.experts.values()].map(({ expertId, description }) => [expertId, description])).toEqual([
      ['solo', 'own'], ['common', 'shared'], ['local', 'environment'], ['sample', 'packaged'],
    ]);
    expect(registry.diagnostics.filter(({ code }) => code === 'package_shadowed').map(({ expert_id: id }) => id).sort()).toEqual(['common', 'local', 'solo']);
  });

  it.each([
    ['data handles', { skill_handles: ['inspect_dataset', 'run_python', 'read_text', 'explain'] }, {}, ['list_files', 'inspect_dataset', 'finish']],
    ['documents', {}, { 'skills/explain.md': 'x', 'knowledge/a.txt': 'y' }, ['read_knowledge', 'read_skill', 'finish']],
    ['nothing', {}, {}, ['finish']],
    ['its own list', { tools: ['run_python', 'read_text', 'fly'], skill_handles: ['inspect_dataset'] }, {}, ['read_text', 'run_python', 'finish']],
  ])('derives what a package may use from %s', async (_title, metadata, files, tools) => {
    await writePackage(folder.path, 'alpha', metadata, files as Record<string, string>);

    expect((await load()).experts.get('alpha')?.whitelist).toEqual(tools);
  });

  it('warns about handles, tools, modes and bytes it cannot use (S56)', async () => {
    await writePackage(folder.path, 'alpha', { skill_handles: ['explain'], tools: ['fly'], output_modes: ['poem'] });
    await mkdir(folder.join('alpha', 'knowledge'));
    await writeFile(folder.join('alpha', 'knowledge', 'bad.md'), Buffer.from([0xff, 0xfe, 0x41]));

    const { experts, diagnostics } = await load();

    expect(experts.has('alpha')).toBe(true);
    expect(diagnostics.map(({ code, severity }) => [code, severity])).toEqual([
      ['file_skipped', 'warning'], ['handle_without_document', 'warning'], ['tool_unknown', 'warning'], ['output_mode_unknown', 'warning'],
    ]);
  });

  it('reads no text through a link that leads out, and takes at most 64 (S56)', async () => {
    await writeFile(folder.join('secret.md'), 'secret');
    await writePackage(folder.join('in'), 'alpha', {}, Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`knowledge/${index}.md`, 'text'])));
    await mkdir(folder.join('in', 'alpha', 'skills'), { recursive: true });
    await symlink(folder.join('secret.md'), folder.join('in', 'alpha', 'skills', 'out.md'));

    const { experts } = await load(folder.join('in'));

    expect(experts.get('alpha')?.skills.size).toBe(0);
    expect(experts.get('alpha')?.knowledge.size).toBeLessThanOrEqual(64);
  });

  it('lowers limits, never raises them, and hashes what it read', async () => {
    await writePackage(folder.path, 'alpha', { limits: { steps: 3, calls: 99 } });
    const first = (await load()).experts.get('alpha')!;
    await writePackage(folder.path, 'alpha', { limits: { steps: 3, calls: 99 } }, { 'knowledge/new.md': 'more' });
    const second = (await load()).experts.get('alpha')!;

    expect(first.limits).toEqual({ steps: 3, calls: 12, seconds: 90, tokens: 40_000 });
    expect(first.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(second.hash).not.toBe(first.hash);
  });

  it('keeps the prose of the principles without the metadata block', async () => {
    await writePackage(folder.path, 'alpha');

    expect((await load()).experts.get('alpha')?.principles).toBe('# alpha\n\nBe brief.');
  });
});

const samples = process.env['SIDECAR_SAMPLE_DATA'];
it.skipIf(samples === undefined)('loads the two packages of the sample archive as they are', async () => {
  const { extract } = await import('tar');
  await extract({ file: join(samples!, 'experts_v1.tar.gz'), cwd: folder.path });

  const { experts, diagnostics } = await load();

  expect(Object.fromEntries([...experts].map(([id, { whitelist }]) => [id, [...whitelist]]))).toEqual({
    concept_explainer: ['finish'],
    data_inspector: ['list_files', 'inspect_dataset', 'profile_dataset', 'check_suitability', 'read_knowledge', 'read_skill', 'finish'],
  });
  expect(diagnostics.map(({ code, expert_id: id, message }) => [code, id, message.split(' ')[1]])).toEqual([
    ['handle_without_document', 'concept_explainer', 'explain_concept'], ['handle_without_document', 'concept_explainer', 'provide_analogy'],
    ['handle_without_document', 'concept_explainer', 'generate_example'], ['handle_without_document', 'data_inspector', 'profile_dataset'],
  ]);
});
