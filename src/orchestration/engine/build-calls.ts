import { ModelError } from '../../models/index.ts';
import { CALL_PLANS, buildCall } from '../context/index.ts';
import type { BuiltCall, CallExtras, CallPurpose, TurnSnapshot } from '../context/index.ts';
import type { EngineDeps } from './engine-deps.ts';

/** What a purpose needs besides the snapshot, and how much of the budget it may use. */
export interface BuildExtras extends CallExtras { share?: number; system?: string }

export type CallBuilder = (purpose: CallPurpose, snapshot: TurnSnapshot, extras?: BuildExtras) => BuiltCall;

const OVERFLOW_SHARE = 0.6;

/** Builds calls with what is known about the endpoint that will serve them. */
export function createCallBuilder(deps: Pick<EngineDeps, 'prompts' | 'gateway' | 'ids' | 'redact'>): CallBuilder {
  return (purpose, snapshot, extras = {}) => {
    const { agent: planned, purpose: kind } = CALL_PLANS[purpose];
    const agent = extras.repair?.kind === 'json' ? extras.repair.agent : planned;
    return buildCall(purpose, snapshot, {
      ...extras, prompts: deps.prompts, redact: deps.redact, newBoundary: () => deps.ids.secret(9),
      window: { tokens: deps.gateway.windowFor(agent, kind), factor: deps.gateway.estimateFactorFor(agent, kind) },
    });
  };
}

/** Runs a call, and once again with less when its context overflowed, or was cut silently and nothing was shown. */
export async function withSmallerRetry<T>(run: (share: number) => Promise<T>): Promise<T> {
  try {
    return await run(1);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    if (error.kind === 'context_overflow') return await run(OVERFLOW_SHARE);
    if (error.kind === 'context_truncated') return await run(1); // The gateway knows the real window by now.
    throw error;
  }
}
