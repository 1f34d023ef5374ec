import { describe, expect, it } from 'vitest';
import { formatChapterId, readChapterId } from './chapter-id.ts';

describe('readChapterId', () => {
  it.each([
    ['ch1', undefined, 'ch1'],
    ['course/ch1', undefined, 'course/ch1'],
    ['数据_分析/第1章', undefined, '数据_分析/第1章'],
    ['7c9e6679-7425-40de-944b-e07fc1f90ae7', undefined, '7c9e6679-7425-40de-944b-e07fc1f90ae7'],
    ['ch.1', 'c/ch.1', 'c/ch.1'],
    ['ch1', 'ch1', 'ch1'],
    ['ch1', 'c/other', 'ch1'],
    ['ch1', 'a/b/ch1', 'ch1'],
    ['ch1', null, 'ch1'],
    ['own/ch1', 'c/ch1', 'own/ch1'],
    ['a'.repeat(128), undefined, 'a'.repeat(128)],
  ])('reads %s with scope %s', (id, scope, expected) => {
    expect(formatChapterId(readChapterId(id, scope))).toBe(expected);
  });

  it.each([
    '', ' ', '..', '.', '../x', 'c/..', 'c/.', 'c/', '/c', '//c', 'a//b', 'a/b/c', 'c\\d', 'c/x.', 'C:\\x', '/etc/passwd', '%2e%2e', '..%2fx', 'a b', 'a\0b',
    'a\nb', 'con', 'c/NUL.txt', 'COM1', '\u202eabc', 'x'.repeat(129), 'x'.repeat(300), '~', '$HOME', 'a:b',
  ])('refuses %j', (id) => {
    expect(() => readChapterId(id)).toThrow(expect.objectContaining({ code: 'CHAPTER_ID_INVALID', message: expect.stringMatching(/^invalid chapter_id/) }));
  });

  it('refuses a scope that names the chapter with an impossible course', () => {
    expect(() => readChapterId('ch1', '../ch1')).toThrow(expect.objectContaining({ code: 'CHAPTER_ID_INVALID' }));
  });
});
