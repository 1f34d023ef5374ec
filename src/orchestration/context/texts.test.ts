import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rawTokens } from '../../models/index.ts';
import { CUT_MARK, clipText, type ClipSide } from './clip.ts';
import { splitParagraphs, splitSections } from './markdown-parts.ts';
import { taskBullets } from './task-bullets.ts';

it('clips to the limit and marks the cut', () => {
  const sides = fc.constantFrom<ClipSide>('tail', 'middle', 'head');
  fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), fc.integer({ min: 0, max: 60 }), sides, (text, limit, side) => {
    const clipped = clipText(text, limit, side);
    const fits = rawTokens(text) <= limit;
    expect(rawTokens(clipped)).toBeLessThanOrEqual(limit);
    expect(fits ? clipped === text : clipped === '' || clipped.includes(CUT_MARK)).toBe(true);
    expect(clipped.isWellFormed()).toBe(true);
  }));
});

it.each<[ClipSide, string]>([
  ['tail', `first paragraph\n\nsecond paragraph\n${CUT_MARK}`],
  ['head', `${CUT_MARK}\nsecond paragraph\n\nthird paragraph`],
])('cuts the %s at a paragraph border', (side, expected) => {
  expect(clipText('first paragraph\n\nsecond paragraph\n\nthird paragraph', 12, side)).toBe(expected);
});

it('splits at headings and paragraphs, not inside code', () => {
  const text = 'intro\n\n# A\n```\n# no heading\n\nno paragraph\n```\n\n## B\nb';

  expect(splitSections(text)).toEqual(['intro', '# A\n```\n# no heading\n\nno paragraph\n```', '## B\nb']);
  expect(splitParagraphs(text)).toEqual(['intro', '# A\n```\n# no heading\n\nno paragraph\n```', '## B\nb']);
});

it.each([
  ['nested items under an id bullet', '### Task 1: T\n- **read_it**: Read it [type: core]\n  - print it\n  - use `head`', ['print it', 'use `head`']],
  ['items under id lines', '### Task 1: T\n\n**Task ID:** `read_it`\n**Type:** Core\n\n- Load it\n1. Then count', ['Load it', 'Then count']],
  ['items in Chinese', '### 任务1：读表\n- **read_it** [类型: core]\n  - 打印前三行', ['打印前三行']],
  ['no items of a code block', '- **read_it**: r\n```\n- not this\n```\n- this', ['this']],
  ['nothing', 'text only', []],
])('finds %s', (_title, body, expected) => {
  expect(taskBullets({ id: 'read_it', body })).toEqual(expected);
});
