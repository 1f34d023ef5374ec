import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { OutputJoiner } from './output-joiner.ts';

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

it('joins pieces for 30 ms and keeps the order of the streams', () => {
  const sent: string[] = [];
  const joiner = new OutputJoiner((stream, text) => { sent.push(`${stream}:${text}`); });
  joiner.add('stdout', 'a');
  joiner.add('stdout', 'b');
  joiner.add('stderr', 'c');
  vi.advanceTimersByTime(29);
  expect(sent).toEqual(['stdout:ab']);
  vi.advanceTimersByTime(1);
  joiner.add('stdout', 'd');
  joiner.flush();
  joiner.flush();

  expect(sent).toEqual(['stdout:ab', 'stderr:c', 'stdout:d']);
  expect(vi.getTimerCount()).toBe(0);
});

it('sends pieces of at most 16 KiB, cuts no character and loses nothing', () => {
  fc.assert(fc.property(fc.array(fc.record({ stream: fc.constantFrom('stdout' as const, 'stderr' as const), count: fc.integer({ min: 1, max: 40_000 }) }), { maxLength: 6 }), (parts) => {
    const sent: { stream: string; text: string }[] = [];
    const joiner = new OutputJoiner((stream, text) => { sent.push({ stream, text }); });
    for (const { stream, count } of parts) joiner.add(stream, `a${'😀'.repeat(count)}`);
    joiner.flush();

    expect(sent.every(({ text }) => text.length > 0 && text.length <= 16 * 1024 && text.isWellFormed())).toBe(true);
    for (const name of ['stdout', 'stderr']) {
      const wanted = parts.filter(({ stream }) => stream === name).map(({ count }) => `a${'😀'.repeat(count)}`).join('');
      expect(sent.filter(({ stream }) => stream === name).map(({ text }) => text).join('')).toBe(wanted);
    }
  }), { numRuns: 30 });
});
