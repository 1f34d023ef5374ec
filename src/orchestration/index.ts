export { createStreamHub, type TurnStreamHub, type StreamHub, type Subscription } from './stream/index.ts';
export type { TurnEngine, TurnTicket, SessionLease } from './engine/engine-contract.ts';
