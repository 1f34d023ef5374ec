import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const PROMPTS = fileURLToPath(new URL('../../prompts', import.meta.url));
const TABLE = fileURLToPath(new URL('prompts.versions.json', import.meta.url));

interface Pinned { version: number; sha256: string }

const pinned = JSON.parse(readFileSync(TABLE, 'utf8')) as Record<string, Pinned>;
const files = readdirSync(PROMPTS, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md')).map((name) => name.split(sep).join('/')).sort();

function read(name: string): Pinned {
  const text = readFileSync(join(PROMPTS, name), 'utf8').replaceAll('\r\n', '\n');
  const version = /^---\n[\s\S]*?^version: (\d+)$[\s\S]*?\n---\n/m.exec(text)?.[1];
  return { version: Number(version), sha256: createHash('sha256').update(text).digest('hex') };
}

it('pins every prompt and packaged text', () => {
  expect(Object.keys(pinned).sort()).toEqual(files);
});

it.each(files)('%s has a new version when its text is new', (name) => {
  const known = pinned[name];
  const found = read(name);

  const advice = found.version > (known?.version ?? 0) ? 'new version: update prompts.versions.json' : 'changed text: raise the version in the front matter';

  expect({ ...found, advice: found.sha256 === known?.sha256 ? 'none' : advice }).toEqual({ ...known, advice: 'none' });
});
