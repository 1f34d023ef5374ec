import type { ExecutionGuard, GuardDependencies } from './guard-contract.ts';

/** Makes the guard of this process. */
export function createGuard(_dependencies: GuardDependencies): ExecutionGuard {
  throw new Error('not built yet');
}
