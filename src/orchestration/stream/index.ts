export type { StreamHub, Subscription } from './stream-contract.ts';
export { createStreamHub, type TurnStreamHub } from './stream-hub.ts';
export { formatFrameId, tryParseFrameId } from './frame-id.ts';
export { codeOfModelError } from './ended-turn.ts';
