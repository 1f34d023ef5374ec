import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HelperScopeSchema, InstructionPacketSchema } from '../../contracts/index.ts';
import { type BindingRule, BindingRuleSchema, firedRules } from '../../contracts/index.ts';
import { applyBinding } from './binding.ts';
import { derivePacket } from './derive-packet.ts';
import { issuePacket } from './packet-version.ts';
import { applyPacketPatch, applyPlan, fallbackIntegration } from './plan-packet.ts';
import { PlanPacketProposalSchema } from './proposals.ts';
import { createSession, idArb, judgementArb, judgementWith, lockArb, stateArb } from './state.fixtures.ts';
import { UNLOCK_REASONS } from './unlock.ts';

const UnversionedSchema = InstructionPacketSchema.omit({ instruction_version: true });
const proposal = (change: object = {}) => PlanPacketProposalSchema.parse({
  current_focus: 'Columns', guidance_for_ca: 'Ask for the types', recommended_targets: ['names the types'], ...change,
});

describe('derivePacket', () => {
  it.each([
    ['the nested item when the bullet has only the id', '### 任务2：画折线图\n- **plot_line** [类型: core]\n  - 横轴是日期', '横轴是日期'],
    ['the words after the id', '### 任务1：读取温度表\n- **read_temps**: 用 pandas 读表 [类型: core]\n  - 打印前三行', '用 pandas 读表'],
    ['the first list item of a body on lines of its own', '**Task ID:** `sum_column`\n**Type:** Core\n\n1. Add up `rain`', 'Add up `rain`'],
    ['no list item of a fence', '```\n- not this\n```\n- this', 'this'],
    ['the title without any list item', 'Just text', 'Title'],
  ])('takes as target %s', (_title, body, target) => {
    expect(derivePacket({ id: 'some_task', title: 'Title', body }, 'creation', 'en').recommended_targets).toEqual([target]);
  });

  it.each([['zh-Hans', '介绍任务「读表」'], ['en', 'Introduce the task "读表"']])('speaks %s', (language, words) => {
    expect(derivePacket({ id: 'read_it', title: '读表', body: '' }, 'skip', language).guidance_for_ca).toContain(words);
  });

  it('is a legal, derived packet without help for every task and cause', () => {
    const taskArb = fc.option(fc.record({ id: fc.constant('some_task'), title: fc.string(), body: fc.string() }));
    fc.assert(fc.property(taskArb, fc.constantFrom('creation', 'completion', 'skip', 'restore'), fc.constantFrom('en', 'zh-Hans', ''), (task, cause, language) => {
      const packet = derivePacket(task, cause as 'skip', language);

      expect(UnversionedSchema.parse(packet)).toEqual(packet);
      expect(packet).toMatchObject({ derived: true, allow_setup_helper_code: false, lock_until: 'checkpoint_reached', current_task_id: task?.id ?? null });
      expect(packet.current_focus).not.toBe('');
      expect(packet.recommended_targets).toHaveLength(1);
    }));
  });

  it('starts a session with version 1 on the first required task', () => {
    const { state, packet } = createSession();

    expect([state.current_instruction_version, packet.instruction_version, packet.current_task_id]).toEqual([1, 1, 'load_csv']);
    expect(Object.keys(state.subtask_status)).toEqual(['load_csv', 'inspect', 'sort_data', 'summary']);
  });
});

describe('applyPlan', () => {
  const context = (change: object = {}) => ({ current: { hint_level: 1 as const }, state: createSession().state, judgement: judgementWith({}), reasons: [], ...change });

  it.each([
    [{ allow_setup_helper_code: true, setup_helper_scope: 'env_setup' }, [true, 'env_setup']],
    [{ allow_setup_helper_code: true }, [false, 'none']],
    [{ setup_helper_scope: 'env_setup' }, [false, 'none']],
  ])('reads helper permission %o', (change, helper) => {
    const packet = applyPlan(proposal(change), context());

    expect([packet.allow_setup_helper_code, packet.setup_helper_scope]).toEqual(helper);
  });

  it.each<[string, object, object, number]>([
    ['stays when nothing is said', {}, {}, 1],
    ['follows the planner', { hint_level: 3 }, {}, 3],
    ['grows when attempts ran out', {}, { reasons: ['attempts'] }, 2],
    ['does not grow beyond 4', { hint_level: 4 }, { reasons: ['attempts'] }, 4],
    ['grows even if the planner lowers it', { hint_level: 0 }, { reasons: ['attempts'] }, 2],
    ['starts over at a checkpoint', { hint_level: 3 }, { reasons: ['attempts'], judgement: judgementWith({ checkpoint: true }) }, 0],
  ])('hint level %s', (_title, ...[change, facts, level]) => {
    expect(applyPlan(proposal(change), context(facts)).hint_level).toBe(level);
  });

  it.each([['summary', 'summary'], ['nowhere', 'load_csv'], [null, 'load_csv']])('for task %s chooses %s', (wish, chosen) => {
    expect(applyPlan(proposal({ current_task_id: wish }), context()).current_task_id).toBe(chosen);
  });

  it('gives a legal packet that only the commit versions, one higher (I4, I5, I14)', () => {
    const proposalArb = fc.record({
      lock_until: lockArb, allow_setup_helper_code: fc.boolean(), setup_helper_scope: fc.constantFrom(...HelperScopeSchema.options),
      current_task_id: fc.option(idArb), hint_level: fc.constantFrom(0, 1, 2, 3, 4), instruction_version: fc.nat(),
    });
    fc.assert(fc.property(proposalArb, stateArb, judgementArb, fc.subarray([...UNLOCK_REASONS]), (...[fields, state, judgement, reasons]) => {
      const planned = applyPlan(proposal(fields), { current: {}, state, judgement, reasons });
      const issued = issuePacket(state, planned);

      expect(InstructionPacketSchema.parse(issued.packet)).toEqual(issued.packet);
      expect(issued.packet.instruction_version).toBe(state.current_instruction_version + 1);
      expect(issued.state.current_instruction_version).toBe(issued.packet.instruction_version);
    }));
  });

  it('lets integrate change texts only', () => {
    const { packet } = createSession();

    const patched = applyPacketPatch(packet, { current_focus: 'New', nice_check: ['x'] });

    expect(patched).toEqual({ ...packet, current_focus: 'New', nice_check: ['x'] });
    expect(applyPacketPatch(packet, null)).toBe(packet);
  });

  it('builds the texts of integrate from an output', () => {
    const built = fallbackIntegration({
      answer_summary: 'Two columns are missing.', recommended_next_step: 'Upload again.', blocking_issues: ['no score', { message: 'no name' }],
    }, 'en');

    expect(built).toMatchObject({ expert_consultation_summary: 'Two columns are missing.\nIssues: no score; no name', packet_patch: null });
    expect(built.guidance_for_ca).toMatch(/^Upload again\.\n/);
    expect(fallbackIntegration({}, 'zh').expert_consultation_summary).toBe('专家没有给出摘要。');
  });
});

describe('applyBinding', () => {
  const { packet } = createSession();
  const rule = (when: object, set: object = { lock_until: 'attempts_exceeded' }, name = 'rule'): BindingRule => BindingRuleSchema.parse({ name, when, set });
  const bound = { expert_id: 'data_inspector', output: { output_type: 'suitability_judgment', is_suitable: false, rows: 3, issues: [], note: 'x', deep: { a: { b: 1 } }, nothing: null } };

  it.each<[object, boolean]>([
    [{ field: 'is_suitable', op: 'eq', value: false }, true],
    [{ field: 'is_suitable', op: 'eq', value: true }, false],
    [{ field: 'is_suitable', op: 'ne', value: true }, true],
    [{ field: 'missing', op: 'ne', value: true }, false],
    [{ field: 'missing', op: 'empty' }, false],
    [{ field: 'toString', op: 'nonempty' }, false],
    [{ field: 'issues', op: 'empty' }, true],
    [{ field: 'issues', op: 'nonempty' }, false],
    [{ field: 'note', op: 'nonempty' }, true],
    [{ field: 'nothing', op: 'empty' }, true],
    [{ field: 'rows', op: 'gt', value: 3 }, false],
    [{ field: 'rows', op: 'gte', value: 3 }, true],
    [{ field: 'rows', op: 'lt', value: 4 }, true],
    [{ field: 'rows', op: 'lte', value: 2 }, false],
    [{ field: 'note', op: 'gt', value: 1 }, false],
    [{ field: 'deep.a.b', op: 'eq', value: 1 }, true],
    [{ field: 'deep.x.b', op: 'eq', value: 1 }, false],
    [{ field: 'rows', op: 'gt', value: 1, output_type: 'suitability_judgment', expert_id: 'data_inspector' }, true],
    [{ field: 'rows', op: 'gt', value: 1, output_type: 'analogy' }, false],
    [{ field: 'rows', op: 'gt', value: 1, expert_id: 'other' }, false],
  ])('when %o fires: %s', (when, fires) => {
    expect(firedRules([rule(when)], bound)).toHaveLength(fires ? 1 : 0);
  });

  it('refuses a path of more than three names', () => {
    expect(BindingRuleSchema.safeParse({ name: 'x', when: { field: 'a.b.c.d', op: 'empty' }, set: {} }).success).toBe(false);
  });

  it('lets the later rule win per field, prepends guidance once, and names the rules', () => {
    const when = { field: 'rows', op: 'gte', value: 1 };
    const rules = [
      rule(when, { lock_until: 'new_error_type', current_focus: 'first', guidance_for_ca: 'old' }, 'one'),
      rule(when, { lock_until: 'user_uploads_suitable_dataset_or_uses_example', guidance_for_ca: 'Ask for a file.', recommended_targets: ['a', 'b', 'c'] }, 'two'),
    ];

    const once = applyBinding(packet, rules, bound);

    expect(once).toEqual({
      ...packet, lock_until: 'user_uploads_suitable_dataset_or_uses_example', current_focus: 'first', recommended_targets: ['a', 'b'],
      guidance_for_ca: `Ask for a file.\n${packet.guidance_for_ca}`, bound_by: ['one', 'two'],
    });
    expect(applyBinding(once, rules, bound)).toEqual(once);
  });

  it('takes the planner\'s scope away with the permission', () => {
    const helping = { ...packet, allow_setup_helper_code: true, setup_helper_scope: 'env_setup' as const };

    const after = applyBinding(helping, [rule({ field: 'rows', op: 'gt', value: 0 }, { allow_setup_helper_code: false })], bound);

    expect([after.allow_setup_helper_code, after.setup_helper_scope]).toEqual([false, 'none']);
  });

  it('holds against any patch made before it (I8)', () => {
    const setArb = fc.record({
      lock_until: lockArb, allow_setup_helper_code: fc.boolean(), setup_helper_scope: fc.constantFrom(...HelperScopeSchema.options),
      current_focus: fc.string({ minLength: 1, maxLength: 20 }),
    }, { requiredKeys: [] });
    const patchArb = fc.record({ current_focus: fc.string({ minLength: 1 }), guidance_for_ca: fc.string({ minLength: 1 }) }, { requiredKeys: [] });
    fc.assert(fc.property(fc.array(setArb, { minLength: 1, maxLength: 3 }), patchArb, (sets, patch) => {
      const rules = sets.map((set, index) => rule({ field: 'rows', op: 'gt', value: 0 }, set, `r${index}`));

      const after = applyBinding(applyPacketPatch(packet, patch), rules, bound);

      expect(InstructionPacketSchema.parse(after)).toEqual(after);
      expect(after).toMatchObject(Object.assign({}, ...sets));
    }));
  });

  it('changes nothing when no rule fires', () => {
    expect(applyBinding(packet, [rule({ field: 'missing', op: 'empty' })], bound)).toBe(packet);
  });
});
