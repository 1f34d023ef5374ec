import fc from 'fast-check';
import {
  type InstructionPacket, type Judgement, type SessionState, BlockerTypeSchema, ConsultReasonSchema, LockUntilSchema, SentimentSchema, SkipReasonSchema,
} from '../../contracts/index.ts';
import type { Task } from '../../content/index.ts';
import { createInitialState } from './initial-state.ts';
import { createJudgement } from './outcome.ts';
import { extOf } from './task-states.ts';
import type { UnlockFacts } from './unlock.ts';

/** A chapter in small: three required tasks, one of them mandatory, one optional, one scaffolding. */
export const TASKS: Task[] = [
  { id: 'load_csv', title: 'Read the table', kind: 'core', body: '- **load_csv**: [type: core]\n  - Print the first rows' },
  { id: 'fix_path', title: 'Fix a path', kind: 'scaffolding', body: '' },
  { id: 'inspect', title: 'Look at the columns', kind: 'core', body: '' },
  { id: 'sort_data', title: 'Sort it', kind: 'optional', body: '' },
  { id: 'summary', title: 'Sum it up', kind: 'mandatory', body: '' },
].map((task, order) => ({ ...task, order, source_line: order + 1, required: task.kind === 'core' || task.kind === 'mandatory' }) as Task);

export const IDENTITY = { session_id: 's1', chapter_id: 'c1', language: 'en', pin: null };
export const NOW = '2024-05-01T10:00:00.000Z';

/** A new session over `TASKS`. */
export function createSession(): { state: SessionState; packet: InstructionPacket } {
  return createInitialState(TASKS, IDENTITY);
}

/** The state of a new session with fields replaced. */
export function stateWith(change: Partial<SessionState>, ext: Partial<NonNullable<SessionState['ext']>> = {}): SessionState {
  const { state } = createSession();
  return { ...state, ...change, ext: { ...extOf(state), ...ext } };
}

/** A judgement that asks for nothing, with fields replaced. */
export function judgementWith(change: Partial<Judgement>): Judgement {
  return { ...createJudgement(), source: 'model', ...change };
}

/** Facts of a turn in which nothing special happens. */
export const QUIET: UnlockFacts = {
  message: 'I tried it', newFiles: [], runCode: [], datasets: ['weather_station.csv'], triggerFired: false, expertUsable: true,
  learnerTurnsSincePlan: 0,
};

const statusArb = fc.record({
  status: fc.constantFrom('not_started', 'in_progress', 'completed', 'skipped'), evidence: fc.array(fc.string({ maxLength: 20 }), { maxLength: 3 }),
});

/** Any legal state over `TASKS`. */
export const stateArb: fc.Arbitrary<SessionState> = fc.record({
  subtask_status: fc.record({ load_csv: statusArb, inspect: statusArb, sort_data: statusArb, summary: statusArb }),
  turn_index: fc.nat(50), attempts_since_last_progress: fc.nat(12), consecutive_skips: fc.nat(4), awaiting_skip_reason: fc.boolean(),
  current_subtask_id: fc.constantFrom(null, 'load_csv', 'inspect', 'sort_data', 'summary', 'gone'), current_instruction_version: fc.nat(90),
}).map((fields) => stateWith(fields as Partial<SessionState>));

/** Any judgement. */
export const judgementArb: fc.Arbitrary<Judgement> = fc.record({
  checkpoint: fc.boolean(), blocker: fc.constantFrom(...BlockerTypeSchema.options), sentiment: fc.constantFrom(...SentimentSchema.options),
  consult: fc.constantFrom('' as const, ...ConsultReasonSchema.options), skip: fc.constantFrom('no' as const, 'hinted' as const, 'asked' as const),
  skip_reason: fc.constantFrom(null, ...SkipReasonSchema.options), source: fc.constant('model' as const),
});

export const lockArb = fc.constantFrom(...LockUntilSchema.options);

/** Ids that models invent: real ones, foreign ones, and names that every object has. */
export const idArb = fc.oneof(
  fc.constantFrom('load_csv', 'inspect', 'sort_data', 'summary', 'fix_path', 'constructor', '__proto__', 'toString'), fc.string({ maxLength: 12 }),
);
