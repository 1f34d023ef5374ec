import fc from 'fast-check';
import { expect, it } from 'vitest';
import { namesOf, parseTemplate, renderTemplate } from './template.ts';

const render = (source: string, values: Record<string, string>): string => renderTemplate(parseTemplate(source), new Map(Object.entries(values)));

it.each([
  ['inserts a value', 'a {{X}} b', { X: '1' }, 'a 1 b'],
  ['keeps a block with a value', '{{?X}}<{{X}}>{{/X}}', { X: '1' }, '<1>'],
  ['drops a block that is empty', 'a{{?X}}<{{X}}>{{/X}}b', { X: '' }, 'ab'],
  ['nests blocks', '{{?X}}x{{?Y}}y{{/Y}}{{/X}}', { X: '1', Y: '' }, 'x'],
  ['leaves no gap behind a dropped block of lines', 'a\n{{?X}}\n{{X}}\n{{/X}}\nb', { X: '' }, 'a\nb'],
  ['takes block tags on lines of their own out of the text', 'a\n{{?X}}\n{{X}}\n{{/X}}\nb', { X: '1' }, 'a\n1\nb'],
  ['keeps a value literally', '{{X}}', { X: '{{Y}} $& {{/X}} {{?X}}' }, '{{Y}} $& {{/X}} {{?X}}'],
  ['keeps braces of JSON', '{"a": {"b": 1}} {{X}}', { X: '2' }, '{"a": {"b": 1}} 2'],
])('%s', (...row) => {
  const [, source, values, expected] = row;

  expect(render(source, values)).toBe(expected);
});

it.each([
  ['a lower-case name', 'a {{name}}', 'unreadable tag'],
  ['an unfinished tag', 'a {{NAME', 'unreadable tag'],
  ['spaces inside a tag', '{{ NAME }}', 'unreadable tag'],
  ['a block without an end', '{{?A}}x', 'never closed'],
  ['an end without a start', 'x{{/A}}', 'no matching start'],
  ['crossed blocks', '{{?A}}{{?B}}{{/A}}{{/B}}', 'no matching start'],
])('refuses %s', (_title, source, message) => {
  expect(() => parseTemplate(source)).toThrow(message);
});

it('refuses to render a name without a value', () => {
  expect(() => render('{{X}}', {})).toThrow('X');
});

it('never expands what a value contains', () => {
  fc.assert(fc.property(fc.string(), fc.string(), (one, other) => {
    expect(render('<{{A}}|{{B}}>', { A: one, B: other })).toBe(`<${one}|${other}>`);
  }));
});

it('names each variable once', () => {
  expect(namesOf(parseTemplate('{{A}}{{?B}}{{A}}{{C}}{{/B}}'))).toEqual(['A', 'B', 'C']);
});
