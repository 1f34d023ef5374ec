import { expect, it } from 'vitest';
import { stripTerminal } from './execution-log.ts';

it.each([
  ['colours', '\u001b[31mred\u001b[0m', 'red'],
  ['a title, ended by BEL', '\u001b]0;title\u0007text', 'text'],
  ['a link, ended by ST', '\u001b]8;;http://x\u001b\\name\u001b]8;;\u001b\\', 'name'],
  ['cursor moves', 'a\u001b[2J\u001b[Hb', 'ab'],
  ['control characters but for line ends and tabs', 'a\u0000\u0008\tb\r\nc\u007f', 'a\tb\r\nc'],
  ['plain text', '中文 [31m 😀', '中文 [31m 😀'],
])('takes %s out of a text', (_title, text, clean) => {
  expect(stripTerminal(text)).toBe(clean);
});
