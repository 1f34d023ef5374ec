import { describe, expect, it } from 'vitest';
import { firstTitle, leadParagraph, paragraphAfter, toPlainText } from './markdown-summary.ts';

describe('summaries of Markdown', () => {
  it('finds the title and the paragraph of a section as plain text', () => {
    const text = '# **My** `chapter`\n\n## Other\n\nno\n\n## 章节概述\n\n---\n\n本章 **引导** 你\n学习 [pandas](https://x.example)。\n\nsecond';

    expect([firstTitle(text), paragraphAfter(text, /概述/), leadParagraph(text)]).toEqual(['My chapter', '本章 引导 你 学习 pandas。', 'no']);
  });

  it('ends a section without paragraph at the next heading', () => {
    expect(paragraphAfter('## Overview\n### Deeper\ntext', /overview/i)).toBeNull();
  });

  it('keeps at most 300 characters and drops tags and images', () => {
    expect(toPlainText(`<b>x</b> ![alt](u) *y* 2 * 3 ${'字'.repeat(400)}`)).toBe(`x alt y 2 * 3 ${'字'.repeat(286)}`);
  });
});
