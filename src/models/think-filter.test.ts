import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ThinkFilter } from './think-filter.ts';

function filter(chunks: readonly string[]): { text: string; reasoning: string } {
  const thinking = new ThinkFilter();
  const pieces = [...chunks.flatMap((chunk) => thinking.push(chunk)), ...thinking.end()];
  const joined = (type: string) => pieces.filter((piece) => piece.type === type).map((piece) => piece.text).join('');
  return { text: joined('text'), reasoning: joined('reasoning') };
}

it.each<[string, string, string, string]>([
  ['no tag', 'a < b and c > d', 'a < b and c > d', ''],
  ['a tag in front', '<think>secret</think>\n\nHello', 'Hello', 'secret'],
  ['a tag in the middle', 'one <think>two</think> three', 'one  three', 'two'],
  ['another spelling', '<THINKING>x</Thinking>y', 'y', 'x'],
  ['a tag that never closes', 'one <think>two', 'one ', 'two'],
  ['a closing tag alone', 'one</think> two', 'one two', ''],
  ['an unfinished tag at the end', 'one <thi', 'one <thi', ''],
  ['blank lines of the answer itself', '\n\nHello', '\n\nHello', ''],
  ['two thoughts', '<think>a</think>1<think>b</think>2', '12', 'ab'],
])('takes out %s', (_title, input, ...expected) => {
  const { text, reasoning } = filter([input]);

  expect([text, reasoning]).toEqual(expected);
});

it('gives the same however the text is cut', () => {
  const piece = fc.constantFrom('<think>', '</think>', '<thinking>', '</THINK>', '<', '<th', 'ink>', ' ', '\n', 'word', '世界', '>');
  fc.assert(fc.property(fc.array(piece, { maxLength: 20 }), fc.array(fc.nat(8), { maxLength: 40 }), (pieces, cuts) => {
    const whole = pieces.join('');
    const chunks: string[] = [];
    let at = 0;
    for (const cut of cuts) chunks.push(whole.slice(at, (at += cut)));
    chunks.push(whole.slice(at));

    expect(filter(chunks)).toEqual(filter([whole]));
  }), { numRuns: 500 });
});

it('holds nothing back that cannot become a tag', () => {
  expect(new ThinkFilter().push('a <b')).toEqual([{ type: 'text', text: 'a <b' }]);
});
