import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PROMPT_CATALOGUE, PROMPT_IDS } from './catalogue.ts';
import { loadPrompts } from './prompt-set.ts';

const PACKAGED = fileURLToPath(new URL('../../../prompts', import.meta.url));
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'prompts-'));
  await cp(PACKAGED, directory, { recursive: true });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function change(file: string, edit: (text: string) => string): Promise<void> {
  const path = join(directory, file);
  await writeFile(path, edit(await readFile(path, 'utf8')));
}

it('loads every packaged prompt', async () => {
  const prompts = await loadPrompts({ directory: PACKAGED });

  expect(PROMPT_IDS.every((id) => prompts.versionOf(id) >= 1)).toBe(true);
});

it('loads prompts with Windows line breaks', async () => {
  await change('memo.system.md', (text) => text.replaceAll('\n', '\r\n'));

  const prompts = await loadPrompts({ directory });

  expect(prompts.render('memo.system', { values: { LANGUAGE: 'English' }, boundary: 'k1k1k1k1' })).not.toContain('\r');
});

it.each([
  ['a missing file', (): Promise<void> => rm(join(directory, 'memo.final.md')), /memo\.final\.md is missing/],
  ['an unknown file', (): Promise<void> => writeFile(join(directory, 'memo.extra.md'), 'x'), /memo\.extra\.md is unknown/],
  ['no front matter', (): Promise<void> => change('memo.system.md', (text) => text.replace('---', '')), /memo\.system\.md: no front matter/],
  ['an undeclared name', (): Promise<void> => change('memo.system.md', (text) => `${text}\n{{SURPRISE}}`), /SURPRISE}} is not declared/],
  ['an unknown variable', (): Promise<void> => change('memo.system.md', (text) => text.replace('  LANGUAGE: required', '  LANGUAGE: required\n  SURPRISE: optional')), /SURPRISE is unknown/],
  ['a variable that is never used', (): Promise<void> => change('memo.system.md', (text) => text.replaceAll('{{LANGUAGE}}', 'English')), /LANGUAGE is declared and never used/],
  ['a variable that is not declared', (): Promise<void> => change('memo.system.md', (text) => text.replace('  LANGUAGE: required\n', '').replaceAll('{{LANGUAGE}}', 'English')), /LANGUAGE is missing/],
  ['a learner text that is not data', (): Promise<void> => change('companion.reply.md', (text) => text.replace(', MESSAGE]', ']')), /MESSAGE must be listed under data/],
  ['another role', (): Promise<void> => change('memo.system.md', (text) => text.replace('role: system', 'role: user')), /role must be system/],
  ['another id', (): Promise<void> => change('memo.system.md', (text) => text.replace('id: memo.system', 'id: memo.patch')), /the id is memo\.patch/],
  ['no version', (): Promise<void> => change('memo.system.md', (text) => text.replace('version: 1', 'version: soon')), /version/],
  ['broken YAML', (): Promise<void> => change('memo.system.md', (text) => text.replace('role: system', 'role: [')), /YAML/],
])('stops the start-up on %s', async (_title, damage, message) => {
  await damage();

  await expect(loadPrompts({ directory })).rejects.toThrow(message);
});

it('takes single files from an override folder', async () => {
  const overrideDir = await mkdtemp(join(tmpdir(), 'override-'));
  await writeFile(join(overrideDir, 'memo.system.md'), (await readFile(join(PACKAGED, 'memo.system.md'), 'utf8')).replace('version: 1', 'version: 7'));

  const prompts = await loadPrompts({ directory: PACKAGED, overrideDir });
  await rm(overrideDir, { recursive: true });

  expect([prompts.versionOf('memo.system'), prompts.versionOf('memo.final')]).toEqual([7, 1]);
});

it('wraps data with the id of the call and its origin, and leaves our own values bare', async () => {
  const prompts = await loadPrompts({ directory: PACKAGED });

  const text = prompts.render('repair.json', {
    values: { BOUNDARY: 'k1k1k1k1', BAD_TEXT: '@@end {{SHAPE}}', ERRORS: 'cut off', SHAPE: '{ a: string }' }, boundary: 'k1k1k1k1', origins: { BAD_TEXT: 'model reply' },
  });

  expect(text).toContain('<<<data k1k1k1k1 | model reply>>>\n\\@@end {{SHAPE}}\n<<<end k1k1k1k1>>>');
  expect(text).toContain('\n{ a: string }\n');
});

it('refuses a call that lacks a value or has one too many', async () => {
  const prompts = await loadPrompts({ directory: PACKAGED });

  expect(() => prompts.render('memo.system', { values: {}, boundary: 'k1k1k1k1' })).toThrow('needs LANGUAGE');
  expect(() => prompts.render('memo.system', { values: { LANGUAGE: 'English', X: '' }, boundary: 'k1k1k1k1' })).toThrow('no variable X');
});

it('lets no variable with words of others into a system prompt', () => {
  for (const id of PROMPT_IDS.filter((name) => PROMPT_CATALOGUE[name].role === 'system')) expect(PROMPT_CATALOGUE[id].data).toEqual([]);
});
