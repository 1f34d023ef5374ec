import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLoose } from './read-loose.ts';

describe('the tolerant reader', () => {
  it.each([
    ['plain JSON', '{"a":1}', { a: 1 }, []],
    ['the object after a marker', 'see {"b":2}\n@@record {"a":1}', { a: 1 }, []],
    ['the object in a fence', 'see {"b":2}:\n```json\n{"a":1}\n```', { a: 1 }, []],
    ['the first object in prose', 'With {braces} first: {"a":"}"} and {"b":2}', { a: '}' }, []],
    ['an object in a list', '[{"a":1}]', { a: 1 }, []],
    ['trailing commas', '{"a":[1,2,],}', { a: [1, 2] }, ['trailing_comma']],
    ['Python literals', '{"a":True,"b":None,"c":False}', { a: true, b: null, c: false }, ['python_literal']],
    ['curly quotes', '{“a”: “x”}', { a: 'x' }, ['quotes']],
    ['single quotes', "{'a': 'it's ok'}", { a: "it's ok" }, ['quotes']],
    ['quotes inside a text', '{"a": "he said "hi" twice"}', { a: 'he said "hi" twice' }, ['quotes']],
    ['bare keys', '{a: 1}', { a: 1 }, ['bare_word']],
    ['raw line breaks', '{"a": "x\ny"}', { a: 'x\ny' }, ['control_character']],
    ['a cut text', '{"a":"x","b":"half', { a: 'x' }, ['truncated']],
    ['a cut list', '{"a":["x","y', { a: ['x'] }, ['truncated']],
    ['a cut number', '{"a":1,"b":12', { a: 1 }, ['truncated']],
    ['a cut key', '{"a":1,"b', { a: 1 }, ['truncated']],
    ['a cut nested object', '{"a":{"b":"x","c":', { a: { b: 'x' } }, ['truncated']],
    ['an odd escape', String.raw`{"a":"\d é",}`, { a: String.raw`\d é` }, ['trailing_comma']],
  ])('reads %s', (...[, text, value, notes]) => {
    expect(readLoose(text)).toEqual({ value, notes });
  });

  it.each(['', 'no object', '{', '{"a', '[1,2]', '{the set}', '{"a" 1}', '{'.repeat(70_000), `${'{"a":'.repeat(5000)}1`])('finds nothing in %#', (text) => {
    expect(readLoose(text).value).toBeNull();
  });

  it('reads every JSON object as JSON.parse does, with any prose around it', () => {
    const prose = fc.string({ unit: fc.constantFrom('a', ' ', '\n', '你', '.'), maxLength: 20 });
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), prose, prose, (object, before, after) => {
      const text = JSON.stringify(object);

      expect(readLoose(before + text + after).value).toEqual(JSON.parse(text));
    }));
  });

  it('keeps a prefix of the members when the tail is cut', () => {
    const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.string(), { maxLength: 3 }));
    fc.assert(fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), value, { minKeys: 1 }), fc.nat(), (object, cut) => {
      const text = JSON.stringify(object);
      const read = readLoose(text.slice(0, cut % text.length)).value ?? {};
      const names = Object.keys(read);

      expect(names).toEqual(Object.keys(object).slice(0, names.length));
      for (const name of names.slice(0, -1)) expect(read[name]).toEqual(object[name]);
    }));
  });

  it('never throws', () => {
    const text = fc.array(fc.constantFrom('{', '}', '[', ']', '"', "'", '“', ':', ',', 'a', '1', '-', 'True', 'null', '\\', '\\u12', '\n', ' ', '```json\n', '@@record', '__proto__'), { maxLength: 40 });
    fc.assert(fc.property(text, (parts) => {
      const { value } = readLoose(parts.join(''));

      expect(value === null || Object.getPrototypeOf(value) === Object.prototype).toBe(true);
    }), { numRuns: 2000 });
  });
});
