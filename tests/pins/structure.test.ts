import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { expect, it } from 'vitest';

const source = join(import.meta.dirname, '..', '..', 'src');

/** From the lowest layer to the highest; a file may import its own layer's folder and lower ones. */
const LAYERS = [
  ['contracts'], ['config'], ['store', 'models', 'content', 'execution/guard'], ['execution/worker'],
  ['execution/expert-runner', 'execution/user-runner', 'execution/notebook'], ['experts'], ['orchestration'], ['sessions'], ['sync'],
  ['api'], ['cli'], ['main'],
];
const NARROW: Record<string, readonly string[]> = {
  client: ['contracts'], supervisor: ['client', 'contracts'], bundles: ['contracts', 'config'],
};

interface Import { file: string; target: string; specifier: string }

const allFiles = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts')).map((name) => join(source, name));

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => ({ file, specifier: match[1]!, target: match[1]! }));
}

function folderOf(path: string): string {
  const parts = relative(source, path).split(sep);
  if (parts.length === 1) return parts[0]!.replace(/\.ts$/, '');
  return parts[0] === 'execution' ? `${parts[0]}/${parts[1]}` : parts[0]!;
}

const isTest = (file: string): boolean => /\.test(-support)?\.ts$/.test(file);
const productFiles = allFiles.filter((file) => !isTest(file));
const relativeImports = productFiles.flatMap(importsOf).filter(({ specifier }) => specifier.startsWith('.'))
  .map((found) => ({ ...found, target: join(dirname(found.file), found.specifier) }));

const show = ({ file, specifier }: Import): string => `${relative(source, file)} → ${specifier}`;

function isAllowed(from: string, to: string): boolean {
  if (from === to) return true;
  const narrow = NARROW[from];
  if (narrow !== undefined) return narrow.includes(to);
  const layerOf = (folder: string): number => LAYERS.findIndex((layer) => layer.includes(folder));
  const below = layerOf(to) >= 0 && layerOf(to) < layerOf(from);
  return below || (from === 'cli' && ['client', 'supervisor', 'bundles'].includes(to)) || (from === 'main' && to === 'bundles');
}

it('resolves every relative import to a file', () => {
  expect(relativeImports.filter(({ target }) => !existsSync(target)).map(show)).toEqual([]);
});

it('imports only from lower layers', () => {
  const upward = relativeImports.filter(({ file, target }) => !isAllowed(folderOf(file), folderOf(target)));

  expect(upward.map(show)).toEqual([]);
});

it('enters another folder only through its index', () => {
  const sneaked = relativeImports.filter(({ file, target }) => folderOf(file) !== folderOf(target) && !target.endsWith(`${sep}index.ts`));

  expect(sneaked.map(show)).toEqual([]);
});

it.each([
  ['Node built-ins', /^node:/, (file: string) => !/^(contracts|client)\//.test(file)],
  ['fastify', /^@?fastify/, (file: string) => /^(api|bundles)\//.test(file)],
  ['the AI SDK', /^(ai|@ai-sdk\/.*)$/, (file: string) => file.startsWith('models/adapters/')],
])('keeps %s to its folders', (_title, pattern, isHome) => {
  const strays = productFiles.flatMap(importsOf).filter(({ file, specifier }) =>
    pattern.test(specifier) && !isHome(relative(source, file).split(sep).join('/')));

  expect(strays.map(show)).toEqual([]);
});

it('has no re-export of everything and no default export', () => {
  const loose = productFiles.filter((file) => /^export (\*|default)/m.test(readFileSync(file, 'utf8')));

  expect(loose.map((file) => relative(source, file))).toEqual([]);
});

it('lists each direct runtime dependency, at most 20, in docs/dependencies.md', () => {
  const root = join(source, '..');
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  const page = readFileSync(join(root, 'docs', 'dependencies.md'), 'utf8');

  expect(Object.keys(dependencies).length).toBeLessThanOrEqual(20);
  expect(Object.keys(dependencies).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  expect(Object.values(dependencies).filter((version) => !/^\d/.test(version))).toEqual([]);
});
