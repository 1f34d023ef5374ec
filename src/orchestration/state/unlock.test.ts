import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commitCounters } from './counters.ts';
import { QUIET, createSession, judgementArb, judgementWith, lockArb, stateArb, stateWith } from './state.fixtures.ts';
import { type UnlockFacts, UNLOCK_REASONS, UnlockDecisionSchema, attemptLimit, decideUnlock, learnerTurnsSince } from './unlock.ts';

const DATASET_LOCK = 'user_uploads_suitable_dataset_or_uses_example' as const;
const PACKET = createSession().packet;
const PLANNED = { last_plan_turn: 3, last_judgement: { turn_index: 4, blocker: 'none', sentiment: 'engaged' } } as const;

function decide(turn: {
  judgement?: Parameters<typeof judgementWith>[0]; lock?: typeof PACKET.lock_until; state?: Parameters<typeof stateWith>; facts?: Partial<UnlockFacts>;
}) {
  return decideUnlock({
    judgement: judgementWith(turn.judgement ?? {}), packet: { lock_until: turn.lock ?? 'checkpoint_reached' },
    state: stateWith(...(turn.state ?? [{}])), facts: { ...QUIET, ...turn.facts },
  });
}

describe('decideUnlock, each row alone', () => {
  it.each<[string, Parameters<typeof decide>[0], string[], 'skip' | 'plan' | null]>([
    ['a quiet turn stays locked', {}, [], null],
    ['an asked skip', { judgement: { skip: 'asked' } }, ['skip'], 'skip'],
    ['a hinted skip stays locked', { judgement: { skip: 'hinted' } }, [], null],
    ['a wish for an expert', { judgement: { consult: 'error_diagnosis_needed' } }, ['consult'], 'plan'],
    ['a trigger of the chapter', { facts: { triggerFired: true } }, ['consult'], 'plan'],
    ['no usable expert', { judgement: { consult: 'error_diagnosis_needed' }, facts: { triggerFired: true, expertUsable: false } }, [], null],
    ['a checkpoint', { judgement: { checkpoint: true } }, ['checkpoint'], 'plan'],
    ['an upload at the gate', { lock: DATASET_LOCK, facts: { newFiles: [{ name: 'my.csv', origin: 'upload' }] } }, ['dataset'], 'plan'],
    ['the third attempt', { state: [{ attempts_since_last_progress: 2 }] }, ['attempts'], 'plan'],
    ['the second attempt stays locked', { state: [{ attempts_since_last_progress: 1 }] }, [], null],
    ['2K learner turns without a plan', { facts: { learnerTurnsSincePlan: 5 } }, ['attempts'], 'plan'],
    ['fewer than 2K learner turns', { facts: { learnerTurnsSincePlan: 4 } }, [], null],
    ['a failed plan', { state: [{}, { plan_due: true, plan_retries: 1 }] }, ['retry'], 'plan'],
    ['a plan that failed twice again', { state: [{}, { plan_due: true, plan_retries: 2 }] }, [], null],
    ['a new blocker', { judgement: { blocker: 'core_concept' } }, ['new_blocker'], 'plan'],
    ['the same blocker', { judgement: { blocker: 'core_concept' }, state: [{}, { last_judgement: { turn_index: 0, blocker: 'core_concept', sentiment: 'engaged' } }] }, [], null],
    ['frustration twice', { judgement: { sentiment: 'frustrated' }, state: [{}, { last_judgement: { turn_index: 0, blocker: 'none', sentiment: 'frustrated' } }] }, ['sentiment'], 'plan'],
    ['frustration once', { judgement: { sentiment: 'frustrated' } }, [], null],
  ])('%s', (_title, ...[turn, reasons, route]) => {
    const decision = decide(turn);

    expect({ unlock: decision.unlock, route: decision.route, reasons: decision.reasons }).toEqual({ unlock: route !== null, route, reasons });
  });

  it('keeps every row that holds, in order, and lets the first give the route', () => {
    const decision = decide({
      judgement: { skip: 'asked', consult: 'error_diagnosis_needed', checkpoint: true, blocker: 'core_concept', sentiment: 'frustrated' },
      lock: DATASET_LOCK, facts: { newFiles: [{ name: 'my.csv', origin: 'upload' }], learnerTurnsSincePlan: 9 },
      state: [{ attempts_since_last_progress: 7 }, { plan_due: true, last_judgement: { turn_index: 4, blocker: 'none', sentiment: 'frustrated' } }],
    });

    expect(decision).toEqual({ unlock: true, route: 'skip', reasons: [...UNLOCK_REASONS], gate: 'open' });
  });
});

describe('decideUnlock, gate', () => {
  it.each<[string, Partial<UnlockFacts>, 'open' | 'closed']>([
    ['closed by default', {}, 'closed'],
    ['closed to files from bundles and experts', { newFiles: [{ name: 'a.csv', origin: 'bundle' }, { name: 'b.csv', origin: 'expert' }, { name: 'c.py', origin: 'user' }] }, 'closed'],
    ['opened by a learner upload', { newFiles: [{ name: 'a.csv', origin: 'upload' }] }, 'open'],
    ['opened by a run that names a dataset', { runCode: ["pd.read_csv('datasets/Weather_Station.csv')"] }, 'open'],
    ['opened by a message that names one', { message: 'I take weather_station, ok?' }, 'open'],
    ['closed to a longer name', { message: 'my_weather_station.csv2 is better' }, 'closed'],
    ['closed to the ordinary word of a stem', { datasets: ['data.csv'], message: 'I have no data' }, 'closed'],
  ])('is %s', (_title, facts, gate) => {
    const decision = decide({ lock: DATASET_LOCK, judgement: { checkpoint: true }, facts });

    expect(decision.gate).toBe(gate);
    expect(decision.reasons).toEqual(gate === 'open' ? ['checkpoint', 'dataset'] : []);
  });

  it.each(['checkpoint_reached', 'attempts_exceeded', 'new_error_type'] as const)('%s adds no gate', (lock) => {
    expect(decide({ lock, judgement: { checkpoint: true } })).toEqual({ unlock: true, route: 'plan', reasons: ['checkpoint'], gate: 'none' });
  });

  it('stops the checkpoint row alone', () => {
    const decision = decide({ lock: DATASET_LOCK, judgement: { checkpoint: true, blocker: 'scaffolding' }, state: [{ attempts_since_last_progress: 2 }] });

    expect(decision.reasons).toEqual(['attempts', 'new_blocker']);
  });
});

describe('decideUnlock, cool-down', () => {
  it.each<[string, Parameters<typeof decide>[0], string[]]>([
    ['holds a new blocker back', { facts: { learnerTurnsSincePlan: 1 } }, []],
    ['is over after two learner turns', { facts: { learnerTurnsSincePlan: 2 } }, ['new_blocker']],
    ['is lifted by new_error_type', { lock: 'new_error_type', facts: { learnerTurnsSincePlan: 0 } }, ['new_blocker']],
  ])('%s', (_title, turn, reasons) => {
    expect(decide({ ...turn, judgement: { blocker: 'core_concept' }, state: [{}, PLANNED] }).reasons).toEqual(reasons);
  });

  it('is not lifted for frustration', () => {
    const state: Parameters<typeof stateWith> = [{}, { last_plan_turn: 3, last_judgement: { turn_index: 4, blocker: 'none', sentiment: 'frustrated' } }];

    expect(decide({ lock: 'new_error_type', judgement: { sentiment: 'frustrated' }, state }).reasons).toEqual([]);
  });
});

describe('decideUnlock, always', () => {
  const factsArb = fc.record({
    message: fc.string(), newFiles: fc.constant([]), runCode: fc.array(fc.string()), datasets: fc.array(fc.string()),
    triggerFired: fc.boolean(), expertUsable: fc.boolean(), learnerTurnsSincePlan: fc.nat(20),
  });

  it('gives a decision that its schema accepts, with reasons in order', () => {
    fc.assert(fc.property(judgementArb, lockArb, stateArb, factsArb, (...[judgement, lock_until, state, facts]) => {
      const decision = decideUnlock({ judgement, packet: { lock_until }, state, facts });

      expect(UnlockDecisionSchema.parse(decision)).toEqual(decision);
      expect(decision.reasons).toEqual(UNLOCK_REASONS.filter((reason) => decision.reasons.includes(reason)));
      expect(decision.unlock).toBe(decision.reasons.length > 0);
    }));
  });

  it('brings K unproductive turns to the planner, whatever the packet and the planner do (I15)', () => {
    const turnArb = fc.record({ judgement: judgementArb.map((j) => ({ ...j, checkpoint: false, skip: 'no' as const })), fails: fc.boolean(), lock: lockArb });
    fc.assert(fc.property(fc.array(turnArb, { minLength: 12, maxLength: 30 }), fc.integer({ min: 1, max: 10 }), (turns, limit) => {
      const start = createSession();
      let { state } = start;
      state = { ...state, constraints: { ...state.constraints, max_attempts_before_unlock: limit } };
      let sincePlanner = 0;
      let sincePlan = 0;
      for (const turn of turns) {
        const decision = decideUnlock({ judgement: turn.judgement, packet: { lock_until: turn.lock }, state, facts: { ...QUIET, learnerTurnsSincePlan: sincePlan } });
        const planner = decision.route === 'plan' ? (turn.fails ? 'failed' : 'succeeded') : 'none';
        sincePlanner = decision.route === 'plan' ? 0 : sincePlanner + 1;
        sincePlan = planner === 'succeeded' ? 0 : sincePlan + 1;
        expect(sincePlanner).toBeLessThan(limit);
        state = commitCounters({
          state, packet: start.packet, turn: { kind: 'student', judgement: turn.judgement, planner, skipped: false, progressed: false, degraded: [] },
        }).state;
      }
    }));
  });

  it('keeps K between 1 and 10', () => {
    const limits = [-3, 0, 1, 10, 99].map((max) => attemptLimit(stateWith({ constraints: { max_input_length: 1, batch_error_log_every_n_turns: 5, max_attempts_before_unlock: max } })));

    expect(limits).toEqual([1, 1, 1, 10, 10]);
  });

  it('counts learner turns after a plan only', () => {
    const turns = [{ turn_index: 0, kind: 'greeting' }, { turn_index: 1, kind: 'student' }, { turn_index: 2, kind: 'task_skipped' }, { turn_index: 3, kind: 'student' }] as const;

    expect([learnerTurnsSince(turns, -1), learnerTurnsSince(turns, 1), learnerTurnsSince(turns, 3)]).toEqual([2, 1, 0]);
  });
});
