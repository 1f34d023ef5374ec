import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  InstructionPacketSchema, MemoDigestSchema, MemoryStateSchema, SessionStateSchema, TurnOutcomeSchema,
} from '../../contracts/index.ts';
import { applyProposal } from './apply-proposal.ts';
import { createDigest } from './initial-state.ts';
import { nearestWord } from './lenient-reader.ts';
import { createJudgement, createRecord, describeTurn, mergeOutcome } from './outcome.ts';
import { repairPacket } from './repair-packet.ts';
import { repairDigest, repairMemory, repairOutcome } from './repair-records.ts';
import { repairSession } from './repair-session.ts';
import { type RepairFacts, STATUS_WORDS, repairState } from './repair-state.ts';
import { repinSession, repinTasks } from './repin.ts';
import { IDENTITY, NOW, TASKS, createSession, judgementWith, stateWith } from './state.fixtures.ts';
import { skip } from './skip.ts';

const FACTS: RepairFacts = { ...IDENTITY, tasks: TASKS, nextIndex: 0 };

describe('repairState', () => {
  it('takes a legal state as it stands', () => {
    const { state } = createSession();

    expect(repairState(JSON.parse(JSON.stringify(state)), FACTS)).toEqual({ state: { ...state, ext: { ...state.ext, set_aside: {} } }, problems: [] });
  });

  it('fills the defaults that a restoring desktop leaves out', () => {
    const { state, problems } = repairState({ session_id: 'other', chapter_id: 'ch', subtask_status: {}, turn_index: 2 }, { ...FACTS, nextIndex: 4 });

    expect(problems).toEqual([]);
    expect(state).toMatchObject({ session_id: 's1', chapter_id: 'ch', turn_index: 4, current_subtask_id: 'load_csv', end_suggested: false });
    expect(Object.keys(state.subtask_status)).toEqual(['load_csv', 'inspect', 'sort_data', 'summary']);
  });

  it('reads wrong values as the nearest legal ones and names them', () => {
    const { state, problems } = repairState({
      turn_index: '3', subtask_status: { load_csv: 'Done', inspect: { status: 'in progress', evidence: 'one' }, summary: 7, old_task: { status: 'completed', evidence: [] } },
      constraints: { max_attempts_before_unlock: 99 }, skip_log: [{ subtask_id: 'summary', reason: 'too_hard' }, 'x'], consecutive_skips: -2, end_confirmed: 'no',
      ext: { schema: 1, evidence_log: [{}], last_judgement: { blocker: 'coreConcept', sentiment: 'bored' } },
    }, FACTS);

    expect(state).toMatchObject({
      turn_index: 3, consecutive_skips: 0, end_confirmed: false, constraints: { max_attempts_before_unlock: 10 },
      subtask_status: { load_csv: { status: 'completed', evidence: [] }, inspect: { status: 'in_progress', evidence: ['one'] }, summary: { status: 'not_started' } },
      skip_log: [{ subtask_id: 'summary', reason: '太难了', reason_text: null }], current_subtask_id: 'inspect',
    });
    expect(state.ext).toMatchObject({ schema: 2, set_aside: { old_task: { status: 'completed', evidence: [] } }, evidence_log: [], last_judgement: { blocker: 'none' } });
    expect(problems).toContain('session_state.turn_index: read as 3');
    expect(problems).toContain('session_state.ext.last_judgement.sentiment: unknown value');
    expect(problems).toContain('session_state.constraints.max_attempts_before_unlock: read as 10');
  });

  it('keeps the statuses of a chapter that cannot be found now', () => {
    const { state } = repairState({ subtask_status: { anything: { status: 'skipped', evidence: [] } } }, { ...FACTS, tasks: null });

    expect(state.subtask_status).toEqual({ anything: { status: 'skipped', evidence: [] } });
  });

  it('suggests no end where there are no tasks at all', () => {
    expect(repairState({}, { ...FACTS, tasks: null }).state.end_suggested).toBe(false);
  });

  it.each([['Completed', 'completed'], ['in-progress', 'in_progress'], ['DONE', 'completed'], ['compl', 'completed'], ['已跳过', 'skipped'], ['', null], ['in', null], ['zzz', null], [3, null]])(
    'reads the status %j as %j', (value, word) => {
      expect(nearestWord(value, STATUS_WORDS)).toBe(word);
    });
});

describe('repairPacket', () => {
  const facts = { state: createSession().state, tasks: TASKS, language: 'en' };
  const read = (raw: unknown) => repairPacket(raw, facts).packet;

  it.each<[string, object, string[], string[]]>([
    ['recommended_targets', { recommended_targets: ['a', 'b', 'c'] }, ['a', 'b'], []],
    ['must_check', { must_check: ['a', 'b', 'c'], nice_check: ['n', 'm'] }, ['a', 'b'], ['n']],
    ['one target as a text', { must_check: 'a' }, ['a'], []],
    ['what_to_check, split', { what_to_check: '1. first\n- second；third' }, ['first', 'second'], ['third']],
    ['what_to_check as a list', { what_to_check: ['first', 'second'] }, ['first', 'second'], []],
    ['no targets at all', {}, ['Focus'], []],
  ])('reads %s', (_title, ...[fields, targets, checks]) => {
    const packet = read({ current_focus: 'Focus', ...fields });

    expect([packet.recommended_targets, packet.nice_check]).toEqual([targets, checks]);
  });

  it.each([undefined, null, 'text', [], {}, { current_focus: ' ' }, { current_focus: {} }])('derives a packet from %j', (raw) => {
    expect(read(raw)).toMatchObject({ derived: true, current_task_id: 'load_csv', current_focus: 'Read the table' });
  });

  it('repairs enum, permission and task', () => {
    expect(read({ current_focus: 'F', lock_until: 'Attempts Exceeded', allow_setup_helper_code: true, setup_helper_scope: 'nonsense', current_task_id: 'gone', hint_level: 9 }))
      .toMatchObject({ lock_until: 'attempts_exceeded', allow_setup_helper_code: false, setup_helper_scope: 'none', current_task_id: 'load_csv', hint_level: 4 });
  });
});

describe('repairSession', () => {
  it.each([
    ['the state', { current_instruction_version: 7 }, { current_focus: 'F', instruction_version: 3 }, 7],
    ['the packet', { current_instruction_version: 2 }, { current_focus: 'F', instruction_version: 9 }, 9],
    ['a missing packet', { current_instruction_version: 4 }, undefined, 5],
    ['nothing', undefined, undefined, 1],
    ['a packet without version', {}, { current_focus: 'F' }, 1],
    ['a stored derived packet', { current_instruction_version: 4 }, { current_focus: 'F', instruction_version: 4, derived: true }, 4],
  ])('continues the version from %s', (_title, ...[state, packet, version]) => {
    const session = repairSession({ state, packet, outcomes: [] }, FACTS);

    expect([session.state.current_instruction_version, session.packet.instruction_version]).toEqual([version, version]);
  });

  it('tells an unreadable state again by its turns and the digest', () => {
    const outcome = repairOutcome({ evidence_for_subtasks: [{ subtask: 'load_csv', description: 'printed rows' }] }).outcome;

    const { state } = repairSession({ state: 'broken', digest: { skipped_tasks: ['inspect', 'nowhere'] }, outcomes: [{ turn_index: 0, outcome }] }, { ...FACTS, nextIndex: 1 });

    expect(state.subtask_status).toMatchObject({ load_csv: { status: 'in_progress', evidence: ['printed rows'] }, inspect: { status: 'skipped' } });
    expect(state.ext!.evidence_log.map((record) => record.verified)).toEqual([false]);
    expect(state.turn_index).toBe(1);
  });

  it('makes legal records of anything, on which a session plans and skips (I4, I14)', () => {
    const oddArb = fc.oneof(fc.anything(), fc.record({
      turn_index: fc.anything(), subtask_status: fc.oneof(fc.anything(), fc.dictionary(fc.constantFrom('load_csv', 'inspect', '__proto__', 'x y'), fc.anything())),
      current_instruction_version: fc.anything(), skip_log: fc.oneof(fc.anything(), fc.array(fc.anything())), ext: fc.oneof(fc.anything(), fc.record({ tasks: fc.anything(), evidence_log: fc.array(fc.anything()) })),
      current_focus: fc.oneof(fc.string(), fc.anything()), recommended_targets: fc.anything(), what_to_check: fc.anything(), instruction_version: fc.anything(),
      key_observations: fc.anything(), achievement_log: fc.anything(), memory_state: fc.anything(), deltas: fc.array(fc.anything()), mid_term_summaries: fc.anything(),
    }, { requiredKeys: [] }));
    fc.assert(fc.property(oddArb, oddArb, oddArb, fc.boolean(), (...[state, packet, digest, found]) => {
      const session = repairSession({ state, packet, digest, memory: state, outcomes: [{ turn_index: 0, outcome: repairOutcome(packet).outcome }] }, { ...FACTS, tasks: found ? TASKS : null });

      expect(SessionStateSchema.parse(session.state)).toEqual(session.state);
      expect(InstructionPacketSchema.parse(session.packet)).toEqual(session.packet);
      expect(MemoDigestSchema.parse(session.digest)).toEqual(session.digest);
      expect(session.packet.instruction_version).toBe(session.state.current_instruction_version);
      const skipped = skip(session.state, { source: 'button', reason: '已掌握' }, { tasks: TASKS, language: 'en', now: NOW });
      expect(skipped.kind === 'skipped' ? skipped.packet.instruction_version - session.packet.instruction_version : 1).toBe(1);
      expect(SessionStateSchema.safeParse(applyProposal(session.state, {}, { turnIndex: 1, learnerTexts: [], runs: [] }).state).success).toBe(true);
    }));
  });
});

describe('repairDigest, repairMemory, repairOutcome', () => {
  it('prefers the memory inside the digest', () => {
    const inside = { long_term_summary: 'inside' };

    expect(repairDigest({ memory_state: inside }, { long_term_summary: 'file' }).digest.memory_state!.long_term_summary).toBe('inside');
    expect(repairDigest({}, { long_term_summary: 'file' }).digest.memory_state!.long_term_summary).toBe('file');
    expect(repairDigest(undefined)).toEqual({ digest: createDigest(), problems: [] });
  });

  it('cuts lists that are too long, newest kept, and names them', () => {
    const { digest, problems } = repairDigest({ key_observations: Array.from({ length: 20 }, (_, index) => `o${index}`) });

    expect([digest.key_observations.length, digest.key_observations.at(-1), problems]).toEqual([12, 'o19', ['memo_digest.key_observations: more than 12 items']]);
  });

  it('fills an empty outcome with defaults', () => {
    expect(repairOutcome({})).toEqual({ outcome: mergeOutcome(createJudgement(), createRecord(''), 'student'), problems: [] });
  });

  it('reads every value as something legal', () => {
    fc.assert(fc.property(fc.oneof(fc.anything(), fc.dictionary(fc.constantFrom('turn_kind', 'skip_reason', 'deltas', 'version', 'checkpoint_reached'), fc.anything())), (raw) => {
      expect(TurnOutcomeSchema.safeParse(repairOutcome(raw).outcome).success).toBe(true);
      expect(MemoryStateSchema.safeParse(repairMemory(raw).memory).success).toBe(true);
    }));
  });
});

describe('mergeOutcome', () => {
  const record = { ...createRecord('First.\n\nTry it now.\n'), what_user_attempted: 'a loop', evidence_for_subtasks: [{ subtask_id: 'load_csv', evidence: 'rows', quote: 'x' }] };

  it('merges judgement and record for the wire', () => {
    const judgement = judgementWith({ checkpoint: true, blocker: 'core_concept', sentiment: 'confused', consult: 'error_diagnosis_needed', skip: 'asked', skip_reason: '太难了' });

    expect(mergeOutcome(judgement, record, 'student')).toEqual({
      progress_record: '', what_user_attempted: 'a loop', what_user_observed: '', ca_next_suggestion: 'Try it now.', ca_teaching_mode: 'socratic',
      checkpoint_reached: true, blocker_type: 'core_concept', student_sentiment: 'confused', evidence_for_subtasks: [{ subtask_id: 'load_csv', evidence: 'rows' }],
      expert_consultation_needed: true, expert_consultation_reason: 'error_diagnosis_needed', student_wants_to_skip: true, skip_reason: '太难了',
    });
  });

  it('names internal kinds and does not take a hint for a wish', () => {
    expect(mergeOutcome(judgementWith({ skip: 'hinted', skip_reason: '其他' }), record, 'greeting'))
      .toMatchObject({ turn_kind: 'greeting', student_wants_to_skip: false, skip_reason: null });
  });

  it.each([['en', 'a loop; asked to skip the task'], ['zh-Hans', 'a loop；要求跳过任务']])('describes a turn in %s', (language, line) => {
    expect(describeTurn(mergeOutcome(judgementWith({ skip: 'asked' }), record, 'student'), language)).toBe(line);
  });
});

describe('repinTasks', () => {
  const pin = { pin: null, language: 'en' };
  const without = (id: string) => TASKS.filter((task) => task.id !== id);

  it('sets statuses of vanished ids aside and brings them back with the task', () => {
    const before = stateWith({ subtask_status: { ...createSession().state.subtask_status, inspect: { status: 'completed', evidence: ['e'] } } });

    const gone = repinTasks(before, without('inspect'), pin);
    const back = repinTasks(gone, TASKS, pin);

    expect(Object.keys(gone.subtask_status)).toEqual(['load_csv', 'sort_data', 'summary']);
    expect(gone.ext!.set_aside).toEqual({ inspect: { status: 'completed', evidence: ['e'] } });
    expect(back.subtask_status).toEqual(before.subtask_status);
    expect(back.ext!.set_aside).toEqual({});
  });

  it('derives a packet only when the packet\'s task vanished', () => {
    const session = createSession();

    const kept = repinSession(session, without('inspect'), pin);
    const moved = repinSession(session, without('load_csv'), pin);

    expect(kept.packet).toBe(session.packet);
    expect(moved.packet).toMatchObject({ instruction_version: 2, current_task_id: 'inspect', derived: true });
    expect(moved.state).toMatchObject({ current_subtask_id: 'inspect', current_instruction_version: 2 });
  });
});
