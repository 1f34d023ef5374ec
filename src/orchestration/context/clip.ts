import { rawTokens } from '../../models/index.ts';

/** Stands where something was cut. */
export const CUT_MARK = '[…]';

/** Which end of a text survives a cut. */
export type ClipSide = 'tail' | 'middle' | 'head';

/**
 * Cuts a text to at most `limit` raw tokens, at a paragraph, line or word border near the cut, and marks the cut. `tail` loses its end,
 * `head` its beginning, `middle` its middle. Empty when not even the mark fits.
 */
export function clipText(text: string, limit: number, side: ClipSide): string {
  if (rawTokens(text) <= limit) return text;
  const room = limit - rawTokens(`\n${CUT_MARK}\n`);
  if (room <= 0) return '';
  if (side === 'tail') return joined(keepStart(text, room), '');
  if (side === 'head') return joined('', keepEnd(text, room));
  const start = keepStart(text, room * 0.6);
  return joined(start, keepEnd(text, room - rawTokens(start)));
}

function joined(start: string, end: string): string {
  return [start, CUT_MARK, end].filter((part) => part !== '').join('\n');
}

/** The longest beginning within `room`, drawn back to a border unless that loses more than a third. */
function keepStart(text: string, room: number): string {
  const whole = fitting([...text], room).join('');
  const least = whole.length * (2 / 3);
  const border = [...['\n\n', '\n'].map((mark) => whole.lastIndexOf(mark)), lastSpace(whole)].find((at) => at >= least);
  return whole.slice(0, border ?? whole.length).trimEnd();
}

function keepEnd(text: string, room: number): string {
  const whole = fitting([...text].reverse(), room).reverse().join('');
  const most = whole.length / 3;
  const border = ['\n\n', '\n', ' '].map((mark) => whole.indexOf(mark)).find((at) => at >= 0 && at <= most);
  return whole.slice(border ?? 0).trimStart();
}

function lastSpace(text: string): number {
  return text.lastIndexOf(' ');
}

function fitting(characters: readonly string[], room: number): string[] {
  let used = 0;
  let count = 0;
  for (const character of characters) {
    used += rawTokens(character);
    if (used > room) break;
    count += 1;
  }
  return characters.slice(0, count);
}
