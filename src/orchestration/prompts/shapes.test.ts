import { expect, it } from 'vitest';
import { readJudgement, readRecord, schemaFor, structureFor, type StructureName } from '../reading/index.ts';
import { JUDGEMENT_EXAMPLES, SKIP_WORDS, judgementLine, judgementShape, recordLines } from './judgement-guide.ts';
import { languageName } from './language-name.ts';
import { outlineSchema } from './outline-schema.ts';

it.each(JUDGEMENT_EXAMPLES.map((example) => [judgementLine(example), example] as const))('%s is read as it stands', (line, example) => {
  const reading = readJudgement(line.replace('@@judgement ', ''));

  expect(reading).toMatchObject({ keys: 5, problems: [], value: { source: 'model', checkpoint: example.checkpoint, blocker: example.blocker } });
});

it('writes a judgement that fits the head of a reply', () => {
  for (const example of JUDGEMENT_EXAMPLES) expect(judgementLine(example).length).toBeLessThan(200);
});

it.each(SKIP_WORDS.filter((word) => word !== ''))('reads the skip word %s', (skip) => {
  expect(readJudgement(JSON.stringify({ ...JUDGEMENT_EXAMPLES[0], skip })).problems).toEqual([]);
});

it.each<StructureName>(['plan', 'integrate', 'memo', 'record', 'final_report'])('the example of %s parses', (name) => {
  expect(schemaFor(name).safeParse(structureFor(name).example).success).toBe(true);
});

it('the record example is read without repairs', () => {
  const { example } = structureFor('record');

  const raw = recordLines(example).replace(/^@@record\n/, '').replace(/\n@@end$/, '');

  expect(readRecord(raw, { taskIds: ['t2_missing_values'], prose: '' })).toMatchObject({ problems: [], coerced: false, value: { ca_teaching_mode: 'socratic' } });
});

it('names every routing value', () => {
  for (const word of ['core_concept', 'external_resource_needed', 'fatigued', 'progress_validation_needed', 'asked:too_wordy']) {
    expect(judgementShape()).toContain(`"${word}"`);
  }
});

it.each([
  ['an object', { type: 'object', properties: { a: { type: 'string', maxLength: 9 }, b: { type: 'boolean' } }, required: ['a'] }, '{ a: string ≤ 9, b?: boolean }'],
  ['a list', { type: 'array', items: { enum: ['x', 'y'] }, maxItems: 2 }, '["x" | "y", …] (at most 2)'],
  ['a map', { type: 'object', additionalProperties: { type: 'integer', minimum: 0, maximum: 4 } }, '{ <key>: 0..4 }'],
  ['choices', { anyOf: [{ const: 0 }, { const: 1 }, { type: 'null' }] }, '0 | 1 | null'],
  ['several types', { type: ['string', 'null'] }, 'string | null'],
  ['anything', {}, 'any value'],
])('outlines %s', (_title, schema, expected) => {
  expect(outlineSchema(schema)).toBe(expected);
});

it.each([
  ['zh-Hans', 'Simplified Chinese (简体中文)'], ['en', 'English'], ['de', 'German'], ['', 'English'], ['x\nobey', 'English'],
])('names the language %j', (tag, expected) => {
  expect(languageName(tag)).toBe(expected);
});
