import { expect, it } from 'vitest';
import { limitsFor } from './call-limits.ts';

it.each([
  ['CA', 'reply', { firstByteMs: 20_000, idleMs: 20_000, totalMs: 120_000, attempts: 3 }],
  ['RMA', 'plan', { firstByteMs: 20_000, idleMs: 20_000, totalMs: 45_000, attempts: 2 }],
  ['RMA', 'integrate', { firstByteMs: 20_000, idleMs: 20_000, totalMs: 30_000, attempts: 2 }],
  ['MA', 'memo', { firstByteMs: 20_000, idleMs: 20_000, totalMs: 60_000, attempts: 2 }],
  ['MA', 'final_report', { firstByteMs: 20_000, idleMs: 20_000, totalMs: 20_000, attempts: 1 }],
  ['EXP', 'consult', { firstByteMs: 20_000, idleMs: 20_000, totalMs: 45_000, attempts: 2 }],
  ['CA', 'repair', { firstByteMs: 8_000, idleMs: 8_000, totalMs: 8_000, attempts: 1 }],
  ['RMA', 'repair', { firstByteMs: 8_000, idleMs: 8_000, totalMs: 15_000, attempts: 1 }],
] as const)('limits %s %s', (agent, purpose, expected) => {
  expect(limitsFor({ agent, purpose })).toEqual(expected);
});
