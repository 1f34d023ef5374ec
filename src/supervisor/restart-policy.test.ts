import { expect, it } from 'vitest';
import { RestartPolicy } from './restart-policy.ts';
import { DEFAULT_LIMITS } from './supervisor-contract.ts';

it('spreads pauses, doubles them up to a limit, and forgets old crashes', () => {
  const policy = new RestartPolicy(DEFAULT_LIMITS.restart);

  expect([0, 1, 2].map((at) => policy.crash(at * 20_000, 1))).toEqual([
    { kind: 'retry', afterMs: 500 }, { kind: 'retry', afterMs: 1000 }, { kind: 'retry', afterMs: 2000 },
  ]);
  expect(policy.crash(60_001, 0)).toEqual({ kind: 'retry', afterMs: 1000 });
  expect(policy.crash(60_002, 0)).toEqual({ kind: 'retry', afterMs: 2000 });
  expect(policy.crash(60_003, 0)).toEqual({ kind: 'give-up' });
  policy.clear();
  expect(policy.crash(60_004, 0)).toEqual({ kind: 'retry', afterMs: 250 });
});
