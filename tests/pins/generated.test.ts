import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { generatedFiles } from '../../scripts/generated-files.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (name: string): string => (existsSync(join(root, name)) ? readFileSync(join(root, name), 'utf8') : '');

it('has every generated file as the code generates it, and no other contract file', () => {
  const files = generatedFiles(read);

  expect([...files].filter(([name, text]) => read(name) !== text).map(([name]) => name)).toEqual([]);
  expect(readdirSync(join(root, 'contracts')).filter((name) => !files.has(`contracts/${name}`))).toEqual([]);
});
