import { describe, expect, it } from 'vitest';
import { cpuMs } from '../../tests/support/cpu-time.ts';
import { readYamlData, splitFrontMatter } from './yaml-data.ts';

describe('readYamlData', () => {
  it('reads plain data with the core schema', () => {
    expect(readYamlData('a: [1, yes, "x"]\nd: 2026-01-01\n<<: {b: 1}')).toEqual({ kind: 'data', value: { a: [1, 'yes', 'x'], d: '2026-01-01', '<<': { b: 1 } } });
  });

  it.each([
    ['repeated keys', 'a: 1\na: 2'],
    ['repeated keys deep inside', 'a: [{b: 1, "b": 2}]'],
    ['aliases', 'a: &x 1\nb: *x'],
    ['an alias of an empty list', 'a: &x []\nb: *x'],
    ['an alias bomb', `a: &a [x]\n${'bcdefghij'.split('').map((name, index) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefghij'.charAt(index)}`).join(',')}]`).join('\n')}`],
    ['unknown tags', 'a: !!js/function "function () {}"'],
    ['broken syntax', 'a: [1'],
    ['endless nesting', '['.repeat(100_000)],
  ])('refuses %s', (_title, text) => {
    expect(readYamlData(text)).toEqual({ kind: 'invalid', reason: expect.any(String) });
  });
});

it('reads very many keys in bounded time', () => {
  const text = Array.from({ length: 30_000 }, (_value, index) => `k${index}: 1`).join('\n').slice(0, 256 * 1024);

  const before = cpuMs();
  readYamlData(text);

  expect(cpuMs() - before).toBeLessThan(10_000);
});

describe('splitFrontMatter', () => {
  it.each([
    ['a mapping', '---\nid: x\n---\n\nbody', { attributes: { id: 'x' }, body: 'body' }],
    ['no block', 'body\n---\nmore', { attributes: {}, body: 'body\n---\nmore' }],
    ['one that names a script engine', '---js\n{ a: process.exit(1) }\n---\nbody', { attributes: {}, body: '---js\n{ a: process.exit(1) }\n---\nbody' }],
    ['a rule that only looks like one', '---\njust text\n---\nbody', { attributes: {}, body: '---\njust text\n---\nbody' }],
  ])('treats %s as data', (_title, text, expected) => {
    expect(splitFrontMatter(text)).toEqual(expected);
  });
});
