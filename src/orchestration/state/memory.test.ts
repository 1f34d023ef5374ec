import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoDigestSchema, MemoryStateSchema, ReportNotesSchema, codePointLength } from '../../contracts/index.ts';
import { appendErrors } from './error-entries.ts';
import { isCleanText } from './fold-text.ts';
import { createDigest, createMemory, createNotes } from './initial-state.ts';
import { applyMemoPatch, digestItemIds } from './memo-patch.ts';
import { foldMemory, wantedLongTerm } from './memory.ts';
import { MemoPatchProposalSchema } from './proposals.ts';
import { noteTurn } from './report-notes.ts';
import { judgementWith, stateWith } from './state.fixtures.ts';

const grow = (turns: number, memory = createMemory()) => Array.from({ length: turns }, (_, turn) => turn).reduce(
  (known, turn) => foldMemory(known, { turnCount: turn + 1, lines: [{ turn_index: turn, text: `did ${turn}` }] }), memory);

describe('foldMemory', () => {
  it('keeps lines until six turns lie beyond the recent six, then makes one chunk of them', () => {
    expect(grow(11)).toMatchObject({ mid_term_summaries: [], last_mid_term_turn: -1 });
    expect(grow(12)).toMatchObject({
      mid_term_summaries: [{ turn_range: '0-5', summary: 'did 0\ndid 1\ndid 2\ndid 3\ndid 4\ndid 5' }], last_mid_term_turn: 5,
      deltas: [6, 7, 8, 9, 10, 11].map((turn) => ({ turn_index: turn, text: `did ${turn}` })),
    });
  });

  it('gives each line its share of a chunk', () => {
    const memory = Array.from({ length: 12 }, (_, turn) => turn).reduce(
      (known, turn) => foldMemory(known, { turnCount: turn + 1, lines: [{ turn_index: turn, text: `${turn} ${'字'.repeat(400)}` }] }), createMemory());

    const summary = memory.mid_term_summaries[0]!.summary;
    expect(codePointLength(summary)).toBeLessThanOrEqual(1200);
    expect(summary.split('\n').map((line) => line.split(' ')[0])).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  it('still knows turn 0 after 60 turns, and asks for a long-term summary from the ninth chunk on', () => {
    const sixty = grow(60);

    expect(sixty.mid_term_summaries).toHaveLength(9);
    expect(sixty.mid_term_summaries[0]!.summary).toContain('did 0');
    expect(wantedLongTerm(grow(59))).toBeNull();
    expect(wantedLongTerm(sixty)).toEqual({ summary: '', chunk: sixty.mid_term_summaries[0] });
  });

  it.each([
    ['takes the answer about the oldest chunk', '0-5', 'In turns 0 to 5 much was done', 8, 'In turns 0 to 5 much was done'],
    ['keeps the chunk when the answer is about another one', '6-11', 'other', 9, ''],
    ['keeps the chunk when the answer is blank', '0-5', ' ', 9, ''],
    ['keeps the chunk when the answer carries markup', '0-5', '<think>x</think> y', 9, ''],
  ])('%s', (_title, ...[turn_range, text, chunks, summary]) => {
    const memory = foldMemory(grow(60), { turnCount: 60, lines: [], longTerm: { text, turn_range } });

    expect([memory.mid_term_summaries.length, memory.long_term_summary]).toEqual([chunks, summary]);
  });

  it('lets a later line of a turn replace the earlier one, but no blank or marked one', () => {
    const first = foldMemory(createMemory(), { turnCount: 1, lines: [{ turn_index: 0, text: 'from the record' }] });
    const second = foldMemory(first, { turnCount: 1, lines: [{ turn_index: 0, text: 'from the memo' }] });
    const third = foldMemory(second, { turnCount: 1, lines: [{ turn_index: 0, text: ' ' }, { turn_index: 0, text: '@@record {}' }] });

    expect(second.deltas).toEqual([{ turn_index: 0, text: 'from the memo' }]);
    expect(third).toBe(second);
  });

  it('never forgets a turn that had a line, and stays bounded (I9, I14)', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 90 }), fc.array(fc.nat(89)), (turns, silent) => {
      const memory = Array.from({ length: turns }, (_, turn) => turn).reduce((known, turn) => foldMemory(known, {
        turnCount: turn + 1, lines: silent.includes(turn) ? [] : [{ turn_index: turn, text: `turn${turn}.` }],
      }), createMemory());

      expect(MemoryStateSchema.parse(memory)).toEqual(memory);
      const text = JSON.stringify(memory);
      const told = Array.from({ length: turns }, (_, turn) => turn).filter((turn) => !silent.includes(turn));
      expect(told.filter((turn) => !text.includes(`turn${turn}.`))).toEqual([]);
      expect(memory.deltas.length).toBeLessThan(12);
    }), { numRuns: 40 });
  });

  it('shares one place between the two oldest chunks when no memo agent ever summarises', () => {
    const memory = grow(6 * 70);

    expect(memory.mid_term_summaries).toHaveLength(64);
    expect(memory.mid_term_summaries[0]!.turn_range).toMatch(/^0-/);
  });
});

describe('applyMemoPatch', () => {
  const facts = (change: object = {}) => ({ turnIndex: 4, judgement: judgementWith({}), state: stateWith({ turn_index: 5 }), longTermRange: null, ...change });
  const apply = (patch: object, digest = createDigest(), change: object = {}) =>
    applyMemoPatch({ digest, notes: createNotes(), patch: MemoPatchProposalSchema.parse(patch), facts: facts(change) });

  it('adds and drops items by the ids that were shown', () => {
    const digest = { ...createDigest(), key_observations: ['a', 'b', 'c'], student_struggles: ['s'], student_strengths: ['g'] };

    const after = apply({ observations: { add: ['d', 'Ｃ'], drop: ['O1', 'o9'] }, struggles: { drop: ['s1'] }, strengths: { drop: ['s1'], add: [] } }, digest).digest;

    expect(digestItemIds(digest)).toEqual({ observations: ['o1', 'o2', 'o3'], struggles: ['s1'], strengths: ['g1'] });
    expect([after.key_observations, after.student_struggles, after.student_strengths]).toEqual([['b', 'c', 'd'], [], ['g']]);
  });

  it('keeps at most 12 observations and 8 traits, the oldest go', () => {
    const digest = { ...createDigest(), key_observations: Array.from({ length: 12 }, (_, i) => `o${i}`), student_struggles: Array.from({ length: 8 }, (_, i) => `s${i}`) };

    const after = apply({ observations: { add: ['x', 'y'] }, struggles: { add: ['z'] } }, digest).digest;

    expect([after.key_observations.length, after.key_observations[0], after.student_struggles.length, after.student_struggles.at(-1)]).toEqual([12, 'o2', 8, 'z']);
  });

  it.each([
    ['evidence_added', false, 'evidence_added'], ['checkpoint_reached', false, 'none'], ['none', true, 'checkpoint_reached'],
  ])('a claimed %s with checkpoint %s is %s', (claimed, checkpoint, delta) => {
    expect(apply({ progress_delta: claimed }, createDigest(), { judgement: judgementWith({ checkpoint }) }).digest.progress_delta).toBe(delta);
  });

  it('takes sentiment, blocker and skipped tasks from facts', () => {
    const state = stateWith({ turn_index: 5, subtask_status: { load_csv: { status: 'skipped', evidence: [] } } });

    const { digest } = apply({}, createDigest(), { state, judgement: judgementWith({ sentiment: 'fatigued', blocker: 'scaffolding' }) });

    expect(digest).toMatchObject({ student_sentiment: 'fatigued', blocker_type: 'scaffolding', skipped_tasks: ['load_csv'] });
  });

  it('appends achievements of known tasks, keeping the end', () => {
    const known = { ...createDigest(), achievement_log: { load_csv: { task_id: 'load_csv', accumulated_output: 'x'.repeat(3990), last_updated_turn: 1 } } };

    const log = apply({ achievements: [{ task_id: 'load_csv', append: 'printed the shape' }, { task_id: 'toString', append: 'no' }] }, known).digest.achievement_log;

    expect(Object.keys(log)).toEqual(['load_csv']);
    expect([log['load_csv']!.accumulated_output.length, log['load_csv']!.accumulated_output.endsWith('\nprinted the shape'), log['load_csv']!.last_updated_turn])
      .toEqual([4000, true, 4]);
  });

  it.each(['<think>hidden</think> seen', 'a\n@@record {}', '<tool_call>x', '<|im_start|>', '@@end'])('lets %j into no stored text', (text) => {
    const result = apply({
      observations: { add: [text] }, achievements: [{ task_id: 'load_csv', append: text }], memory_delta: text, diagnostic_log: [text],
      report: { activity: text, points: [text], solid: [text], next_step: text }, error_entries: [{ error_type: 'coding', description: text }],
    });

    expect(result.digest).toEqual({ ...createDigest() });
    expect([result.notes, result.errors]).toEqual([createNotes(), []]);
  });

  it('sets the turn of error entries and of the activity', () => {
    const result = apply({ error_entries: [{ error_type: 'coding', description: 'KeyError', context: 'column' }], report: { activity: 'tried', points: ['p'] } });

    expect(result.errors).toEqual([{ turn_index: 4, error_type: 'coding', description: 'KeyError', context: 'column' }]);
    expect(result.notes.activities).toEqual([{ turn_index: 4, activity: 'tried', points: ['p'] }]);
  });

  it('an empty patch takes nothing away (I9), and any patch leaves legal records (I14)', () => {
    const itemArb = fc.record({ add: fc.array(fc.string({ minLength: 1 }).filter((text) => text.trim() !== '')), drop: fc.array(fc.constantFrom('o1', 's1', 'x')) });
    const digest = { ...createDigest(), key_observations: ['a'], student_struggles: ['b'], diagnostic_log: ['c'] };
    const notes = { ...createNotes(), solid: ['solid'], next_step: 'go on' };
    expect(applyMemoPatch({ digest, notes, patch: MemoPatchProposalSchema.parse({ report: {} }), facts: facts() })).toEqual({ digest, notes, errors: [] });

    fc.assert(fc.property(itemArb, itemArb, fc.string(), (observations, strengths, memory_delta) => {
      const patch = MemoPatchProposalSchema.parse({ observations, strengths, memory_delta, report: { activity: memory_delta } });
      const result = applyMemoPatch({ digest, notes, patch, facts: facts() });

      expect(MemoDigestSchema.parse(result.digest)).toEqual(result.digest);
      expect(ReportNotesSchema.parse(result.notes)).toEqual(result.notes);
      expect(result.digest.key_observations.every(isCleanText)).toBe(true);
    }));
  });
});

describe('notes and errors', () => {
  it('notes a turn from its record only until the memo has told it', () => {
    const told = noteTurn(noteTurn(createNotes(), 1, 'tried a loop'), 1, 'something else');

    expect(told.activities).toEqual([{ turn_index: 1, activity: 'tried a loop', points: [] }]);
    expect(noteTurn(told, 2, ' ')).toBe(told);
  });

  it('keeps entries of every turn, without repeats of the last 20, 200 at most', () => {
    const entry = (description: string) => ({ turn_index: 1, error_type: 'coding' as const, description, context: '' });
    const twice = appendErrors(stateWith({}), [entry('KeyError'), entry('key ERROR')]);
    const many = appendErrors(twice, Array.from({ length: 250 }, (_, index) => entry(`e${index}`)));

    expect(twice.ext!.errors).toHaveLength(1);
    expect([many.ext!.errors.length, many.ext!.errors.at(-1)!.description]).toEqual([200, 'e249']);
  });
});
