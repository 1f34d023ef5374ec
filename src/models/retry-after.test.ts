import { expect, it } from 'vitest';
import { readRetryAfterMs } from './retry-after.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');

it.each([
  ['nothing', {}, null],
  ['seconds', { 'retry-after': '7' }, 7000],
  ['parts of a second', { 'retry-after': '0.25' }, 250],
  ['milliseconds, which are finer', { 'retry-after': '7', 'retry-after-ms': '1500' }, 1500],
  ['a date', { 'retry-after': 'Sun, 01 Mar 2026 12:00:09 GMT' }, 9000],
  ['a date in the past', { 'retry-after': 'Sun, 01 Mar 2026 11:00:00 GMT' }, 0],
  ['words', { 'retry-after': 'soon' }, null],
  ['a negative number', { 'retry-after-ms': '-5' }, null],
])('reads %s', (_title, headers, expected) => {
  expect(readRetryAfterMs(headers as Record<string, string>, NOW)).toBe(expected);
});
