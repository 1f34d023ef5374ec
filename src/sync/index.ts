export { createSync } from './create-sync.ts';
export type { Sync, SyncDeps, SyncStatus } from './sync-contract.ts';
export type { Timers } from './timers.ts';
