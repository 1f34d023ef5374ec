import { clipCodePoints } from '../contracts/index.ts';
import { readMarkdownLines } from './markdown-lines.ts';

const MAX_DESCRIPTION_CHARS = 300;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;

/** The first level-1 heading of a text as plain text, or null. */
export function firstTitle(text: string): string | null {
  const heading = readMarkdownLines(text).find((line) => line.heading?.level === 1 && line.heading.text !== '');
  return heading?.heading == null ? null : toPlainText(heading.heading.text);
}

/** The first paragraph below the first heading that fits, or null. */
export function paragraphAfter(text: string, heading: RegExp): string | null {
  const lines = readMarkdownLines(text);
  const start = lines.findIndex((line) => line.heading !== null && heading.test(line.heading.text));
  return start < 0 ? null : firstParagraph(lines.slice(start + 1).map((line) => (line.heading === null ? line.text : null)));
}

/** The first paragraph of a text, whatever stands above it, or null. */
export function leadParagraph(text: string): string | null {
  const lines = readMarkdownLines(text).filter((line) => line.heading === null);
  return firstParagraph(lines.map((line) => line.text));
}

/** Markdown as one line of plain text, at most 300 characters. */
export function toPlainText(markdown: string): string {
  const plain = markdown
    .replace(/<[^<>]{1,200}>/g, '')
    .replace(/!?\[([^[\]]{0,300})\]\([^()]{0,300}\)/g, '$1')
    .replace(/\*\*|__|~~|`/g, '')
    .replace(/(^|[\s（(“"])\*([^*\s][^*]{0,200})\*/g, '$1$2')
    .replace(/\s+/g, ' ');
  return clipCodePoints(plain.trim(), MAX_DESCRIPTION_CHARS).trim();
}

/** `null` marks the next heading, where a section without a paragraph ends. */
function firstParagraph(lines: readonly (string | null)[]): string | null {
  const paragraph: string[] = [];
  for (const line of lines) {
    if (line === null) break;
    const isSpace = line.trim() === '' || (line.length < 200 && RULE.test(line));
    if (isSpace && paragraph.length > 0) break;
    if (!isSpace) paragraph.push(line.trim().replace(/^(?:[-*+>]|\d{1,9}[.)])\s+/, ''));
  }
  return paragraph.length === 0 ? null : toPlainText(paragraph.join(' '));
}
