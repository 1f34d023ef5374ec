import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TrailerCutter } from './trailer.ts';

const SECRET = 'c2VjcmV0LXNlY3JldA';
const facts = {
  reason: 'error', error: { type: 'ValueError', message: 'no', line: 3 }, exit_code: 1, cpu_ms: 5, peak_bytes: null,
  figures: { saved: 0, left_out: 0, missing_glyphs: 0 }, hints: ['no_input', 'unheard_of'],
};
const trailerText = (value: unknown, secret = SECRET): string => `\n\u001e${secret}${JSON.stringify(value)}\n`;

function cut(text: string, sizes: readonly number[]): { text: string; trailer: unknown } {
  const cutter = new TrailerCutter(SECRET);
  const bytes = Buffer.from(text);
  const shown: Buffer[] = [];
  for (let at = 0, index = 0; at < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    shown.push(cutter.push(bytes.subarray(at, at + size)));
    at += size;
  }
  const { rest, trailer } = cutter.end();
  return { text: Buffer.concat([...shown, rest]).toString(), trailer };
}

const anySizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 4 });

it('cuts the trailer off and keeps every other byte, at any chunk border', () => {
  fc.assert(fc.property(fc.string({ maxLength: 200 }), fc.string({ maxLength: 50 }), anySizes, (before, after, sizes) => {
    const found = cut(before + trailerText(facts) + after, sizes);

    expect(found.text).toBe(before + after);
    expect(found.trailer).toEqual({ ...facts, hints: ['no_input'] });
  }));
});

it('lets text without the secret pass, however much it looks like a trailer', () => {
  fc.assert(fc.property(fc.string({ maxLength: 100 }), anySizes, (text, sizes) => {
    const all = `${text}${trailerText(facts, 'another-secret')}\n\u001e`;

    expect(cut(all, sizes)).toEqual({ text: all, trailer: null });
  }));
});

it.each([
  ['no JSON', `\n\u001e${SECRET}{broken\n`],
  ['a reason that only the host may give', trailerText({ ...facts, reason: 'timeout' })],
  ['a missing field', trailerText({ reason: 'ok' })],
])('believes no trailer with %s', (_title, text) => {
  expect(cut(`seen${text}`, [7])).toEqual({ text: 'seen', trailer: null });
});

it('takes the last of several trailers', () => {
  expect(cut(trailerText({ ...facts, exit_code: 7 }) + trailerText(facts), [64]).trailer).toMatchObject({ exit_code: 1 });
});

it('holds back at most 8 KiB behind a marker', () => {
  const cutter = new TrailerCutter(SECRET);
  cutter.push(Buffer.from(`\n\u001e${SECRET}`));

  expect(cutter.push(Buffer.alloc(9_000, 'x')).toString()).toBe('x'.repeat(9_000));
});
