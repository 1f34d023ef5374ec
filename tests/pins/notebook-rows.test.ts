import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const range = (letter: string, from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, index) => `${letter}${String(from + index).padStart(2, '0')}`);
/** Conformance of kernels, and the attack and behaviour cases that say something of notebooks. */
const ROWS = [
  ...range('K', 1, 40), 'E01', 'E03', 'E05', 'E10', 'E12', 'E16', 'E17', 'E23', 'E25', 'E26', 'E32', 'E44', 'E55', 'E62', ...range('E', 68, 76),
];

function notebookTests(): string[] {
  const faults = readdirSync(join(ROOT, 'tests', 'faults')).filter((name) => name.startsWith('notebook-')).map((name) => join(ROOT, 'tests', 'faults', name));
  const units = readdirSync(join(ROOT, 'src', 'execution', 'notebook'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts')).map((name) => join(ROOT, 'src', 'execution', 'notebook', name));
  return [...faults, ...units];
}

it('has a test of notebooks that names each of their cases', () => {
  const titles = notebookTests().map((file) => readFileSync(file, 'utf8')).join('\n').matchAll(/['"`][^'"`\n]*\(((?:[EK]\d\d(?:, )?)+)\)/g);
  const named = new Set([...titles].flatMap(([, list = '']) => list.split(', ')));

  expect(ROWS.filter((row) => !named.has(row))).toEqual([]);
});
