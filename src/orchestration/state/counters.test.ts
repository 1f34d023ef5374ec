import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SessionStateSchema } from '../../contracts/index.ts';
import { type CommittedTurn, commitCounters } from './counters.ts';
import { createSession, judgementArb, judgementWith, stateArb, stateWith } from './state.fixtures.ts';

const { packet } = createSession();
const PLAIN: CommittedTurn = { kind: 'student', judgement: judgementWith({}), planner: 'none', skipped: false, progressed: false, degraded: [] };
const START = { turn_index: 7, attempts_since_last_progress: 2, last_progress_turn: 1, consecutive_skips: 2, awaiting_skip_reason: true };

function count(turn: Partial<CommittedTurn>, ext: Parameters<typeof stateWith>[1] = {}) {
  const { state, packet: after } = commitCounters({ state: stateWith(START, ext), packet: { ...packet, hint_level: 3 }, turn: { ...PLAIN, ...turn } });
  const { last_plan_turn, plan_due, plan_retries } = state.ext!;
  return {
    attempts: state.attempts_since_last_progress, progress: state.last_progress_turn, skips: state.consecutive_skips,
    waiting: state.awaiting_skip_reason, plan: [last_plan_turn, plan_due, plan_retries], hint: after.hint_level,
  };
}

const OTHERWISE = { attempts: 3, progress: 1, skips: 2, waiting: false, plan: [-1, false, 0], hint: 3 };

describe('commitCounters', () => {
  it.each<[string, Partial<CommittedTurn>, object]>([
    ['a checkpoint starts over', { judgement: judgementWith({ checkpoint: true }) }, { attempts: 0, progress: 7, skips: 0, hint: 0 }],
    ['new verified evidence is progress', { progressed: true }, { attempts: 0, progress: 7 }],
    ['a spoken skip resets the attempts', { skipped: true, judgement: judgementWith({ skip: 'asked' }) }, { attempts: 0, waiting: true }],
    ['a plan resets the attempts', { planner: 'succeeded' }, { attempts: 0, plan: [7, false, 0] }],
    ['a failed plan is due again', { planner: 'failed' }, { plan: [-1, true, 0] }],
    ['anything else is an attempt', {}, {}],
    ['a checkpoint whose plan failed keeps the plan due', { judgement: judgementWith({ checkpoint: true }), planner: 'failed' },
      { attempts: 0, progress: 7, skips: 0, hint: 0, plan: [-1, true, 0] }],
  ])('%s', (_title, turn, change) => {
    expect(count(turn)).toEqual({ ...OTHERWISE, ...change });
  });

  it('counts only failures after the first as retries', () => {
    expect(count({ planner: 'failed' }, { plan_due: true, plan_retries: 1 }).plan).toEqual([-1, true, 2]);
  });

  it.each(['greeting', 'task_skipped'] as const)('a %s turn changes no counter', (kind) => {
    expect(count({ kind, judgement: null })).toEqual({ attempts: 2, progress: 1, skips: 2, waiting: true, plan: [-1, false, 0], hint: 3 });
  });

  it('every turn raises the index by one, takes the introduction of a skip, and notes fallbacks', () => {
    const { state } = commitCounters({ state: stateWith(START, { pending_skip_intro: true }), packet, turn: { ...PLAIN, degraded: ['RMA'] } });

    expect({ index: state.turn_index, pending: state.ext!.pending_skip_intro, degraded: state.ext!.degraded })
      .toEqual({ index: 8, pending: false, degraded: { RMA: 7 } });
  });

  it('leaves a legal state with everything else as it was', () => {
    fc.assert(fc.property(stateArb, judgementArb, fc.boolean(), fc.constantFrom('none', 'failed', 'succeeded'), (...[state, judgement, progressed, planner]) => {
      const after = commitCounters({ state, packet, turn: { ...PLAIN, judgement, progressed, planner } as CommittedTurn });

      expect(SessionStateSchema.parse(after.state)).toEqual(after.state);
      expect(after.state.subtask_status).toEqual(state.subtask_status);
      expect(after.state.turn_index).toBe(state.turn_index + 1);
      expect(after.packet.instruction_version).toBe(packet.instruction_version);
    }));
  });
});
