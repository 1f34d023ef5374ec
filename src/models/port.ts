import type { AgentCode, ModelErrorKind, ModelPurpose, Usage } from '../contracts/index.ts';

export interface ToolCall { id: string; name: string; /** JSON text as the model wrote it. */ input: string }

export type ModelMessage =
  | { role: 'system' | 'user'; content: string }
  | { role: 'assistant'; content: string; toolCalls?: readonly ToolCall[] }
  | { role: 'tool'; toolCallId: string; name: string; content: string };

export interface ToolDefinition { name: string; description: string; /** JSON Schema of the input object. */ inputSchema: object }

/** What the offline tutor reads instead of the prompt: typed facts of this call. Ignored by real providers. */
export interface OfflineHints {
  purpose: ModelPurpose;
  language: string;
  message: string;
  /** Title, bullets (the first is the target, the others are hints from vague to concrete), id and hint level of the current task. */
  task: { id: string; title: string; bullets: readonly string[]; hintLevel: number } | null;
  focus: string;
  targets: readonly string[];
  openTasks: readonly { id: string; title: string; kind: string; bullets: readonly string[] }[];
  /** The newest run since the last committed turn; an older one would count as a result again. */
  lastRun: { ok: boolean; stdout: string; stderr: string; code: string } | null;
  newUploads: readonly string[];
  skipNote: { skippedTitle: string; nextTitle: string | null; needsReason: boolean } | null;
  consultResult: string | null;
  judgement: { checkpoint: boolean; blocker: string; consult: string } | null;
  experts: readonly { id: string; outputModes: readonly string[] }[];
  /**
   * Further facts. Companion: `is_first_answer` and `awaiting_skip_reason` (booleans), `chapter_title`. Final report:
   * `completed`, `skipped`, `open` (titles), else `task_states` (status by id). Consult: `output_type`, `question`, `concept`, `file_name`, `task_requirements`,
   * `tool_results: {name, result}[]` in order, `knowledge: {name, text}[]`.
   */
  facts: Readonly<Record<string, unknown>>;
}

/** One call of an agent, before routing to an endpoint. */
export interface ModelRequest {
  agent: AgentCode;
  purpose: ModelPurpose;
  messages: readonly ModelMessage[];
  maxOutputTokens: number;
  tools?: readonly ToolDefinition[];
  toolChoice?: 'auto' | 'required' | { name: string };
  /** Asks for one JSON object of this shape, by the structured ladder of the endpoint. */
  structure?: { name: string; schema: object };
  hints?: OfflineHints;
}

export type FinishReason = 'stop' | 'length' | 'content_filter' | 'tool_calls' | 'other';

export type ModelPart =
  | { type: 'text'; text: string }
  | { type: 'reasoning'; text: string }
  | { type: 'tool_call'; call: ToolCall }
  | { type: 'finish'; reason: FinishReason; usage: Usage; estimated: boolean };

/**
 * The only door to a model. Yields parts and ends with exactly one `finish`, or throws one `ModelError`.
 * Aborting the signal closes the provider's socket and throws `ModelError('aborted')`.
 */
export interface ModelPort {
  stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelPart>;
}

/** A failed call, classified. `detail` is for the log: no key, no upstream body. `retryAfterMs` is the provider's wish. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
  readonly kind: ModelErrorKind;
  readonly retryable: boolean;
  readonly usage: Usage | null;
  readonly retryAfterMs: number | null;
  /** The setting a person should look at, such as `LLM_API_KEY`. */
  readonly setting: string | null;

  constructor(kind: ModelErrorKind, detail: string, facts: {
    retryable?: boolean; usage?: Usage | null; retryAfterMs?: number | null; setting?: string | null; cause?: unknown;
  } = {}) {
    super(detail, { cause: facts.cause });
    this.kind = kind;
    this.retryable = facts.retryable ?? false;
    this.usage = facts.usage ?? null;
    this.retryAfterMs = facts.retryAfterMs ?? null;
    this.setting = facts.setting ?? null;
  }
}
