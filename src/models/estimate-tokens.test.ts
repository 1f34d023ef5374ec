import fc from 'fast-check';
import { expect, it } from 'vitest';
import { estimateRequestTokens, estimateTokens, rawTokens } from './estimate-tokens.ts';

it.each<[string, string, number, number]>([
  ['nothing', '', 1, 0],
  ['36 Latin characters', 'a'.repeat(36), 1, 10],
  ['11 Han characters', '数'.repeat(11), 1, 10],
  ['20 others', 'ж'.repeat(20), 1, 10],
  ['a factor', 'a'.repeat(36), 1.5, 15],
  ['emoji as one character each', '😀😀', 1, 1],
])('counts %s', (_title, text, ...[factor, expected]) => {
  expect(estimateTokens(text, factor)).toBe(expected);
});

it('adds up over any cut between characters', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (first, second) => {
    expect(rawTokens(first) + rawTokens(second)).toBeCloseTo(rawTokens(first + second), 6);
  }));
});

it('counts tool definitions, schemas and calls with a request', () => {
  const messages = [{ role: 'user' as const, content: 'x'.repeat(360) }];
  const plain = estimateRequestTokens({ messages }, 1);

  const withTools = estimateRequestTokens({ messages, tools: [{ name: 'finish', description: 'Ends.', inputSchema: { type: 'object' } }] }, 1);
  const withSchema = estimateRequestTokens({ messages, structure: { name: 'plan', schema: { type: 'object' } } }, 1);
  const withCall = estimateRequestTokens({ messages: [...messages, { role: 'assistant', content: '', toolCalls: [{ id: '1', name: 'f', input: '{"a":1}' }] }] }, 1);

  expect(plain).toBe(104);
  expect(Math.min(withTools, withSchema, withCall)).toBeGreaterThan(plain);
});
