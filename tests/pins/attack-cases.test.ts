import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(root, 'docs', 'attack-cases.md'), 'utf8');

/** Rows of the page: an id and the tests that it names, by file and title. */
const rows = [...page.matchAll(/^\| ([SHD]\d+) \| .* \| (.+) \|$/gm)].map(([, id = '', tests = '']) => ({
  id, tests: tests.split('<br>').map((test) => /^`([^`]+)`: (.+)$/.exec(test)?.slice(1) ?? [test]),
}));
const ids = (letter: string, last: number): string[] =>
  Array.from({ length: last }, (_value, index) => `${letter}${letter === 'S' ? String(index + 1).padStart(2, '0') : index + 1}`);

describe('the page of attack cases', () => {
  it('has each row once, or says that nothing shows it', () => {
    const told = /^Not shown, because .+?: ([S\d, ]+)\(/m.exec(page)?.[1]?.trim().split(', ') ?? [];

    expect([...rows.map(({ id }) => id), ...told].toSorted()).toEqual([...ids('S', 84), ...ids('H', 20), ...ids('D', 8)].toSorted());
  });

  it('names tests that exist', () => {
    const missing = rows.flatMap(({ id, tests }) => tests.filter(([file = '', title]) =>
      title === undefined || !existsSync(join(root, file)) || !hasTitle(readFileSync(join(root, file), 'utf8'), title)).map((test) => [id, ...test]));

    expect(missing).toEqual([]);
  });
});

/** A title stands in quotes; a quote in it is escaped there. */
function hasTitle(source: string, title: string): boolean {
  const plain = title.replaceAll('\\|', '|');
  return source.includes(plain) || source.includes(plain.replaceAll("'", "\\'"));
}
