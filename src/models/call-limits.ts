import type { ModelPurpose } from '../contracts/index.ts';
import type { CallLimits } from './gateway-contract.ts';

const COMPANION: CallLimits = { firstByteMs: 20_000, idleMs: 20_000, totalMs: 120_000, attempts: 3 };

/** Deadlines and attempts by purpose. */
export const CALL_LIMITS: Readonly<Record<ModelPurpose, CallLimits>> = {
  reply: COMPANION,
  speak: COMPANION,
  greet: COMPANION,
  next_task: COMPANION,
  plan: { firstByteMs: 20_000, idleMs: 20_000, totalMs: 45_000, attempts: 2 },
  integrate: { firstByteMs: 20_000, idleMs: 20_000, totalMs: 30_000, attempts: 2 },
  memo: { firstByteMs: 20_000, idleMs: 20_000, totalMs: 60_000, attempts: 2 },
  final_report: { firstByteMs: 20_000, idleMs: 20_000, totalMs: 20_000, attempts: 1 },
  consult: { firstByteMs: 20_000, idleMs: 20_000, totalMs: 45_000, attempts: 2 },
  // 15 s; a repair of the companion's record has 8 s, see `limitsFor`.
  repair: { firstByteMs: 8_000, idleMs: 8_000, totalMs: 15_000, attempts: 1 },
};

/** The longest wish of a provider to wait that is granted. */
export const MAX_RETRY_AFTER_MS = 20_000;

/** The limits of one call; a repair for the companion is its record, and the learner waits for it. */
export function limitsFor(
  request: { agent: string; purpose: ModelPurpose },
  overrides: Partial<Record<ModelPurpose, Partial<CallLimits>>> = {},
): CallLimits {
  const row = CALL_LIMITS[request.purpose];
  const isRecord = request.purpose === 'repair' && request.agent === 'CA';
  return { ...row, ...(isRecord ? { totalMs: 8_000 } : {}), ...overrides[request.purpose] };
}
