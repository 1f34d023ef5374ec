export {
  ModelError, type ModelPort, type ModelRequest, type ModelMessage, type ModelPart, type ToolCall, type ToolDefinition, type OfflineHints,
  type FinishReason,
} from './port.ts';
export { type ModelGateway, type CallContext, type CallLimits, type CollectedReply } from './gateway-contract.ts';
