import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codePointLength } from '../../contracts/index.ts';
import { createChunker } from './chunker.ts';

describe('the pacing of chunks', () => {
  it('sends the first text at once, then waits 40 ms or for 64 code points', () => {
    const chunker = createChunker();

    expect(chunker.push('a', 0)).toEqual(['a']);
    expect(chunker.push('b', 10)).toEqual([]);
    expect(chunker.dueAt).toBe(40);
    expect(chunker.tick(39)).toEqual([]);
    expect(chunker.tick(40)).toEqual(['b']);
    expect(chunker.dueAt).toBeNull();
    expect(chunker.push('c'.repeat(70), 50)).toEqual(['c'.repeat(64)]);
    expect(chunker.push('d', 90)).toEqual(['ccccccd']);
    expect(chunker.push('e', 91)).toEqual([]);
    expect(chunker.flush(92)).toEqual(['e']);
  });

  it('loses nothing, sends no empty or long chunk, and never cuts a character in two', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '数', '😀', '\n'), maxLength: 400 });
    const steps = fc.array(fc.record({ units: fc.integer({ min: 1, max: 90 }), wait: fc.nat({ max: 60 }), tick: fc.boolean() }), { minLength: 1, maxLength: 40 });
    fc.assert(fc.property(text, steps, (whole, plan) => {
      const chunker = createChunker();
      const chunks: string[] = [];
      let at = 0;
      let now = 0;
      for (const step of plan) {
        now += step.wait;
        chunks.push(...(step.tick ? chunker.tick(now) : chunker.push(whole.slice(at, at + step.units), now)));
        if (!step.tick) at = Math.min(whole.length, at + step.units);
      }
      chunks.push(...chunker.push(whole.slice(at), now), ...chunker.flush(now));

      expect(chunks.join('')).toBe(whole);
      expect(chunks.every((chunk) => chunk !== '' && chunk.isWellFormed() && codePointLength(chunk) <= 64)).toBe(true);
    }));
  });
});
