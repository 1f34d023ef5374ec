import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeadTail, clipMiddle } from './head-tail.ts';

const points = (text: string): number => [...text].length;
const chunksOf = (bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] => {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (let index = 0; at < bytes.length; index += 1) {
    const size = Math.max(1, sizes[index % Math.max(1, sizes.length)] ?? 1);
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
};
const longText = fc.array(fc.constantFrom('a', 'é', '中', '😀', '\n', '\ufeff'), { minLength: 300, maxLength: 400 }).map((parts) => parts.join(''));
const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

describe('HeadTail', () => {
  it('gives a short text back unchanged, whatever the chunks were', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), cuts, (text, sizes) => {
      const kept = new HeadTail({ unit: 'characters', head: 400, tail: 400 });
      const live = chunksOf(Buffer.from(text), sizes).map((chunk) => kept.write(chunk)).join('');
      const end = kept.end();

      expect(end).toMatchObject({ text, dropped: 0 });
      expect(live + end.rest).toBe(text);
    }));
  });

  it('keeps head and tail within the limit, cuts no character, counts what is missing, and shows live what it keeps', () => {
    fc.assert(fc.property(longText, cuts, fc.integer({ min: 0, max: 40 }), (text, sizes, reserve) => {
      const kept = new HeadTail({ unit: 'characters', head: 50, tail: 120 });
      const live = chunksOf(Buffer.from(text), sizes).map((chunk) => kept.write(chunk)).join('');
      const end = kept.end(reserve);
      const [, head = '', count = '', tail = ''] = /^([^]*)… \[(\d+) characters left out\] …([^]*)$/.exec(end.text) ?? [];

      expect(points(end.text) + reserve).toBeLessThanOrEqual(170);
      expect(end.text.isWellFormed()).toBe(true);
      expect(text.startsWith(head) && text.endsWith(tail)).toBe(true);
      expect(points(head)).toBe(50);
      expect(points(head) + points(tail) + Number(count)).toBe(points(text));
      expect(end.dropped).toBe(Number(count));
      expect(live + end.rest).toBe(end.text);
    }), { numRuns: 40 });
  });

  it('shows invalid bytes as replacement characters and waits for the rest of a character', () => {
    const kept = new HeadTail({ unit: 'characters', head: 10, tail: 10 });
    const [first, second] = [Buffer.from('😀').subarray(0, 2), Buffer.from('😀').subarray(2)];

    expect([kept.write(first), kept.write(second), kept.write(Buffer.from([0x61, 0xff]))]).toEqual(['', '😀', 'a\ufffd']);
    expect(kept.end().text).toBe('😀a\ufffd');
  });

  it('counts bytes where the limit is one of bytes', () => {
    const kept = new HeadTail({ unit: 'bytes', head: 10, tail: 100 });
    kept.write(Buffer.from('中'.repeat(200)));
    const end = kept.end();

    expect(end.text.startsWith('中中中… [')).toBe(true);
    expect(Buffer.byteLength(end.text)).toBeLessThanOrEqual(110);
  });
});

it('clips the middle of a text to a number of code points', () => {
  const clipped = clipMiddle('😀'.repeat(500), 200);

  expect(points(clipped)).toBeLessThanOrEqual(200);
  expect(clipped.isWellFormed()).toBe(true);
  expect(clipMiddle('short', 200)).toBe('short');
});
