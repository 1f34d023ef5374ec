import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const dist = join(import.meta.dirname, '..', '..', 'dist');

it.each([
  ['client', 'createSidecarClient', /from\s*["']node:/],
  ['supervisor', 'createSupervisor', /node:sqlite/],
])('publishes the %s as one ES2022 file without what the desktop lacks', async (name, factory, forbidden) => {
  const file = join(dist, name, 'index.mjs');
  const text = readFileSync(file, 'utf8');
  const library = await import(file) as Record<string, unknown>;

  expect(typeof library[factory]).toBe('function');
  expect(text).not.toMatch(forbidden);
  expect(text).not.toMatch(/await using |using \w+ =|AbortSignal\.any/);
});
