import { expect, it } from 'vitest';
import { readSkipReason } from './skip-reason.ts';

it.each([
  ['', {}],
  ['  ', {}],
  ['太难了', { reason: '太难了' }],
  ['too hard', { reason: '太难了' }],
  ['Not interested', { reason: '不感兴趣' }],
  ['known', { reason: '已掌握' }],
  ['too wordy', { reason: '太啰嗦' }],
  ['other my screen is too small', { reason: '其他', reason_text: 'my screen is too small' }],
  ['其他：没有时间', { reason: '其他', reason_text: '没有时间' }],
  ['other', { reason: '其他', reason_text: '' }],
  ['otherwise', null],
  ['because', null],
])('reads /skip %j', (text, expected) => {
  expect(readSkipReason(text)).toEqual(expected);
});
