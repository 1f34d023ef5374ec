import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readChapterConsultation, readConsultationConfig } from './consultation-config.ts';
import { importLegacyRules } from './import-legacy-rules.ts';
import { printImportedRules } from './print-rules.ts';
import { ruleWords } from './rule-words.ts';
import { findTrigger, impliedTriggers, requestOf, TriggerSchema } from './triggers.ts';

const chapterWith = (config: string | null, declared: string[] = []) =>
  ({ chapter_id: 'c/ch', chapter: { consultation_config: config, declared_experts: declared } }) as unknown as Parameters<typeof readChapterConsultation>[0];
const HEAD = 'chapter_id: c/ch\nversion: "1.0"\n';

describe('the consultation configuration of a chapter', () => {
  it('of the sample course holds its trigger and its rule', async () => {
    const text = await readFile(join(import.meta.dirname, '../../../content/curriculum/python_first_steps/ch2_comparing_groups/consultation_config.yaml'), 'utf8');
    const chapter = readChapterConsultation({ ...chapterWith(text), chapter_id: 'python_first_steps/ch2_comparing_groups' });

    expect(chapter).toMatchObject({ experts: ['data_inspector', 'code_checker'], roundsPerTurn: 1, unparsed: [], problems: [] });
    expect(chapter.triggers).toMatchObject([{ on: 'new_upload', extensions: ['csv', 'xlsx'] }]);
    expect(chapter.rules).toMatchObject([{ name: 'unsuitable_dataset' }]);
    expect(ruleWords(chapter).map((line) => line.split(':')[0])).toEqual(['Must', 'Must not', 'Asked by code when a file is uploaded (csv, xlsx)', 'Binding (unsuitable_dataset)']);
  });

  it.each([
    ['uses the declared experts without a configuration', null, ['data_inspector'], ['data_inspector']],
    ['uses none without a configuration or declaration', null, [], []],
    ['uses none with a broken configuration', 'a: [', ['data_inspector'], []],
    ['refuses aliases', `${HEAD}available_experts: &x [a_b]\nother: *x\n`, ['data_inspector'], []],
    ['refuses repeated keys', `${HEAD}available_experts: [a_b]\navailable_experts: [c_d]\n`, [], []],
    ['uses none when no expert is named', `${HEAD}available_experts: []\n`, [], []],
  ])('%s', (_title, config, declared, experts) => {
    expect(readChapterConsultation(chapterWith(config, declared)).experts).toEqual(experts);
  });

  it.each([[0, 1], [1, 1], [2, 2], [3, 3], [99, 3], ['x', 1]])('clamps %s consultations per turn to %s', (given, taken) => {
    const config = { chapter_id: 'c/ch', version: '1.0', available_experts: ['a_b'], multi_consultation_policy: { max_rounds_per_user_turn: given } };

    expect(readConsultationConfig(config, 'c/ch').roundsPerTurn).toBe(taken);
  });

  it('keeps what is right beside what is wrong', () => {
    const chapter = readConsultationConfig({
      chapter_id: 'other', version: 1, available_experts: ['a_b'], triggers: [{ on: 'moon' }, { on: 'checkpoint', expert_id: 'a_b', scenario_id: 'x_y', output_type: 'analogy' }],
      binding_rules: {
        rules: [{ name: 'empty', when: { field: 'a', op: 'eq', value: 1 }, set: {} }, { name: 'good', when: { field: 'a', op: 'eq', value: 1 }, set: { lock_until: 'checkpoint_reached' } }],
      },
    }, 'c/ch');

    expect(chapter.triggers).toHaveLength(1);
    expect(chapter.rules.map(({ name }) => name)).toEqual(['good']);
    expect(chapter.unparsed).toEqual([{ name: 'empty', reason: 'the rule sets nothing' }]);
    expect(chapter.problems).toHaveLength(3);
  });
});

describe('the importer of sentence rules', () => {
  const LOCK = "lock_until='user_uploads_suitable_dataset_or_uses_example'";
  it.each([
    ['data_inspector返回is_suitable=false', LOCK, { expert_id: 'data_inspector', field: 'is_suitable', op: 'eq', value: false }, { lock_until: 'user_uploads_suitable_dataset_or_uses_example' }],
    ['返回is_valid=true', 'allow_setup_helper_code=false', { field: 'is_valid', op: 'eq', value: true }, { allow_setup_helper_code: false }],
    ['返回confidence=low', "current_focus='再看一遍'", { field: 'confidence', op: 'eq', value: 'low' }, { current_focus: '再看一遍' }],
    ['data_inspector 返回 blocking_issues非空', "must_check=['列名', '类型']", { expert_id: 'data_inspector', field: 'blocking_issues', op: 'nonempty' }, { recommended_targets: ['列名', '类型'] }],
    ['evidence.row_count<10', "guidance_for_ca='数据太少'", { field: 'evidence.row_count', op: 'lt', value: 10 }, { guidance_for_ca: '数据太少' }],
    ['overall_missing_rate>=0.3', `RMA必须设置${LOCK}，并在guidance_for_ca中要求CA告诉学生缺失值太多，请换一个数据集。`,
      { field: 'overall_missing_rate', op: 'gte', value: 0.3 },
      { lock_until: 'user_uploads_suitable_dataset_or_uses_example', guidance_for_ca: '要求CA告诉学生缺失值太多，请换一个数据集。' }],
  ])('makes a typed rule of %s', (condition, enforcement, when, set) => {
    const imported = importLegacyRules({ rule: { condition, enforcement } });

    expect(imported).toEqual({ rules: [{ name: 'rule', when, set }], unparsed: [] });
  });

  it.each([
    ['an unknown enumeration value', '返回is_suitable=false', "lock_until='forever', allow_setup_helper_code=true"],
    ['a condition in other words', '如果数据不好', LOCK],
    ['an enforcement in other words', '返回is_suitable=false', `${LOCK}，然后通知老师`],
    ['no action', '返回is_suitable=false', 'RMA必须'],
    ['a known field in another form', '返回is_suitable=false', 'lock_until 改成等待'],
    ['a condition that goes on', '返回is_suitable=false且warning_issues非空', LOCK],
  ])('rejects %s whole and says why', (_title, condition, enforcement) => {
    const imported = importLegacyRules({ bad: { condition, enforcement }, good: { condition: '返回is_suitable=false', enforcement: LOCK } });

    expect(imported.rules.map(({ name }) => name)).toEqual(['good']);
    expect(imported.unparsed).toMatchObject([{ name: 'bad', reason: expect.stringMatching(/./) }]);
  });

  it('prints rules that the configuration reads back', () => {
    const yaml = `${HEAD}available_experts: [a_b]\nbinding_rules:\n  expert_judgment_binding:\n    one: { condition: "返回is_suitable=false", enforcement: "${LOCK}" }\n`;

    const result = printImportedRules(yaml);

    const printed = result.kind === 'printed' ? result.printed : null;
    expect(readChapterConsultation(chapterWith(`${HEAD}available_experts: [a_b]\n${printed?.yaml}`)).rules).toEqual(printed?.rules);
    expect(printed?.rules).toHaveLength(1);
    expect(printImportedRules('a: [')).toMatchObject({ kind: 'invalid' });
  });
});

describe('triggers', () => {
  const target = { expert_id: 'data_inspector', scenario_id: 'dataset_suitability_check', output_type: 'suitability_judgment' };
  const facts = {
    state: { attempts_since_last_progress: 2, current_subtask_id: 't1' }, judgement: { checkpoint: true, blocker: 'core_concept' },
    uploads: [{ name: 'a.CSV', sha256: 'h1' }, { name: 'b.txt', sha256: 'h2' }, { name: 'c.csv', sha256: null }],
  };
  it.each([
    ['the newest upload of its kind', { on: 'new_upload', extensions: ['.csv'] }, 'c.csv', 'new_upload:data_inspector:dataset_suitability_check:c.csv'],
    ['attempts', { on: 'attempts', gte: 3 }, null, 'attempts:data_inspector:dataset_suitability_check:t1:attempts3'],
    ['a blocker', { on: 'blocker', in: ['core_concept'] }, null, 'blocker:data_inspector:dataset_suitability_check:t1:core_concept'],
    ['a checkpoint', { on: 'checkpoint' }, null, 'checkpoint:data_inspector:dataset_suitability_check:t1:checkpoint'],
    ['too few attempts', { on: 'attempts', gte: 4 }, null, null],
    ['another blocker', { on: 'blocker', in: ['scaffolding'] }, null, null],
  ])('fire for %s, once per cause', (_title, condition, fileName, cause) => {
    const trigger = TriggerSchema.parse({ ...condition, ...target });
    const fired = findTrigger([trigger], facts, () => false);

    expect(fired?.cause ?? null).toBe(cause);
    expect(fired?.fileName ?? null).toBe(fileName);
    expect(findTrigger([{ ...trigger, ...(trigger.on === 'new_upload' ? { extensions: ['txt'] } : {}) }], facts, () => true)).toBeNull();
  });

  it('ask in the chapter’s language and pass requirements on', () => {
    const trigger = TriggerSchema.parse({ on: 'new_upload', ...target, task_requirements: { minimum_rows: 2 } });
    const fired = findTrigger([trigger], facts, () => false)!;

    expect(requestOf(fired, { taskId: 't1', language: 'zh-Hans' })).toMatchObject({
      question: '上传的文件是否适合当前任务？', context: { file_name: 'c.csv', task_id: 't1', task_requirements: { minimum_rows: 2 } },
    });
  });

  it('stand for expert and scenario ids that must be consulted', () => {
    const experts = [{ id: 'data_inspector', outputModes: ['suitability_judgment'] }, { id: 'explainer', outputModes: ['concept_explanation'] }];

    expect(impliedTriggers(['data_inspector', 'concept_clarification', 'Be careful.'], [], experts)).toMatchObject([
      { on: 'new_upload', expert_id: 'data_inspector' }, { on: 'blocker', in: ['core_concept'], expert_id: 'explainer' },
    ]);
  });
});
