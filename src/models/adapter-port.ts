import type { Usage } from '../contracts/index.ts';
import type { StructuredRung } from './capability-table.ts';
import type { Endpoint } from './endpoint.ts';
import type { FinishReason, ModelPart, ModelRequest } from './port.ts';
import type { WireShape } from './quirks.ts';

/** One request as an adapter performs it: routed, shaped, without retries. */
export interface AdapterCall {
  request: ModelRequest;
  endpoint: Endpoint;
  shape: WireShape;
  /** How the structure of the request is asked for; null when it has none. */
  rung: StructuredRung | null;
  /** Called when bytes arrive, so that a deadline can tell silence from thinking. */
  onActivity(): void;
}

/** A part of the stream; usage is null when the provider reported none. */
export type AdapterPart = Exclude<ModelPart, { type: 'finish' }> | { type: 'finish'; reason: FinishReason; usage: Usage | null };

/**
 * Speaks one protocol. Ends with exactly one `finish` or throws one `UpstreamError`. Aborting the signal, or leaving the
 * iteration, closes the socket at once.
 */
export interface ModelAdapter {
  stream(call: AdapterCall, signal: AbortSignal): AsyncIterable<AdapterPart>;
}
