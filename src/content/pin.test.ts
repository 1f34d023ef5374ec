import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { chapterTree, openWorkshop, prefixed, sourcesOf, withManifest } from './content-fixtures.ts';
import { collectPin, restoreFromPin } from './pin.ts';

const RICH = { ...chapterTree({ layout: 'v2' }), 'prompts/consultation_config.yaml': 'version: "1.0"', 'prompts/consultation_guide.md': 'ask', 'chapter.json': '{"available_experts":["a_b"]}' };

describe('a content pin', () => {
  it('gives back the whole content after the bundle is gone', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const chapterBundle = await shop.write('bundle', withManifest(RICH, { version: '3.1' }));
    const appAgents = await shop.write('agents', { 'memo/principles.md': 'm', 'memo/skills.md': 's', 'agents.json': '{"prompt_api":1}' });
    const { content } = await resolver.resolve({ chapterId: 'ch1', sources: sourcesOf({ chapterBundle, appAgents }) });
    const pin = collectPin(content);
    await rm(chapterBundle, { recursive: true });
    await rm(appAgents, { recursive: true });

    expect(restoreFromPin(JSON.parse(JSON.stringify(pin)))).toEqual(content);
  });

  it('has one hash for the same texts wherever they lie, and another for any other text', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver({ curriculumDir: await shop.write('curriculum', prefixed('ch1', RICH)) });
    const hashOf = async (chapterBundle: string | null) => collectPin((await resolver.resolve({ chapterId: 'ch1', sources: sourcesOf({ chapterBundle }) })).content).content_hash;

    const inBundle = await hashOf(await shop.write('one', withManifest(RICH, { version: '1' })));
    const newerVersion = await hashOf(await shop.write('two', withManifest(RICH, { version: '2' })));
    const changed = await hashOf(await shop.write('three', { ...RICH, 'prompts/consultation_guide.md': 'ask twice' }));

    expect(inBundle).toMatch(/^[0-9a-f]{64}$/);
    expect([newerVersion, await hashOf(null)]).toEqual([inBundle, inBundle]);
    expect(changed).not.toBe(inBundle);
  });

  it('refuses a pin with a text that is gone or changed', async () => {
    await using shop = await openWorkshop();
    const { content } = await (await shop.resolver()).resolve({ chapterId: 'sample/ch1', sources: sourcesOf() });
    const pin = collectPin(content);
    const list = pin.texts['task_list']!;

    expect(() => restoreFromPin({ ...pin, texts: { ...pin.texts, task_list: { ...list, text: `${list.text} ` } } })).toThrow('lacks task_list');
    expect(() => restoreFromPin({ ...pin, texts: {} })).toThrow('lacks facts');
  });
});
