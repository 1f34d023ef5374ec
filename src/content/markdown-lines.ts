/** Longer lines are text, never structure: matching them costs time and no author writes such a heading. */
const MAX_STRUCTURE_CHARS = 2000;

/** A line as structure sees it: code and comments are blank in `text`, the raw line is kept in `raw`. */
export interface MarkdownLine {
  raw: string;
  text: string;
  heading: { level: number; text: string } | null;
}

interface Fence { marker: string; length: number }

/** UTF-8 text as one form: no BOM, LF only. */
export function normaliseText(text: string): string {
  return (text.startsWith('\uFEFF') ? text.slice(1) : text).replaceAll('\r\n', '\n').replaceAll('\r', '\n');
}

/** Splits a text into lines and blanks fenced code and HTML comments in their structural view. */
export function readMarkdownLines(text: string): MarkdownLine[] {
  let fence: Fence | null = null;
  let inComment = false;
  return text.split('\n').map((raw) => {
    if (fence !== null) {
      if (closesFence(raw, fence)) fence = null;
      return { raw, text: '', heading: null };
    }
    const opened: Fence | null = inComment ? null : openFence(raw);
    if (opened !== null) {
      fence = opened;
      return { raw, text: '', heading: null };
    }
    const visible = stripComments(raw, inComment);
    inComment = visible.inComment;
    const structural = visible.text.length > MAX_STRUCTURE_CHARS ? '' : visible.text.trimEnd();
    return { raw, text: structural, heading: readHeading(structural) };
  });
}

function openFence(line: string): Fence | null {
  const match = /^\s*(?:[-*+]\s+)?(`{3,}|~{3,})([^\n]*)$/.exec(line.slice(0, MAX_STRUCTURE_CHARS));
  const marker = match?.[1];
  if (marker === undefined) return null;
  // A back-quote after the opening run makes it inline code, not a fence.
  if (marker.startsWith('`') && match?.[2]?.includes('`') === true) return null;
  return { marker: marker.charAt(0), length: marker.length };
}

function closesFence(line: string, fence: Fence): boolean {
  const trimmed = line.trim();
  return trimmed.length >= fence.length && trimmed === fence.marker.repeat(trimmed.length);
}

function stripComments(line: string, startsInside: boolean): { text: string; inComment: boolean } {
  let rest = line;
  let visible = '';
  let inside = startsInside;
  while (rest !== '') {
    const at = inside ? rest.indexOf('-->') : commentStart(rest);
    if (at < 0) return { text: inside ? visible : visible + rest, inComment: inside };
    if (!inside) visible += rest.slice(0, at);
    rest = rest.slice(at + (inside ? 3 : 4));
    inside = !inside;
  }
  return { text: visible, inComment: inside };
}

/** Where a comment opens outside inline code, or -1. */
function commentStart(line: string): number {
  let at = line.indexOf('<!--');
  while (at >= 0) {
    const quotesBefore = line.slice(0, at).split('`').length - 1;
    if (quotesBefore % 2 === 0 || !line.includes('`', at)) return at;
    at = line.indexOf('<!--', at + 4);
  }
  return -1;
}

function readHeading(line: string): MarkdownLine['heading'] {
  const match = /^ {0,3}(#{1,6})(?:[ \t]|$)/.exec(line);
  const marks = match?.[1];
  if (match === null || marks === undefined) return null;
  const text = line.slice(match[0].length).trim();
  const closing = text.lastIndexOf(' ');
  const isClosed = closing >= 0 && /^#+$/.test(text.slice(closing + 1));
  return { level: marks.length, text: isClosed ? text.slice(0, closing).trimEnd() : text };
}
