export {
  ModelError, type ModelPort, type ModelRequest, type ModelMessage, type ModelPart, type ToolCall, type ToolDefinition, type OfflineHints,
  type FinishReason,
} from './port.ts';
export { type ModelGateway, type CallContext, type CallLimits, type CollectedReply } from './gateway-contract.ts';
export { createModels, type ModelsOptions } from './create-models.ts';
export { type FactStore } from './learnt-facts.ts';
export { estimateTokens, estimateRequestTokens, rawTokens } from './estimate-tokens.ts';
export { OFFLINE_MODEL } from './stream-offline.ts';
