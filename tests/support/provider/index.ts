export { DEFAULT_WAIT_MS, within } from './bounded.ts';
export { companionReply, integrateReply, memoReply, planReply, recordReply, speakReply, structured } from './companion-replies.ts';
export type { CompanionReplyFields, JudgementFields, PlanReplyFields } from './companion-replies.ts';
export { UNSUPPORTED_WORDINGS } from './features.ts';
export { CONTEXT_OVERFLOW_WORDINGS } from './fault-wordings.ts';
export { FAULTS, FAULT_ROWS, contextOverflow, inPieces, keyOf, rateLimited, redirect, unsupportedFeature } from './faults.ts';
export type { Fault, FaultName, FaultOutcome } from './faults.ts';
export type { Feature, ModelTraits, PlainMessage, PlainRequest, Protocol } from './protocol.ts';
export { Provider, createProvider } from './provider.ts';
export type { ProviderOptions, Violation } from './provider.ts';
export { ReceivedRequest } from './received-request.ts';
export type { ExchangeState } from './received-request.ts';
export { anyRequest } from './reply-book.ts';
export type { Match, ReplySource } from './reply-book.ts';
export {
  afterMs,
  breakOff,
  chunks,
  finish,
  gate,
  headers,
  newBlock,
  onWire,
  ping,
  raw,
  reasoning,
  refusal,
  status,
  streamError,
  text,
  toolCall,
  toReply,
  usage,
} from './script.ts';
export type { Part, Reply, ReplyInput, ScriptedUsage, StatusAnswer, Wire } from './script.ts';
export { countTokens } from './tokens.ts';
