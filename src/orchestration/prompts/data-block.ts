import { clipCodePoints } from '../../contracts/index.ts';

/** Whatever a section's own cap allows, no data block is longer than this. */
const MAX_BLOCK_CHARS = 60_000;
/** A protocol marker at the start of a line, also behind blanks and invisible characters. */
const MARKER_LINE = /^([\t \u00a0\u1680\u2000-\u200f\u202f\u205f\u2060\u3000\ufeff]*)([@＠]{2})/gm;
const LINE_BREAKS = /\r\n?|[\u0085\u2028\u2029\v\f]/g;

/** Makes protocol markers inside foreign text readable as text: a line that starts with `@@` gets a backslash in front. */
export function escapeMarkers(text: string): string {
  return text.replace(LINE_BREAKS, '\n').replace(MARKER_LINE, (_match, lead: string, marker: string) => `${lead}\\${marker}`);
}

/** Foreign text between delimiters that carry the id of the call, so that no text can close its own block. */
export function wrapData(text: string, block: { boundary: string; origin: string }): string {
  const safe = escapeMarkers(clipCodePoints(text, MAX_BLOCK_CHARS)).replaceAll(block.boundary, '…');
  return `<<<data ${block.boundary} | ${block.origin}>>>\n${safe}\n<<<end ${block.boundary}>>>`;
}

/** A name from outside on one line, quoted and clipped. */
export function quoteName(name: string, limit = 80): string {
  const clipped = clipCodePoints(name.replace(/\s+/g, ' '), limit);
  return JSON.stringify(clipped.length < name.replace(/\s+/g, ' ').length ? `${clipped}…` : clipped);
}
