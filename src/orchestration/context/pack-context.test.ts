import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rawTokens, type ModelMessage } from '../../models/index.ts';
import { CUT_MARK } from './clip.ts';
import { packContext, type PackBudget, type Section, type SectionCut } from './pack-context.ts';

const FRAME = 'The rules stand here and are never cut.';

function budgetOf(tokens: number, factor = 1): PackBudget {
  return {
    tokens, factor,
    compose: (texts): ModelMessage[] => [
      { role: 'system', content: FRAME },
      { role: 'user', content: Object.entries(texts).map(([name, text]) => (text === '' ? '' : `## ${name}\n${text}\n`)).join('') },
    ],
  };
}

function section(name: string, change: Partial<Section> = {}): Section {
  return { name, rank: 5, cap: null, parts: [{ text: `text of ${name}`, keep: 0 }], cut: 'tail', ...change };
}

const cuts: readonly SectionCut[] = ['tail', 'head', 'middle', 'whole', 'sides'];
const textArbitrary = fc.array(fc.constantFrom('word ', '数据', 'line\n', 'para\n\n', 'é', '🙂'), { maxLength: 120 }).map((words) => words.join('').trim());
const rankedArbitrary = fc.uniqueArray(fc.record({
  name: fc.constantFrom(...'ABCDEFGHIJ'), rank: fc.integer({ min: 1, max: 13 }), cap: fc.option(fc.integer({ min: 5, max: 300 })),
  cut: fc.constantFrom(...cuts), parts: fc.array(fc.record({ text: textArbitrary, keep: fc.integer({ min: -5, max: 5 }) }), { minLength: 1, maxLength: 5 }),
}), { selector: ({ name }) => name, maxLength: 10 });

function userTextOf(sections: readonly Section[], budget: PackBudget): string {
  return packContext(sections, budget).messages[1]!.content;
}

it('keeps to the budget whatever is packed', () => {
  fc.assert(fc.property(rankedArbitrary, fc.integer({ min: 60, max: 900 }), fc.double({ min: 0.7, max: 1.6, noNaN: true }), (sections, tokens, factor) => {
    const { manifest } = packContext(sections, budgetOf(tokens, factor));
    expect(manifest.over).toBe(false);
    expect(manifest.total).toBeLessThanOrEqual(tokens);
  }));
});

it('keeps every section to its cap', () => {
  fc.assert(fc.property(rankedArbitrary, fc.double({ min: 0.7, max: 1.6, noNaN: true }), (sections, factor) => {
    const { manifest } = packContext(sections, budgetOf(100_000, factor));
    for (const packed of manifest.sections) {
      const cap = sections.find(({ name }) => name === packed.name)?.cap ?? Infinity;
      expect(packed.tokens).toBeLessThanOrEqual(Math.ceil(cap));
    }
  }));
});

it('gives a rank the same whether or not higher ranks exist', () => {
  fc.assert(fc.property(rankedArbitrary, fc.integer({ min: 60, max: 900 }), fc.integer({ min: 1, max: 13 }), (sections, tokens, border) => {
    const lower = sections.filter(({ rank }) => rank <= border);
    const all = packContext(sections, budgetOf(tokens)).manifest.sections.filter(({ rank }) => rank !== 'never' && rank <= border);
    expect(packContext(lower, budgetOf(tokens)).manifest.sections).toEqual(all);
  }));
});

it('never cuts what must stay, even over the budget', () => {
  fc.assert(fc.property(rankedArbitrary, fc.integer({ min: 0, max: 400 }), textArbitrary, (sections, tokens, text) => {
    const must = section('PACKET', { rank: 'never', parts: [{ text, keep: 0 }] });
    expect(userTextOf([...sections, must], budgetOf(tokens))).toContain(text);
  }));
});

it('is pure', () => {
  fc.assert(fc.property(rankedArbitrary, fc.integer({ min: 0, max: 900 }), (sections, tokens) => {
    const before = structuredClone(sections);
    expect(packContext(sections, budgetOf(tokens))).toEqual(packContext(sections, budgetOf(tokens)));
    expect(sections).toEqual(before);
  }));
});

it('sacrifices the highest rank first', () => {
  const long = (name: string, rank: number): Section => section(name, { rank, parts: [{ text: `${name} `.repeat(200), keep: 0 }], cut: 'whole' });

  const { manifest } = packContext([long('A', 13), long('B', 2), long('C', 8)], budgetOf(300));

  expect(Object.fromEntries(manifest.sections.map(({ name, cut }) => [name, cut]))).toEqual({ A: 'dropped', B: 'none', C: 'none' });
});

it('cuts only a message above 60 % of the budget, in its middle', () => {
  const message = (words: number): Section => section('MESSAGE', {
    rank: 'never', capShare: 0.6, cut: 'middle', parts: [{ text: `begin ${'word '.repeat(words)}end`, keep: 0 }],
  });

  expect(userTextOf([message(100)], budgetOf(400))).not.toContain(CUT_MARK);
  const cut = userTextOf([message(400)], budgetOf(400));
  expect(cut).toMatch(/begin[\s\S]*\[…\][\s\S]*end/);
  expect(rawTokens(cut)).toBeLessThan(400 * 0.6 + 10);
});

it('keeps both sides of an exchange', () => {
  const exchange = section('LAST_EXCHANGE', {
    rank: 'never', cap: 100, cut: 'sides', separator: '\n',
    parts: [{ text: `ask ${'a '.repeat(900)}?`, keep: 0 }, { text: 'short answer', keep: 1 }],
  });

  const text = userTextOf([exchange], budgetOf(1000));

  expect(text).toMatch(/ask [\s\S]*\[…\][\s\S]*\?\nshort answer/);
});

it('shrinks an exchange to its floor before it exceeds a small window', () => {
  const exchange = section('LAST_EXCHANGE', {
    rank: 'never', cap: 3000, floor: 60, cut: 'sides', parts: [{ text: 'question '.repeat(400), keep: 0 }, { text: 'answer '.repeat(400), keep: 1 }],
  });

  const { manifest, messages } = packContext([exchange], budgetOf(200));

  expect(manifest).toMatchObject({ over: false });
  expect(messages[1]!.content).toMatch(/question[\s\S]*answer/);
});

it('drops parts by their weight and marks the gap once', () => {
  const parts = [{ text: 'old', keep: 1 }, { text: 'x'.repeat(400), keep: 0 }, { text: 'y'.repeat(400), keep: -1 }, { text: 'new', keep: 2 }];

  expect(userTextOf([section('WORK', { parts, cap: 30 })], budgetOf(1000))).toBe(`## WORK\nold\n\n${CUT_MARK}\n\nnew\n`);
});

it('says what was cut', () => {
  const long = section('A', { cap: 20, parts: [{ text: 'word '.repeat(100), keep: 0 }] });

  const { manifest } = packContext([long, section('B', { parts: [{ text: '', keep: 0 }] })], budgetOf(1000));

  expect(manifest.sections).toEqual([{ name: 'A', rank: 5, tokens: expect.any(Number), cut: 'cut' }]);
});
