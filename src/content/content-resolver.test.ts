import { symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundleCandidates, courseCandidates } from './chapter-candidates.ts';
import type { Tree } from './content-fixtures.ts';
import { TASK_LIST, chapterTree, openWorkshop, prefixed, sourcesOf, withManifest } from './content-fixtures.ts';
import type { SessionContent } from './session-content.ts';

const codesOf = (diagnostics: readonly { code: string }[]) => diagnostics.map(({ code }) => code);
const titleOf = ({ content }: { content: SessionContent }) => content.chapter.title;
const refusal = (code: string, text: RegExp | string = '') => expect.objectContaining({ code, detail: expect.stringMatching(text) });

describe('finding a chapter', () => {
  it('gives the same texts and tasks for v1, v2 and the code and dataset dialect', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const resolve = async (name: string, tree: Tree) =>
      (await resolver.resolve({ chapterId: 'ch1', sources: sourcesOf({ chapterBundle: await shop.write(name, tree) }) })).content;

    const v1 = await resolve('v1', { ...chapterTree(), 'scripts/a.py': 'x', 'datasets/d.csv': 'a' });
    const v2 = await resolve('v2', { ...chapterTree({ layout: 'v2' }), 'scripts/a.py': 'x', 'datasets/d.csv': 'a' });
    const code = await resolve('code', { ...chapterTree(), 'code/a.py': 'x', 'dataset/d.csv': 'a' });

    expect(v1.chapter.tasks.map(({ id }) => id)).toEqual(['read_table']);
    expect(v2).toEqual(v1);
    expect(code).toEqual(v1);
  });

  it.each(bundleCandidates({ course: 'c1', chapter: 'ch1' }))('finds a chapter of a bundle at "%s"', async (place) => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const chapterBundle = await shop.write('bundle', place === '' ? chapterTree({ marker: 'here' }) : prefixed(place, chapterTree({ marker: 'here' })));

    expect(titleOf(await resolver.resolve({ chapterId: 'c1/ch1', sources: sourcesOf({ chapterBundle }) }))).toBe('Chapter here');
  });

  it('takes the first place of a bundle when several hold the chapter', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const places = bundleCandidates({ course: 'c1', chapter: 'ch1' });
    const trees = places.map((place) => (place === '' ? chapterTree({ marker: 'root' }) : prefixed(place, chapterTree({ marker: place }))));
    const chapterBundle = await shop.write('bundle', Object.assign({}, ...trees) as Tree);

    for (const [index, place] of places.slice(0, -1).entries()) {
      expect(titleOf(await resolver.resolve({ chapterId: 'c1/ch1', sources: sourcesOf({ chapterBundle }) }))).toBe(`Chapter ${place}`);
      await unlink(join(chapterBundle, places[index] ?? '', 'task_list.md'));
    }
  });

  it.each(courseCandidates('c1', 'ch1'))('finds a chapter of a curriculum at "%s", with its course and bare', async (place) => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver({ curriculumDir: await shop.write('curriculum', prefixed(place, chapterTree({ marker: 'here' }))) });

    const full = await resolver.resolve({ chapterId: 'c1/ch1', sources: sourcesOf() });
    const bare = await resolver.resolve({ chapterId: 'ch1', sources: sourcesOf() });

    expect([titleOf(full), full.content.course_id, full.content.chapter_provenance]).toEqual(['Chapter here', 'c1', 'environment']);
    expect([titleOf(bare), bare.content.course_id]).toEqual(['Chapter here', 'c1']);
  });

  it.each(['ch1', 'chapters/ch1', 'content/curriculum/ch1'])('finds a chapter without course at "%s"', async (place) => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver({ curriculumDir: await shop.write('curriculum', prefixed(place, chapterTree({ marker: 'here' }))) });

    const found = await resolver.resolve({ chapterId: 'ch1', sources: sourcesOf() });

    expect([titleOf(found), found.content.course_id]).toEqual(['Chapter here', null]);
  });

  it('never drops a given course and lists the courses of an ambiguous bare id', async () => {
    await using shop = await openWorkshop();
    const curriculumDir = await shop.write('curriculum', {
      ...prefixed('c1/ch1', chapterTree({ marker: 'of c1' })), ...prefixed('courses/c2/chapters/ch1', chapterTree({ marker: 'of c2' })),
    });
    const resolver = await shop.resolver({ curriculumDir });
    const resolve = (chapterId: string, scope = {}) => resolver.resolve({ chapterId, sources: sourcesOf({ scope }) });

    expect(titleOf(await resolve('c2/ch1'))).toBe('Chapter of c2');
    expect(titleOf(await resolve('ch1', { scopeId: 'c2/ch1' }))).toBe('Chapter of c2');
    await expect(resolve('c3/ch1')).rejects.toEqual(refusal('CHAPTER_NOT_FOUND', /^c3\/ch1 \(c3\/ch1, courses\/c3\/chapters\/ch1, /));
    await expect(resolve('ch1')).rejects.toEqual(refusal('CHAPTER_AMBIGUOUS', /^c1\/ch1, c2\/ch1$/));
  });

  it('looks nowhere else when a chapter bundle is given', async () => {
    await using shop = await openWorkshop();
    const curriculumDir = await shop.write('curriculum', prefixed('c1/ch1', chapterTree()));
    const resolver = await shop.resolver({ curriculumDir });
    const chapterBundle = await shop.write('empty', { 'readme.txt': 'x' });

    await expect(resolver.resolve({ chapterId: 'c1/ch1', sources: sourcesOf({ chapterBundle }) })).rejects.toEqual(refusal('CHAPTER_NOT_FOUND'));
  });

  it('finds the packaged sample when nothing else has the chapter', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver({ curriculumDir: await shop.write('curriculum', { 'x.txt': '' }) });

    const found = await resolver.resolve({ chapterId: 'sample/ch1', sources: sourcesOf() });

    expect([titleOf(found), found.content.chapter_provenance]).toEqual(['Chapter packaged', 'packaged']);
  });

  it('does not replace an incomplete chapter of the curriculum by the packaged one of the same name', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver({ curriculumDir: await shop.write('curriculum', { 'sample/ch1/task_list.md': TASK_LIST }) });

    await expect(resolver.resolve({ chapterId: 'sample/ch1', sources: sourcesOf() })).rejects.toEqual(
      refusal('CHAPTER_INVALID', /sample\/ch1\/chapter_context\.md, sample\/ch1\/task_completion_principles\.md missing/));
  });

  it('compares names exactly', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver({ curriculumDir: await shop.write('curriculum', prefixed('C1/CH1', chapterTree())) });

    await expect(resolver.resolve({ chapterId: 'c1/ch1', sources: sourcesOf() })).rejects.toEqual(refusal('CHAPTER_NOT_FOUND'));
  });

  it('reports a manifest that names another scope', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const resolve = async (scope_id: string, chapterId: string) => {
      const chapterBundle = await shop.write(`b-${scope_id}-${chapterId}`.replaceAll('/', '_'), withManifest(chapterTree(), { scope_id }));
      return codesOf((await resolver.resolve({ chapterId, sources: sourcesOf({ chapterBundle }) })).diagnostics);
    };

    expect(await resolve('c1/ch1', 'c1/ch1')).toEqual([]);
    expect(await resolve('c1/ch1', 'ch1')).toEqual([]);
    expect(await resolve('c2/ch1', 'c1/ch1')).toEqual(['scope_mismatch']);
    expect(await resolve('other', 'ch1')).toEqual(['scope_mismatch']);
  });
});

describe('refusing a chapter', () => {
  const cases: [string, Tree, [code: string, detail: RegExp]][] = [
    ['a missing file', { 'chapter_context.md': 'x', 'task_list.md': TASK_LIST }, ['CHAPTER_INVALID', /task_completion_principles\.md missing/]],
    ['a blank file', { ...chapterTree(), 'chapter_context.md': ' \n' }, ['CHAPTER_INVALID', /chapter_context\.md is blank/]],
    ['a file that is no UTF-8', { ...chapterTree(), 'task_list.md': new Uint8Array([0xff, 0xfe, 0x00]) }, ['CHAPTER_INVALID', /task_list\.md is not UTF-8/]],
    ['a file above 256 KB', { ...chapterTree(), 'chapter_context.md': 'x'.repeat(256 * 1024 + 1) }, ['CHAPTER_INVALID', /chapter_context\.md is larger/]],
    ['a case twin', { ...chapterTree(), 'Task_List.md': TASK_LIST }, ['CHAPTER_INVALID', /task_list\.md has a twin/]],
    ['no required task', chapterTree({ taskList: '## Optional\n- **a_b** [type: optional]' }), ['TASK_LIST_EMPTY', /line 2: a_b/]],
    ['a repeated task id', chapterTree({ taskList: '- **a_b** [type: core]\n- **a_b** [type: core]' }), ['TASK_ID_DUPLICATE', /lines 1, 2/]],
  ];

  it.each(cases)('names the problem: %s', async (_title, tree, [code, detail]) => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const chapterBundle = await shop.write('bundle', tree);

    await expect(resolver.resolve({ chapterId: 'ch1', sources: sourcesOf({ chapterBundle }) })).rejects.toEqual(refusal(code, detail));
  });

  it('does not read a required file through a link that leads out of the bundle', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const secret = await shop.write('private', { 'key.md': 'secret' });
    const chapterBundle = await shop.write('bundle', chapterTree());
    await unlink(join(chapterBundle, 'chapter_context.md'));
    await symlink(join(secret, 'key.md'), join(chapterBundle, 'chapter_context.md'));

    await expect(resolver.resolve({ chapterId: 'ch1', sources: sourcesOf({ chapterBundle }) })).rejects.toEqual(
      refusal('CHAPTER_INVALID', /chapter_context\.md is a link that leads out/));
  });

  it('says a task problem in the language of the chapter', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const chapterBundle = await shop.write('bundle', { ...chapterTree({ taskList: '# 没有任务' }), 'chapter.json': '{"language":"zh-Hans"}' });

    await expect(resolver.resolve({ chapterId: 'ch1', sources: sourcesOf({ chapterBundle }) })).rejects.toEqual(
      expect.objectContaining({ code: 'TASK_LIST_EMPTY', language: 'zh' }));
  });
});

describe('languages and facts', () => {
  it.each([
    ['declared in chapter.json', { 'chapter.json': '{"language":"zh-Hans"}' }, 'zh-Hans'],
    ['detected as English', {}, 'en'],
    ['detected as Chinese', { 'chapter_context.md': '# 读取表格\n\n本章介绍如何读取表格，并说明每一行代表什么含义，以及如何发现缺失的数值和异常的数值。这是整门课程的起点，内容很多很多很多很多。' }, 'zh-Hans'],
    ['detected when the declaration is no language', { 'chapter.json': '{"language":"Chinese!"}' }, 'en'],
    ['detected when chapter.json is broken', { 'chapter.json': '{' }, 'en'],
  ])('a language is %s', async (_title, tree, language) => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const chapterBundle = await shop.write('bundle', { ...chapterTree(), ...tree });

    expect((await resolver.resolve({ chapterId: 'ch1', sources: sourcesOf({ chapterBundle }) })).content.chapter.language).toBe(language);
  });

  it('prefers chapter.json to the manifest and keeps the version and experts', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const tree = withManifest({ ...chapterTree({ layout: 'v2' }), 'chapter.json': '{"title":"Own title"}' },
      { version: '2.1', chapter: { title: 'Manifest title', language: 'zh-Hans', sort_order: 4, required_experts: ['data_inspector'] } });
    const { content } = await resolver.resolve({ chapterId: 'ch1', sources: sourcesOf({ chapterBundle: await shop.write('bundle', tree) }) });

    expect([content.chapter.title, content.chapter.language, content.chapter.sort_order, content.chapter.declared_experts, content.bundle_version])
      .toEqual(['Own title', 'zh-Hans', 4, ['data_inspector'], '2.1']);
  });

  it('leaves a chapter usable when its consultation configuration is broken', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const findings = async (tree: Tree) => {
      const chapterBundle = await shop.write(`b${Object.keys(tree).join('')}`, { ...chapterTree(), ...tree });
      return codesOf((await resolver.resolve({ chapterId: 'ch1', sources: sourcesOf({ chapterBundle }) })).diagnostics);
    };

    expect(await findings({ 'consultation_config.yaml': 'a: 1\na: 2' })).toEqual(['manifest_missing', 'consultation_config_invalid']);
    expect(await findings({ 'consultation_guide.md': 'ask' })).toEqual(['manifest_missing', 'guide_without_config']);
  });
});

describe('agents, protocol and templates', () => {
  const agentsTree = (marker: string): Tree => ({
    'companion/principles.md': `${marker} companion`, 'companion/skills.md': 'old format', 'shared/interaction_protocol.md': `${marker} interaction`,
  });
  const TEMPLATE = '## 下一步\n[one idea]\n## 任务\n';

  it('takes each text from the chapter, then the bundle, then the environment, then the package', async () => {
    await using shop = await openWorkshop();
    const mainAgentsDir = await shop.write('env-agents', { ...agentsTree('environment'), 'memo/principles.md': 'environment memo', 'socratic_vs_direct.md': 'environment socratic' });
    const curriculumTemplatesDir = await shop.write('env-templates', { 'dynamic_report_template.md': TEMPLATE });
    const resolver = await shop.resolver({ mainAgentsDir, curriculumTemplatesDir });
    const chapterBundle = await shop.write('bundle', { ...chapterTree(), 'templates/final_learning_report_template.md': 'chapter final' });
    const appAgents = await shop.write('agents', prefixed('content/agents', agentsTree('bundle')));

    const { content, diagnostics } = await resolver.resolve({ chapterId: 'ch1', sources: sourcesOf({ chapterBundle, appAgents }) });

    expect(content.agents.companion).toEqual({ policy: { text: 'bundle companion', provenance: 'bundle' }, skills: null });
    expect(content.agents.memo.policy).toEqual({ text: 'environment memo', provenance: 'environment' });
    expect(content.agents.roadmap_manager.policy).toEqual({ text: 'packaged roadmap', provenance: 'packaged' });
    expect(content.protocol).toEqual({
      interaction_protocol: { text: 'bundle interaction', provenance: 'bundle' }, socratic_vs_direct: { text: 'environment socratic', provenance: 'environment' },
    });
    expect(Object.entries(content.templates).map(([name, { provenance }]) => [name, provenance])).toEqual([
      ['dynamic_report_template', 'environment'], ['student_error_summary_template', 'packaged'], ['final_learning_report_template', 'chapter'],
    ]);
    expect(codesOf(diagnostics).sort()).toEqual(['legacy_agent_skills_ignored', 'manifest_missing', 'manifest_missing']);
  });

  it('strips the front matter of packaged texts', async () => {
    await using shop = await openWorkshop();
    const { content } = await (await shop.resolver()).resolve({ chapterId: 'sample/ch1', sources: sourcesOf() });

    expect(content.agents.companion.policy).toEqual({ text: 'packaged companion', provenance: 'packaged' });
  });

  it('uses skills only where agents.json speaks the current interface', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const appAgents = await shop.write('agents', { ...agentsTree('bundle'), 'agents.json': '{"prompt_api": 1}' });
    const { content, diagnostics } = await resolver.resolve({ chapterId: 'sample/ch1', sources: sourcesOf({ appAgents }) });

    expect(content.agents.companion.skills).toEqual({ text: 'old format', provenance: 'bundle' });
    expect(codesOf(diagnostics)).toEqual(['manifest_missing']);
  });

  it.each(['', 'shared/', 'companion/', 'global/'])('finds a protocol file of the agents bundle in "%s"', async (folder) => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const appAgents = await shop.write('agents', { [`agents/${folder}socratic_vs_direct.md`]: 'found' });
    const { content } = await resolver.resolve({ chapterId: 'sample/ch1', sources: sourcesOf({ appAgents }) });

    expect(content.protocol.socratic_vs_direct).toEqual({ text: 'found', provenance: 'bundle' });
  });

  it('asks prompt sources after the agents bundle and before the environment', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver({ mainAgentsDir: await shop.write('env', { 'interaction_protocol.md': 'environment' }) });
    const root = await shop.write('sources', { 'x.md': 'from a source' });
    const promptSources = { interaction_protocol: [{ root, name: 'gone.md' }, { root, name: 'x.md' }], socratic_vs_direct: [] };

    const { content } = await resolver.resolve({ chapterId: 'sample/ch1', sources: sourcesOf({ promptSources }) });

    expect(content.protocol.interaction_protocol).toEqual({ text: 'from a source', provenance: 'bundle' });
  });

  it('prefers the chapter for protocol files, in prompts/ and in the root of v2', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const chapterBundle = await shop.write('bundle', {
      ...chapterTree({ layout: 'v2' }), 'prompts/interaction_protocol.md': 'beside', 'interaction_protocol.md': 'root', 'socratic_vs_direct.md': 'root',
    });
    const { content } = await resolver.resolve({ chapterId: 'ch1', sources: sourcesOf({ chapterBundle }) });

    expect(content.protocol).toEqual({ interaction_protocol: { text: 'beside', provenance: 'chapter' }, socratic_vs_direct: { text: 'root', provenance: 'chapter' } });
  });

  it.each(['templates', '_templates'])('finds templates in %s of a curriculum, after the templates folder', async (folder) => {
    await using shop = await openWorkshop();
    const curriculumDir = await shop.write('curriculum', { ...prefixed('c1/ch1', chapterTree()), [`${folder}/dynamic_report_template.md`]: TEMPLATE });
    const template = async (roots: { curriculumTemplatesDir?: string }) =>
      (await (await shop.resolver({ curriculumDir, ...roots })).resolve({ chapterId: 'c1/ch1', sources: sourcesOf() })).content.templates.dynamic_report_template.text;

    expect(await template({})).toBe(TEMPLATE);
    expect(await template({ curriculumTemplatesDir: await shop.write('t', { 'dynamic_report_template.md': '## Recent' }) })).toBe('## Recent');
  });

  it('replaces an unusable report template by the packaged one and says so', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver({ curriculumTemplatesDir: await shop.write('t', { 'dynamic_report_template.md': '# Nothing\n## Weather' }) });
    const { content, diagnostics } = await resolver.resolve({ chapterId: 'sample/ch1', sources: sourcesOf() });

    expect(content.templates.dynamic_report_template.provenance).toBe('packaged');
    expect(codesOf(diagnostics)).toEqual(['template_unusable']);
  });

  it('reports a text that even the package lacks', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver({ packagedPromptsDir: join(shop.dir, 'nowhere') });
    const { content, diagnostics } = await resolver.resolve({ chapterId: 'sample/ch1', sources: sourcesOf() });

    expect(content.agents.memo.policy).toEqual({ text: '', provenance: 'missing' });
    expect(diagnostics.filter(({ code, severity }) => code === 'text_missing' && severity === 'error')).toHaveLength(8);
  });
});

describe('unset roots', () => {
  it('takes blank and relative roots as unset, never as the current folder', async () => {
    await using shop = await openWorkshop();
    const before = process.cwd();
    process.chdir(await shop.write('cwd', { ...chapterTree({ marker: 'cwd' }), ...prefixed('ch9', chapterTree()), 'memo/principles.md': 'cwd memo' }));
    try {
      const resolver = await shop.resolver({ curriculumDir: ' ', mainAgentsDir: '', expertsDir: '.', curriculumTemplatesDir: '', tutorRoot: '', contentRoots: ['', '.'] });
      const checked = await resolver.checkSources({ bundle_paths: { chapter_bundle_path: '', app_agents_path: null, experts_shared_path: '  ' }, chapter_scope: null }, { hasToken: true });
      const { content } = await resolver.resolve({ chapterId: 'sample/ch1', sources: checked.trusted });

      expect(checked).toEqual({ trusted: sourcesOf(), refused: [], diagnostics: [] });
      expect([content.chapter.title, content.agents.memo.policy.provenance]).toEqual(['Chapter packaged', 'packaged']);
      await expect(resolver.resolve({ chapterId: 'ch9', sources: sourcesOf() })).rejects.toEqual(refusal('CHAPTER_NOT_FOUND'));
      const unpacked = await shop.resolver({ packagedDir: '.', packagedPromptsDir: '.' });
      await expect(unpacked.resolve({ chapterId: 'ch9', sources: sourcesOf() })).rejects.toEqual(refusal('CHAPTER_NOT_FOUND', /no content folder/));
    } finally {
      process.chdir(before);
    }
  });
});

describe('expert packages', () => {
  it('finds packages in the order of their roots and leaves junk out', async () => {
    await using shop = await openWorkshop();
    const own = await shop.write('own', { 'principles.md': 'x' });
    const shared = await shop.write('shared', { 'experts/helper/principles.md': 'x', 'experts/._helper': 'x', 'experts/_draft/principles.md': 'x', 'direct/principles.md': 'x', 'docs/x.md': 'x' });
    const resolver = await shop.resolver({ expertsDir: await shop.write('env', { 'helper/principles.md': 'x' }) });

    const { packages, diagnostics } = await resolver.findExperts(sourcesOf({ expertBundles: [{ expertId: 'a_b', root: own }], expertsShared: shared }));

    expect(packages.map(({ folderId, provenance }) => [folderId, provenance])).toEqual([
      [null, 'bundle'], ['helper', 'bundle'], ['direct', 'bundle'], ['helper', 'environment'],
    ]);
    expect(diagnostics.map(({ message }) => message)).toEqual(['expert bundle a_b: there is no bundle.manifest.json', 'shared experts bundle: there is no bundle.manifest.json']);
  });
});
