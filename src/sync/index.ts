export { createSync } from './create-sync.ts';
export type { AttachOutcome, BackendHint, Sync, SyncDeps, SyncStatus } from './sync-contract.ts';
export { tryParseBackendUrl, type BackendAddress } from './backend-url.ts';
export { systemTimers, type Timers } from './timers.ts';
export { requeueSession } from './requeue.ts';
