import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SessionStateSchema } from '../../contracts/index.ts';
import { applyProposal } from './apply-proposal.ts';
import type { EvidenceSources } from './evidence.ts';
import { StateUpdateProposalSchema } from './proposals.ts';
import { createSession, idArb, stateArb, stateWith } from './state.fixtures.ts';

const SOURCES: EvidenceSources = {
  turnIndex: 4, learnerTexts: ['打印出了 前三行，ＯＫ', 'the shape is (122, 6)'], runs: [{ source: 'code_run', output: '   date  temp\n0  2024  3.1' }],
};

const update = (status: unknown, rest: object = {}) => StateUpdateProposalSchema.parse({ subtask_status: status, ...rest });

describe('applyProposal', () => {
  it('rejects completed without verified evidence', () => {
    const { state } = createSession();

    const result = applyProposal(state, { stateUpdate: update({ load_csv: { status: 'completed', evidence: ['says so'] } }) }, SOURCES);

    expect(result.state.subtask_status['load_csv']).toEqual({ status: 'in_progress', evidence: ['says so'] });
    expect(result.rejected).toEqual([{ what: 'status', subtask_id: 'load_csv', reason: 'no_verified_evidence' }]);
  });

  it.each([
    ['the learner, folded', '前三行, ok', 'student_text', 'weak'],
    ['the learner, other spacing', 'THE  SHAPE is(122,6)', 'student_text', 'weak'],
    ['a run', 'date temp', 'code_run', 'strong'],
  ])('accepts completed with a quote from %s', (_title, ...[quote, source, strength]) => {
    const { state } = createSession();

    const result = applyProposal(state, { stateUpdate: update({ load_csv: { status: 'completed', evidence: [{ text: 'saw rows', quote }] } }) }, SOURCES);

    expect(result.rejected).toEqual([]);
    expect(result.state.subtask_status['load_csv']!.status).toBe('completed');
    expect(result.accepted).toEqual([{ subtask_id: 'load_csv', turn_index: 4, text: 'saw rows', quote, verified: true, source, strength }]);
    expect(result.state.current_subtask_id).toBe('inspect');
  });

  it.each([
    ['an unknown id', { elsewhere: { status: 'in_progress' } }, 'unknown_task'],
    ['a scaffolding task', { fix_path: { status: 'in_progress' } }, 'unknown_task'],
    ['a name that every object has', { constructor: { status: 'completed' } }, 'unknown_task'],
    ['a skipped task', { inspect: { status: 'in_progress' } }, 'final_status'],
    ['a completed task', { summary: { status: 'in_progress' } }, 'final_status'],
  ])('refuses to move %s', (_title, status, reason) => {
    const { state } = createSession();
    const statuses = { ...state.subtask_status, inspect: { status: 'skipped' as const, evidence: [] }, summary: { status: 'completed' as const, evidence: [] } };
    const before = { ...state, subtask_status: statuses };

    const result = applyProposal(before, { stateUpdate: update(status) }, SOURCES);

    expect(result.state).toEqual(before);
    expect(result.rejected.map((item) => item.reason)).toEqual([reason]);
  });

  it('keeps an end that is not due from being suggested, and suggests one that is', () => {
    const { state } = createSession();
    const done = Object.fromEntries(Object.keys(state.subtask_status).map((id) => [id, { status: id === 'sort_data' ? 'not_started' : 'completed', evidence: [] }]));

    const early = applyProposal(state, { stateUpdate: update({}, { end_suggested: true }) }, SOURCES);
    const due = applyProposal(stateWith({ subtask_status: done as never }), {}, SOURCES);

    expect([early.state.end_suggested, early.rejected.map((item) => item.reason)]).toEqual([false, ['not_due']]);
    expect([due.state.end_suggested, due.state.current_subtask_id]).toEqual([true, 'sort_data']);
  });

  it.each<[string, string | null, string, string[]]>([
    ['takes an open task', 'summary', 'summary', []],
    ['keeps the current one for an unknown wish', 'nowhere', 'load_csv', ['not_open']],
    ['keeps the current one without a wish', null, 'load_csv', []],
  ])('as next task %s', (_title, ...[wish, current, reasons]) => {
    const result = applyProposal(createSession().state, { currentTaskId: wish }, SOURCES);

    expect([result.state.current_subtask_id, result.rejected.map((item) => item.reason)]).toEqual([current, reasons]);
  });

  it('drops duplicates however they are written, and at most 20 a task get in', () => {
    const { state } = createSession();
    const evidence = [{ subtask_id: 'load_csv', evidence: 'Read it' }, { subtask_id: 'load_csv', evidence: 'ｒead  IT' }]
      .concat(Array.from({ length: 25 }, (_, index) => ({ subtask_id: 'load_csv', evidence: `item ${index}` })));

    const result = applyProposal(state, { evidence }, SOURCES);

    expect(result.state.subtask_status['load_csv']!.evidence).toHaveLength(20);
    expect(result.rejected.map((item) => item.reason)).toEqual(['duplicate', ...Array.from({ length: 6 }, () => 'limit')]);
  });

  it('lets a verified item in when 20 unverified ones fill a task', () => {
    const filler = Array.from({ length: 20 }, (_, index) => ({ subtask_id: 'load_csv', evidence: `item ${index}` }));
    const full = applyProposal(createSession().state, { evidence: filler }, SOURCES).state;

    const result = applyProposal(full, {
      evidence: [{ subtask_id: 'load_csv', evidence: 'shape', quote: '(122, 6)' }], stateUpdate: update({ load_csv: { status: 'completed' } }),
    }, SOURCES);

    expect(result.state.subtask_status['load_csv']!.status).toBe('completed');
    expect(result.state.subtask_status['load_csv']!.evidence).toHaveLength(20);
  });

  it('verifies a known statement when its words turn up later', () => {
    const first = applyProposal(createSession().state, { evidence: [{ subtask_id: 'load_csv', evidence: 'knows the shape' }] }, SOURCES).state;

    const result = applyProposal(first, { evidence: [{ subtask_id: 'load_csv', evidence: 'Knows the shape', quote: '122' }] }, SOURCES);

    expect(result.state.subtask_status['load_csv']!.evidence).toEqual(['knows the shape']);
    expect(result.state.ext!.evidence_log.map((record) => record.verified)).toEqual([true]);
  });

  it.each(['', '  ', '...', '—'])('takes the quote "%s" for no proof', (quote) => {
    const result = applyProposal(createSession().state, { evidence: [{ subtask_id: 'load_csv', evidence: 'said something', quote }] }, SOURCES);

    expect(result.accepted.map((record) => record.verified)).toEqual([false]);
  });

  it('takes facts that code established as strong without a quote', () => {
    const result = applyProposal(createSession().state, { proven: [{ subtask_id: 'load_csv', text: 'dataset is suitable', proof: 'expert' }] }, SOURCES);

    expect(result.accepted).toEqual([{ subtask_id: 'load_csv', turn_index: 4, text: 'dataset is suitable', verified: true, source: 'expert', strength: 'strong' }]);
  });
});

describe('applyProposal, always', () => {
  const evidenceArb = fc.array(fc.oneof(fc.string({ minLength: 1 }).filter((text) => text.trim() !== ''),
    fc.record({ text: fc.string({ minLength: 1 }).filter((text) => text.trim() !== ''), quote: fc.constantFrom('122', 'nowhere', '') })), { maxLength: 4 });
  const updateArb = fc.dictionary(idArb, fc.record({ status: fc.constantFrom('in_progress', 'completed', undefined), evidence: evidenceArb }))
    .map((statuses) => StateUpdateProposalSchema.parse({ subtask_status: statuses, end_suggested: true }));

  it('changes nothing protected, reverts nothing, invents no task, and leaves a legal state (I5, I6, I7, I14)', () => {
    fc.assert(fc.property(stateArb, updateArb, idArb, (before, stateUpdate, currentTaskId) => {
      const { state } = applyProposal(before, { stateUpdate, currentTaskId }, SOURCES);

      expect(SessionStateSchema.parse(state)).toEqual(state);
      const { subtask_status: _s, current_subtask_id: _c, end_suggested: _e, ext: _x, ...kept } = state;
      expect(before).toMatchObject(kept);
      expect(Object.keys(state.subtask_status)).toEqual(Object.keys(before.subtask_status));
      const illegal = Object.entries(before.subtask_status).filter(([id, { status }]) => {
        const after = state.subtask_status[id]!.status;
        return status === 'completed' || status === 'skipped' ? after !== status : after === 'skipped';
      });
      expect(illegal).toEqual([]);
    }));
  });
});
