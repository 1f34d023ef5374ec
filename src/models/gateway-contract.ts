import type { LedgerRow, NoticeCode, Usage } from '../contracts/index.ts';
import type { FinishReason, ModelPart, ModelRequest, ToolCall } from './port.ts';

/** Who pays and who hears of it. */
export interface CallContext {
  sessionId: string;
  turnId: string | null;
  /** Stored with every attempt: prompt versions, section sizes, cuts, hash. */
  manifest: Record<string, unknown>;
  promptHash: string;
  repaired?: boolean;
  /** Estimated input tokens of this request, tool definitions included. */
  estimatedInputTokens: number;
  /** Called once per attempt, however it ended, synchronously, before the caller sees the end. */
  onAttempt(row: LedgerRow): void;
  onNotice(code: NoticeCode): void;
  /** Attempts that are left of a call which was begun before; at least one is made. Absent = the purpose's own number. */
  attemptsLeft?: number;
}

/** Limits of one call; the gateway fills missing ones from the purpose's row (first byte, idle, whole call, attempts). */
export interface CallLimits { firstByteMs: number; idleMs: number; totalMs: number; attempts: number }

export interface CollectedReply { text: string; toolCalls: ToolCall[]; reason: FinishReason; usage: Usage; estimated: boolean }

/** Deadlines, retries, fallback, budgets and the ledger over the adapters. */
export interface ModelGateway {
  /**
   * Streams one call. Retries only until the first text part was yielded; text that is blank so far is held back, tool calls
   * come right before `finish`. Throws `ModelError`. Leaving the iteration cancels the call.
   */
  stream(request: ModelRequest, context: CallContext, signal: AbortSignal): AsyncIterable<ModelPart>;
  /** The stream, drained; as nobody has seen anything, it may also be tried again after text. */
  collect(request: ModelRequest, context: CallContext, signal: AbortSignal): Promise<CollectedReply>;
  /** Context window in tokens for an agent: setting, learnt truth, table, else 32000. */
  windowFor(agent: ModelRequest['agent'], purpose: ModelRequest['purpose']): number;
  /** Factor on token estimates learnt from reported usage, 0.7..1.6. */
  estimateFactorFor(agent: ModelRequest['agent'], purpose: ModelRequest['purpose']): number;
  /** False once an endpoint has said that its model cannot call tools (`ModelError('tool')`); remembered for 7 days. */
  supportsTools(agent: ModelRequest['agent'], purpose: ModelRequest['purpose']): boolean;
  /** Whether a configured provider or the offline tutor answers, for capabilities; null parts are not configured. */
  describe(): { mode: 'provider' | 'offline'; provider: string | null; model: string | null; missing: string | null };
  /** Loads what the first call would have to wait for; only where a provider is configured. Never rejects. */
  warmUp(): Promise<void>;
  /** True when this agent is answered by the offline tutor. */
  isOffline(agent: ModelRequest['agent']): boolean;
}
