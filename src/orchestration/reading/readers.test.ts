import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CompanionRecordSchema, JudgementSchema } from '../../contracts/index.ts';
import { IntegrateProposalSchema, MemoPatchProposalSchema, PlanProposalSchema } from '../state/index.ts';
import { readJudgement } from './read-judgement.ts';
import { FinalNarrativeSchema, readFinalNarrative, readMemoPatch } from './read-memo.ts';
import { readConsultationRequest, readIntegrate, readPlan } from './read-plan.ts';
import { countRecordFields, readRecord } from './read-record.ts';
import { schemaFor, structureFor, type StructureName } from './structures.ts';

const TASKS = ['t1_read_table', 't2_missing_values'];
const NAMES: StructureName[] = ['plan', 'integrate', 'memo', 'record', 'final_report'];
const example = (name: StructureName) => structureFor(name).example;
const json = (value: unknown) => JSON.stringify(value);

describe('a judgement', () => {
  it.each([
    ['as written', { checkpoint: true, blocker: 'core_concept', sentiment: 'frustrated', consult: 'error_diagnosis_needed', skip: 'asked:too_hard' },
      { checkpoint: true, blocker: 'core_concept', sentiment: 'frustrated', consult: 'error_diagnosis_needed', skip: 'asked', skip_reason: '太难了', source: 'model' }],
    ['with empty fields', { checkpoint: false, blocker: 'none', sentiment: 'engaged', consult: '', skip: '' }, { skip: 'no', skip_reason: null, source: 'model' }],
    ['with words for booleans', { checkpoint: '是' }, { checkpoint: true, source: 'coerced' }],
    ['with folded enums', { blocker: 'Core Concept', sentiment: 'CONFUSED' }, { blocker: 'core_concept', sentiment: 'confused', source: 'coerced' }],
    ['with broken values, one by one', { checkpoint: 'maybe', blocker: 7, sentiment: 'engaged', consult: 'other', skip: 'asked:已掌握' },
      { checkpoint: false, blocker: 'none', consult: '', skip: 'asked', skip_reason: '已掌握', source: 'coerced' }],
    ['with null', { checkpoint: null, sentiment: 'fatigued' }, { checkpoint: false, sentiment: 'fatigued', source: 'coerced' }],
    ['with an unknown key', { checkpoint: true, end_confirmed: true }, { checkpoint: true, source: 'coerced' }],
    ['with the alias of skip', { skip_requested: true }, { skip: 'asked', source: 'coerced' }],
    ['with a full-width colon', { skip: 'asked：太啰嗦' }, { skip: 'asked', skip_reason: '太啰嗦' }],
    ['with an unknown skip code', { skip: 'asked:constructor' }, { skip: 'asked', skip_reason: null }],
    ['with a hint', { skip: 'Hinted' }, { skip: 'hinted', skip_reason: null, source: 'coerced' }],
  ])('is read %s', (_title, raw, expected) => {
    expect(readJudgement(json(raw)).value).toMatchObject(expected);
  });

  it('is the default when nothing is readable', () => {
    expect(readJudgement('{}')).toMatchObject({ keys: 0, value: { source: 'default' } });
    expect(readJudgement('oops')).toMatchObject({ keys: 0, value: { source: 'default' } });
  });

  it('always has the closed form', () => {
    const key = fc.constantFrom('checkpoint', 'blocker', 'sentiment', 'consult', 'skip', 'skip_requested', '__proto__', 'x');
    fc.assert(fc.property(fc.dictionary(key, fc.jsonValue()), (raw) => {
      expect(JudgementSchema.strict().safeParse(readJudgement(json(raw)).value).success).toBe(true);
    }));
  });
});

describe('a record', () => {
  const context = { taskIds: TASKS, prose: 'One.\n\nTry it.\n' };

  it('drops unknown ids, clips long texts and takes the last line of the prose for a missing suggestion', () => {
    const raw = {
      progress_record: '数'.repeat(2100), ca_teaching_mode: 'Direct', turn_index: 99,
      evidence_for_subtasks: [
        { subtask: TASKS[0], description: 'loaded it', quote: 'q' }, { subtask_id: 'other', evidence: 'x' }, 'text', { subtask_id: TASKS[1] },
      ],
    };

    const reading = readRecord(json(raw), context);

    expect(reading.value).toEqual({
      progress_record: '数'.repeat(2000), what_user_attempted: '', what_user_observed: '', ca_teaching_mode: 'direct', ca_next_suggestion: 'Try it.',
      evidence_for_subtasks: [{ subtask_id: TASKS[0], evidence: 'loaded it', quote: 'q' }],
    });
    expect(reading).toMatchObject({ coerced: true, unknownKeys: 1 });
    expect(reading.problems.length).toBe(3);
  });

  it.each([['nothing', null], ['blank text', ' '], ['no object', 'tried it'], ['a foreign object', '{"a":1}']])('is missing in %s', (_title, raw) => {
    expect(readRecord(raw, context)).toMatchObject({ value: null });
  });

  it('keeps at most six pieces of evidence, and one stands for a list', () => {
    const evidence = { subtask_id: TASKS[0], evidence: 'x' };

    expect(readRecord(json({ evidence_for_subtasks: Array.from({ length: 9 }, () => evidence) }), context).value?.evidence_for_subtasks.length).toBe(6);
    expect(readRecord(json({ evidence_for_subtasks: evidence }), context).value?.evidence_for_subtasks).toEqual([evidence]);
  });

  it('is told from other objects by its fields', () => {
    expect(countRecordFields(`\`\`\`json\n${json(example('record'))}\n\`\`\``)).toBe(6);
    expect(countRecordFields('{"progress_record":"","a":1}')).toBe(1);
  });
});

describe('a plan', () => {
  it('drops a broken part alone', () => {
    const { packet, state_update, consultation_request } = example('plan');

    expect(readPlan(json({ packet: { current_focus: 'x' }, state_update, consultation_request }))).toMatchObject({
      value: { packet: null, consultation_request: { expert_id: 'data_inspector' } }, packet: { value: null },
    });
    expect(readPlan(json({ packet, state_update: 'all done', consultation_request: { expert_id: '../x', question: 'q' } }))).toMatchObject({
      value: { packet: { hint_level: 1 }, state_update: null, consultation_request: null },
    });
  });

  it('cuts, folds and defaults the fields of the packet, and never reads protected ones', () => {
    const packet = {
      current_focus: ['Look', 'again'], guidance_for_ca: 'g'.repeat(1300), must_check: ['a', 'b', 'c'], nice_check: 'n', lock_until: 'Attempts Exceeded',
      allow_setup_helper_code: 'yes', setup_helper_scope: 'everything', hint_level: '2', instruction_version: 99, bound_by: ['x'], derived: true,
    };

    const { value } = readPlan(json({ packet })).packet;

    expect(value).toEqual({
      current_focus: 'Look\nagain', guidance_for_ca: 'g'.repeat(1200), recommended_targets: ['a', 'b'], nice_check: ['n'], lock_until: 'attempts_exceeded',
      allow_setup_helper_code: true, setup_helper_scope: 'none', task_type: 'core', suggest_checkpoint_confirmation: false, current_task_id: null, hint_level: 2,
    });
  });

  it('is read from a packet without its wrapper, and from statuses in short form', () => {
    expect(readPlan(json(example('plan')['packet'])).value).toMatchObject({ packet: { hint_level: 1 }, state_update: null });
    expect(readPlan(json({ state_update: { subtask_status: { t1: 'completed', t2: { status: 'skipped', evidence: 'saw it' } } } })).value?.state_update).toEqual({
      subtask_status: { t1: { status: 'completed', evidence: [] }, t2: { evidence: ['saw it'] } },
    });
    expect(readPlan(json({ state_update: { subtask_status: [{ subtask_id: 't1', status: 'In Progress' }] } })).value?.state_update).toEqual({
      subtask_status: { t1: { status: 'in_progress', evidence: [] } },
    });
  });

  it.each(['', 'I think we should…', '{}', '{"packet":null}', '{"packet":{}}'])('fails as a whole in %j', (text) => {
    const reading = readPlan(text);

    expect(reading.value).toBeNull();
    expect(reading.problems.length).toBeGreaterThan(0);
  });
});

describe('other replies', () => {
  it('an integration needs both texts; its parts are dropped alone', () => {
    const { guidance_for_ca: _, ...rest } = example('integrate');

    expect(readIntegrate(json(rest)).value).toBeNull();
    expect(readIntegrate(json({ ...example('integrate'), packet_patch: { current_focus: '', lock_until: 'x' }, state_update: 3 })).value).toMatchObject({
      packet_patch: {}, state_update: null, consultation_request: null,
    });
  });

  it('a consultation request keeps known context, clips the rest and stays below 8 KB', () => {
    const request = { expert_id: 'e1', expected_output_type: 'analogy', question: 'why?' };
    const { value } = readConsultationRequest({
      ...request, context: { file_name: 'a.csv', task_requirements: { minimum_rows: 2 }, other: { deep: 'x'.repeat(500) }, student_evidence: 'y'.repeat(9000) },
    });

    expect(value?.context).toMatchObject({ file_name: 'a.csv', task_requirements: { minimum_rows: 2 } });
    expect(value?.context['other']).toHaveLength(400);
    expect(value?.context['student_evidence']).toBeUndefined();
    expect(readConsultationRequest(null)).toEqual({ value: null, problems: [], coerced: false, unknownKeys: 0 });
  });

  it('a memo patch loses texts with markup, and broken items alone', () => {
    const { value, problems } = readMemoPatch(json({
      observations: { add: ['good', '<think>secret</think>', 7, { a: 1 }], resolve: ['o1'] }, memory_delta: 'x\n@@record {}', diagnostic_log: 'one', progress_delta: 'Evidence-Added',
      error_entries: [{ error_type: 'coding', description: 'd' }, { error_type: 'typo', description: 'd' }],
    }));

    expect(value).toMatchObject({
      observations: { add: ['good', '7'], drop: ['o1'] }, memory_delta: '', diagnostic_log: ['one'], progress_delta: 'evidence_added',
      error_entries: [{ error_type: 'coding', description: 'd', context: '' }],
    });
    expect(problems.length).toBe(5);
    expect(readMemoPatch('{"a":1}').value).toBeNull();
  });

  it.each([
    ['an object', '{"narrative":"You did it."}', 'You did it.'],
    ['plain text', '\nYou did it.\n', 'You did it.'],
    ['fenced text', '```\nYou did it.\n```', 'You did it.'],
    ['too many words', 'go '.repeat(500), 'go '.repeat(400).trim()],
    ['too many Han characters', '好'.repeat(500), '好'.repeat(400)],
  ])('a final narrative is read from %s', (_title, text, narrative) => {
    expect(readFinalNarrative(text).value).toEqual({ narrative });
  });

  it.each(['', '{"narrative":""}', '{"other":1}', '<think>x</think> y', '@@record'])('a final narrative is missing in %j', (text) => {
    expect(readFinalNarrative(text).value).toBeNull();
  });
});

describe('structures', () => {
  it.each(NAMES)('the example of %s parses, and the reader takes it without a change', (name) => {
    const text = `\`\`\`json\n${JSON.stringify(example(name), null, 2)}\n\`\`\``;
    const readings = {
      plan: () => readPlan(text), integrate: () => readIntegrate(text), memo: () => readMemoPatch(text), final_report: () => readFinalNarrative(text),
      record: () => readRecord(text, { taskIds: TASKS, prose: '' }),
    };

    expect(schemaFor(name).safeParse(example(name)).success).toBe(true);
    expect(readings[name]()).toMatchObject({ value: example(name), problems: [], coerced: false, unknownKeys: 0 });
    expect(structureFor(name).schema).toMatchObject({ type: 'object' });
  });
});

/** Breaks a good reply as models do. */
const breakage = fc.constantFrom<((text: string, at: number) => string)[]>(
  ...[
    (text: string, at: number) => text.slice(0, at), (text: string, at: number) => text.slice(0, at) + text.slice(at + 1),
    (text: string) => text.replaceAll('true', 'True').replaceAll('null', 'None'), (text: string) => text.replaceAll('"', "'"),
    (text: string) => text.replaceAll('"', '”'), (text: string) => text.replaceAll(/([}\]])/g, ',$1'), (text: string) => `Sure!\n\`\`\`json\n${text}`,
    (text: string) => text.replaceAll(/\["([^"]*)"\]/g, '"$1"'), (text: string) => text.replaceAll(/:"[^"]*"/g, ':null'),
    (text: string, at: number) => `${text.slice(0, at)}"${text.slice(at)}`, (text: string, at: number) => `${text.slice(0, at)}\n${text.slice(at)}`,
    (text: string) => text.replaceAll(/:\d/g, ':"9"'), (text: string) => text.replaceAll('"status"', '"end_confirmed"'), (text: string) => `[${text}]`,
    (text: string) => text.replaceAll(/_([a-z])/g, ' $1'), (text: string) => text.toUpperCase(), (text: string) => text.repeat(2), () => '{"packet":{"packet":{}}}',
  ].map((one) => [one]),
);

describe('300 malformed replies', () => {
  it.each(NAMES)('of %s end in valid objects or typed failures', (name) => {
    const good = json(example(name));
    let saved = 0;
    fc.assert(fc.property(fc.array(fc.tuple(breakage, fc.nat()), { minLength: 1, maxLength: 3 }), (steps) => {
      const text = steps.reduce((sofar, [[breaks], at]) => breaks?.(sofar, at % (sofar.length + 1)) ?? sofar, good);
      const plan = readPlan(text);
      const readings = [
        [plan, PlanProposalSchema], [readIntegrate(text), IntegrateProposalSchema], [readMemoPatch(text), MemoPatchProposalSchema],
        [readRecord(text, { taskIds: TASKS, prose: 'x' }), CompanionRecordSchema], [readFinalNarrative(text), FinalNarrativeSchema],
      ] as const;
      for (const [reading, schema] of readings) {
        expect(reading.value === null ? reading.problems.length > 0 : schema.strict().parse(reading.value)).toEqual(reading.value ?? true);
      }
      saved += readings[NAMES.indexOf(name)]?.[0].value === null ? 0 : 1;
    }), { numRuns: 300, seed: 20_260 });

    expect(saved).toBeGreaterThan(100);
  });
});
