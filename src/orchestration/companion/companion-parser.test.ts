import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CompanionMode, createCompanionParser, type ParserEvent, type StreamEndReason } from './companion-parser.ts';
import { parseCompanion, summarizeReply } from './parse-companion.ts';

const TASKS = ['t1', 't2'];
const HEAD = '@@judgement {"checkpoint":true,"blocker":"core_concept","sentiment":"confused","consult":"","skip":""}';
const RECORD = '{"what_user_attempted":"tried","what_user_observed":"saw","progress_record":"p","ca_teaching_mode":"direct"}';

const parse = (text: string, mode: CompanionMode = 'reply', reason: StreamEndReason = 'stop') =>
  parseCompanion(text, { mode, knownTaskIds: TASKS, reason });

const proseOf = (events: ParserEvent[]) => events.map((event) => (event.type === 'prose' ? event.text : '')).join('');

function parseChunks(chunks: string[], mode: CompanionMode, reason: StreamEndReason = 'stop') {
  const parser = createCompanionParser({ mode });
  const events = chunks.flatMap((chunk) => parser.push(chunk, 0));
  events.push(...parser.end(0, { reason }));
  return summarizeReply(events, { knownTaskIds: TASKS, endedIn: parser.part, isBlank: parser.isBlank });
}

/** Pieces that meet every rule of the parser, in any order. */
const piece = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(
    HEAD, '@@Judgment: {"skip":"asked:too_hard",\n "checkpoint":"yes"}', '@@judgement', '@@judgement {"checkpoint":', '@@judg', '@@j', '@@', '@',
    '{"checkpoint":true,"skip":""}', '{"a":1}', '@@record', `@@record\n${RECORD}`, '@@end', '@@Record:', RECORD, '```json\n', '```', '~~~',
    `\`\`\`json\n${RECORD}\n\`\`\`\n`, '```json\n{"a":1}\n```', '```python\nx = 1\n', '\uFEFF', '![', '](x)', '{', '}', '"', '\\', ':', '😀', '你好，世界') },
  { weight: 2, arbitrary: fc.constantFrom('\n', '\n\n', ' ', '\t', '\r\n', '   ') },
  fc.string({ maxLength: 8 }),
);
const reply = fc.array(piece, { maxLength: 24 }).map((pieces) => pieces.join(''));
const mode = fc.constantFrom<CompanionMode>('reply', 'speak');

function cutAt(text: string, cuts: readonly number[]): string[] {
  const places = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
  return [...places, text.length].map((place, index) => text.slice(index === 0 ? 0 : places[index - 1], place));
}

describe('a companion reply', () => {
  it('is read the same however it is cut into chunks', () => {
    const manner = fc.record({ how: mode, reason: fc.constantFrom<StreamEndReason>('stop', 'length', 'broken') });
    fc.assert(fc.property(reply, manner, fc.array(fc.nat(), { maxLength: 12 }), (text, { how, reason }, cuts) => {
      const whole = parseCompanion(text, { mode: how, knownTaskIds: TASKS, reason });

      expect(parseChunks(cutAt(text, cuts), how, reason)).toEqual(whole);
      expect(parseChunks([...Array(text.length).keys()].map((at) => text.charAt(at)), how, reason)).toEqual(whole);
    }), { numRuns: 1500 });
  });

  it('never shows a marker line, and always judges once, before any prose', () => {
    fc.assert(fc.property(reply, mode, (text, how) => {
      const parser = createCompanionParser({ mode: how });
      const events = [...parser.push(text, 0), ...parser.end(0, { reason: 'stop' })];
      const kinds = events.map((event) => event.type).filter((type) => type !== 'note');

      expect(proseOf(events)).not.toMatch(/^[ \t]*@@(?:record|judge?ment\s*:?\s*\{|end[ \t]*$)/im);
      expect(kinds.filter((kind) => kind === 'judgement').length).toBe(how === 'reply' ? 1 : 0);
      expect(how === 'reply' ? kinds[0] : 'judgement').toBe('judgement');
      expect(kinds.filter((kind) => kind === 'record').length).toBe(1);
      expect(kinds.at(-1)).toBe('record');
    }), { numRuns: 1000 });
  });

  it('without any marker or JSON arrives whole, up to trailing white space', () => {
    const plain = fc.array(fc.constantFrom('a', '你', '\n', ' ', '`', '```py', '#', '- ', '😀', '![', '**', '1.'), { maxLength: 60 }).map((parts) => parts.join(''));
    fc.assert(fc.property(plain, mode, (text, how) => {
      expect(parse(text, how).prose).toBe(text.trimEnd());
    }));
  });

  it('carries judgement, prose and record', () => {
    expect(parse(`${HEAD}\nHello **you**.\n\nTry it.\n@@record\n${RECORD}\n@@end\n`)).toMatchObject({
      judgement: { checkpoint: true, blocker: 'core_concept', sentiment: 'confused', consult: '', skip: 'no', source: 'model' },
      prose: 'Hello **you**.\n\nTry it.',
      record: { value: { what_user_attempted: 'tried', ca_teaching_mode: 'direct', ca_next_suggestion: 'Try it.' } },
      endedIn: 'done', isBlank: false, notes: [],
    });
  });
});

describe('the head', () => {
  it.each([
    ['in a fence that closes after it', `\`\`\`json\n${HEAD.slice(12)}\n\`\`\`\nHi`, 'Hi', 'model'],
    ['in a fence with marker', `\`\`\`\n${HEAD}\n\`\`\`\n\nHi`, 'Hi', 'model'],
    ['after a BOM and blank lines', `\uFEFF\n\n ${HEAD}\n\nHi`, 'Hi', 'model'],
    ['over several lines', '@@judgement\n{\n "checkpoint": true,\n "skip": ""\n}\nHi', 'Hi', 'model'],
    ['with colon and capitals', '@@JUDGMENT: {"checkpoint":true}\nHi', 'Hi', 'model'],
    ['with a brace inside a text', '@@judgement {"checkpoint":true,"consult":"}"}\nHi', 'Hi', 'coerced'],
    ['with Python literals', "@@judgement {'checkpoint': True, 'skip': None,}\nHi", 'Hi', 'coerced'],
    ['with 700 characters of two units each', `@@judgement {"checkpoint":true,"note":"${'😀'.repeat(700)}"}\nHi`, 'Hi', 'coerced'],
    ['as a bare object with two keys', '{"checkpoint":true,"skip":""} Hi', 'Hi', 'model'],
    ['followed by prose on its line', '@@judgement {"checkpoint":true} Hi', 'Hi', 'model'],
  ])('is read %s', (...[, text, prose, source]) => {
    expect(parse(text)).toMatchObject({ prose, judgement: { checkpoint: true, source } });
  });

  it.each([
    ['plain text', 'Hello', 'Hello'],
    ['a code block', '```python\nx = 1\n```', '```python\nx = 1\n```'],
    ['inline code', '`df` is a table', '`df` is a table'],
    ['a bare object with one key', '{"skip":""} is JSON', '{"skip":""} is JSON'],
    ['another object', '{"a":1}\nHi', '{"a":1}\nHi'],
    ['a word that starts like the marker', '@@judgements are\nfine', '@@judgements are\nfine'],
    ['a mention', '@you, look', '@you, look'],
    ['a marker without an object', '@@judgement checkpoint=true\nHi', 'Hi'],
    ['a marker whose object never closes', '@@judgement {"checkpoint":true,\nHi there', 'Hi there'],
    ['a head that is too long', `@@judgement {"checkpoint":true,"blocker":"${'x'.repeat(900)}"}\nHi`, 'Hi'],
  ])('is missing or broken in %s: defaults, and the answer arrives', (_title, text, prose) => {
    expect(parse(text)).toMatchObject({ prose, judgement: { checkpoint: false, blocker: 'none', sentiment: 'engaged', source: 'default' } });
  });

  it('is given up after six seconds', () => {
    const parser = createCompanionParser({ mode: 'reply' });
    parser.push('@@judgement {"checkpoint":true,', 1000);

    expect(parser.dueAt).toBe(7000);
    expect(parser.tick(6999)).toEqual([]);
    expect(parser.tick(7000)).toMatchObject([{ type: 'judgement', judgement: { source: 'default' } }, { type: 'note', note: 'judgement_broken' }]);
    expect(parser.push(' still the marker line\nHi', 7001)).toEqual([{ type: 'prose', text: 'Hi' }]);
  });

  it('makes the judgement known with its last brace', () => {
    const parser = createCompanionParser({ mode: 'reply' });

    expect(parser.push(HEAD.slice(0, -1), 0)).toEqual([]);
    expect(parser.push('}', 0)).toMatchObject([{ type: 'judgement' }]);
  });

  it('does not hold back an answer without judgement', () => {
    expect(createCompanionParser({ mode: 'reply' }).push('H', 0).at(-1)).toEqual({ type: 'prose', text: 'H' });
  });

  it('is swallowed when the companion only speaks', () => {
    expect(parse(`${HEAD}\nHi`, 'speak')).toMatchObject({ judgement: null, prose: 'Hi', notes: ['judgement_swallowed'] });
  });
});

describe('the prose', () => {
  it.each([
    ['a later judgement', `${HEAD}\nOne\n${HEAD}\nTwo`, 'One\nTwo'],
    ['a later judgement over lines', `${HEAD}\nOne\n@@judgement {\n"skip":""\n}\nTwo`, 'One\nTwo'],
    ['a stray end marker', `${HEAD}\nOne\n@@end\nTwo`, 'One\nTwo'],
    ['a cut-off marker', `${HEAD}\nOne\n@@rec`, 'One'],
    ['a record behind a word like a marker', `${HEAD}\nOne\n@@judg\n@@record\n${RECORD}`, 'One\n@@judg'],
    ['trailing white space', `${HEAD}\nOne \n\n \n@@record\n{}`, 'One'],
  ])('leaves out %s', (_title, text, prose) => {
    expect(parse(text).prose).toBe(prose);
  });

  it('ends at the record marker also inside an unclosed fence', () => {
    expect(parse(`${HEAD}\n\`\`\`python\nx = 1\n  @@record\n${RECORD}\n@@end\nmore`)).toMatchObject({
      prose: '```python\nx = 1', record: { value: { progress_record: 'p' } }, endedIn: 'done',
    });
  });

  it('ends at the record marker inside a json block that is held', () => {
    expect(parse(`${HEAD}\nA\n\`\`\`json\n{"a":1,\n@@record\n${RECORD}`)).toMatchObject({ prose: 'A\n```json\n{"a":1,', endedIn: 'record' });
  });

  it('keeps a fenced JSON example whole and hides a fenced record', () => {
    const example = 'Look:\n```json\n{"name": "Ada", "progress_record": ""}\n```\nDone.';

    expect(parse(`${HEAD}\n${example}`)).toMatchObject({ prose: example, record: { value: null } });
    expect(parse(`${HEAD}\nDone.\n\`\`\`json\n${RECORD}\n\`\`\`\n`)).toMatchObject({ prose: 'Done.', record: { value: { what_user_observed: 'saw' } } });
  });

  it('releases a json block after 3 s, or beyond 4 KB', () => {
    const parser = createCompanionParser({ mode: 'speak' });
    parser.push('Hi\n```json\n{"a":', 0);

    expect(parser.dueAt).toBe(3000);
    expect(proseOf(parser.tick(3000))).toBe('\n```json\n{"a":');
    expect(proseOf(parser.push(' 1}\n```\nBye', 3100))).toBe(' 1}\n```\nBye');

    const long = createCompanionParser({ mode: 'speak' });
    expect(proseOf(long.push(`Hi\n\`\`\`json\n{"a": "${'数'.repeat(1360)}`, 0)).length).toBe(2);
    expect(proseOf(long.push('数数数数数数', 0)).length).toBeGreaterThan(1360);
  });

  it('is blank when nothing visible was said', () => {
    expect(parse(`${HEAD}\n \n@@record\n${RECORD}`)).toMatchObject({ prose: '', isBlank: true });
    expect(parse('')).toMatchObject({ prose: '', isBlank: true, judgement: { source: 'default' } });
  });

  it('keeps what was said when the length ends it, and shows nothing held when the stream breaks', () => {
    expect(parse(`${HEAD}\nHalf a sent`, 'reply', 'length')).toMatchObject({ prose: 'Half a sent', rawRecord: null, endedIn: 'prose' });
    expect(parse(`${HEAD}\nSaid\n\`\`\`json\n{"x"`, 'reply', 'broken')).toMatchObject({ prose: 'Said', endedIn: 'prose' });
    expect(parse('@@judgement {"che', 'reply', 'broken')).toMatchObject({ prose: '', judgement: null, endedIn: 'head', isBlank: true });
    expect(parse(`${HEAD}\nSaid\n@@record\n{"progress_record":"a","what_user_`, 'reply', 'broken')).toMatchObject({
      prose: 'Said', endedIn: 'record', record: { value: { progress_record: 'a' } },
    });
  });
});

describe('the record', () => {
  it.each([
    ['without an end marker', `@@record\n${RECORD}`],
    ['on the line of its marker', `@@record: ${RECORD} @@end`],
    ['in a fence', `@@record\n\`\`\`json\n${RECORD}\n\`\`\`\n@@end`],
    ['without its last brace', `@@record\n${RECORD.slice(0, -1)}\n@@end`],
  ])('is read %s', (_title, text) => {
    expect(parse(`Hi\n${text}`, 'speak').record.value).toMatchObject({ what_user_attempted: 'tried', ca_teaching_mode: 'direct' });
  });

  it('is buffered up to 16 KB only', () => {
    expect(parse(`Hi\n@@record\n${'x'.repeat(40_000)}`).rawRecord?.length).toBe(16_384);
  });
});
