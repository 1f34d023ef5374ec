import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createProsePipeline, type ProseEvent } from './prose-pipeline.ts';
import { createSolutionGuard, type SolutionPolicy } from './solution-guard.ts';
import { solutionTokens } from './solution-tokens.ts';

const CORE: SolutionPolicy = { kind: 'core', references: [] };
const code = (lines: number, name = 'x') => Array.from({ length: lines }, (_unused, index) => `${name}${index} = ${index}`).join('\n');
const block = (body: string) => `\`\`\`python\n${body}\n\`\`\``;
const NOTE = '> Code withheld: it comes close to a full solution. Write your version first; we look at it together.';

function run(policy: SolutionPolicy, chunks: readonly string[], waitMs = 0): { text: string; hasWithheld: boolean } {
  const guard = createSolutionGuard(policy, 'en');
  let text = '';
  for (const [index, chunk] of chunks.entries()) text += guard.tick(index * waitMs) + guard.push(chunk, index * waitMs);
  return { text: text + guard.end(chunks.length * waitMs), hasWithheld: guard.hasWithheld };
}

describe('the solution guard of a core task', () => {
  it.each([
    ['15 lines', `Look:\n\n${block(code(15))}\n\n- one\n- two`],
    ['a quoted block', '> ```py\n> y = 1\n> ```\nDone'],
    ['a block in a list', `1. ${block('y = 1')}\n2. two`],
    ['blank lines beside 15 lines', block(code(15).replaceAll('\n', '\n\n'))],
    ['inline code', 'Use `df` or ```x``` here\n'],
  ])('shows %s unchanged', (_title, reply) => {
    expect(run(CORE, [reply])).toEqual({ text: reply, hasWithheld: false });
  });

  it('withholds a 40-line block as a whole', () => {
    expect(run(CORE, [`So:\n${block(code(40))}\nYour turn.`])).toEqual({ text: `So:\n${NOTE}\n\nYour turn.`, hasWithheld: true });
    expect(run(CORE, [`So:\n~~~\n${code(40)}`])).toEqual({ text: `So:\n${NOTE}`, hasWithheld: true });
  });

  it('withholds it also when it drips slowly, after 15 lines', () => {
    const lines = `So:\n${block(code(40))}\nYour turn.`.split(/(?<=\n)/);

    expect(run(CORE, lines, 1000).text).toBe(`So:\n\`\`\`python\n${code(15)}\n\`\`\`\n\n${NOTE}\n\nYour turn.`);
  });

  it('counts the lines of a reply together', () => {
    expect(run(CORE, [`${block(code(10))}\n${block(code(6))}\nend`]).text).toBe(`${block(code(10))}\n${NOTE}\n\nend`);
  });

  it('releases a held block line by line after 3 s', () => {
    const guard = createSolutionGuard(CORE, 'en');

    expect(guard.push('```python\na = 1\nb =', 0)).toBe('');
    expect(guard.dueAt).toBe(3000);
    expect(guard.tick(2999)).toBe('');
    expect(guard.tick(3000)).toBe('```python\na = 1\n');
    expect(guard.push(' 2\n```', 3001)).toBe('b = 2\n');
    expect(guard.end(3002)).toBe('```');
  });

  const solution = 'import pandas as pd\ndf = pd.read_csv("scores.csv")\ncleaned = df.dropna(subset=["score"])\nprint(cleaned["score"].mean())';
  const policy: SolutionPolicy = { kind: 'core', references: [solutionTokens(solution)] };

  it.each([
    ['whole', block(solution), true],
    ['with other names of one variable', block(solution.replaceAll('df', 'table')), true],
    ['in two blocks', `${block(solution.split('\n').slice(0, 2).join('\n'))}\nthen\n${block(solution.split('\n').slice(2).join('\n'))}`, true],
    ['as a hint of one line', block('df = pd.read_csv("scores.csv")'), false],
    ['as another example', block('ages = people.groupby("city").size()'), false],
  ])('measures a reference solution shown %s', (_title, reply, isWithheld) => {
    expect(run(policy, [reply]).hasWithheld).toBe(isWithheld);
  });

  it('withholds a reference solution that drips', () => {
    const shown = run(policy, block(solution).split(/(?<=\n)/), 4000);

    expect(shown.hasWithheld).toBe(true);
    expect(shown.text).not.toContain('mean');
  });

  it('gives the same however the text is cut, and changes nothing that it does not withhold', () => {
    const piece = fc.oneof(fc.constantFrom('```', '~~~', '\n', '```py\n', 'a = 1\n', code(9), '> ', '- ', '1. ', '  ', 'text', '`', '`x`', '\n```\n'), fc.string({ maxLength: 4 }));
    fc.assert(fc.property(fc.array(piece, { maxLength: 25 }), (chunks) => {
      const whole = run(CORE, [chunks.join('')]);

      expect(run(CORE, chunks)).toEqual(whole);
      expect(run(CORE, chunks.join('').split(''))).toEqual(whole);
      expect(whole.hasWithheld || whole.text === chunks.join('')).toBe(true);
      expect(whole.hasWithheld).toBe(whole.text.includes(NOTE));
    }), { numRuns: 1000 });
  });
});

describe('the solution guard with helper permission', () => {
  it('labels a block and lets 40 lines pass as they come', () => {
    const guard = createSolutionGuard({ kind: 'helper' }, 'zh');

    expect(guard.push('```python\na = 1\n', 0)).toBe('> 环境准备用的辅助代码，不属于任务本身：\n\n```python\na = 1\n');
    expect(run({ kind: 'helper' }, [block(code(40))])).toMatchObject({ hasWithheld: false });
    expect(run({ kind: 'helper' }, [block(code(40))]).text).toContain(code(40));
  });

  it('ends after 50 lines', () => {
    const { text, hasWithheld } = run({ kind: 'helper' }, [`${block(code(60))}\nGo.`]);

    expect(hasWithheld).toBe(true);
    expect(text).toContain(`${code(50)}\n\`\`\`\n\n> The rest`);
    expect(text).not.toContain('x50 = 50');
    expect(text.endsWith('\n\nGo.')).toBe(true);
  });
});

it('leaves a task that is not core unguarded', () => {
  expect(run({ kind: 'open' }, [block(code(40))])).toEqual({ text: block(code(40)), hasWithheld: false });
});

describe('tokens of a reference solution', () => {
  it.each([
    ['a program', 'total = price * 3  # the sum\nprint(total)'],
    ['a notebook', JSON.stringify({ cells: [{ cell_type: 'markdown', source: ['why'] }, { cell_type: 'code', source: ['total = price', ' * 3'] }] })],
    ['an answer key', 'Why it works:\n```python\ntotal = price * 3\n```\n'],
  ])('come from %s', (_title, text) => {
    expect([...solutionTokens(text)]).toEqual(['total', 'price', '3']);
  });
});

describe('the prose pipeline', () => {
  const create = (solutions: SolutionPolicy = CORE) => createProsePipeline({ language: 'en', secrets: ['s3cr3t-value'], solutions });
  const join = (events: ProseEvent[]) => events.map((event) => (event.type === 'chunk' ? event.content : '')).join('');

  it('guards first, then paces, and notes a withheld solution once', () => {
    const pipeline = create();
    const events = [
      ...pipeline.push(`Key s3cr3t-value ![a](http://e.example)\n${block(code(40))}\n${block(code(40))}\n`, 0), ...pipeline.end(1),
    ];

    expect(join(events)).toBe(`Key [redacted] [a](http://e.example)\n${NOTE}\n\n${NOTE}\n\n`);
    expect(events.filter((event) => event.type === 'note')).toEqual([{ type: 'note', code: 'solution_withheld' }]);
  });

  it('emits exactly what it stores, whole characters only, whatever the timing', () => {
    const piece = fc.oneof(fc.constantFrom('```\n', '\n', 'a = 1\n', '😀', '\uD83D', '\u0000', '![a](http://x)', '<img>', 's3cr3t-', 'value', '你好 '), fc.string({ maxLength: 6 }));
    fc.assert(fc.property(fc.array(fc.tuple(piece, fc.nat({ max: 2000 })), { maxLength: 30 }), (steps) => {
      const pipeline = create();
      let now = 0;
      const events = steps.flatMap(([text, wait]) => {
        now += wait;
        const ticked = pipeline.tick(now);
        expect(pipeline.dueAt ?? now).toBeGreaterThanOrEqual(now);
        return [...ticked, ...pipeline.push(text, now)];
      });
      events.push(...pipeline.end(now));

      expect(join(events)).toBe(pipeline.text);
      expect(pipeline.text.isWellFormed() && !pipeline.text.includes('\u0000') && !pipeline.text.includes('s3cr3t-value')).toBe(true);
      expect(events.every((event) => event.type === 'note' || event.content !== '')).toBe(true);
      expect([pipeline.dueAt, pipeline.push('x', now), pipeline.end(now)]).toEqual([null, [], []]);
    }), { numRuns: 400 });
  });
});
