import type { StatusAnswer } from './script.ts';

/** The two dialects the provider speaks. */
export type Protocol = 'openai' | 'anthropic';

/** A feature that some models or servers refuse with a 400 naming it. */
export type Feature =
  | 'max_tokens'
  | 'max_completion_tokens'
  | 'temperature'
  | 'json_schema'
  | 'json_object'
  | 'tools'
  | 'tool_choice'
  | 'stream_options';

/** How one model of the provider differs from a well-behaved one. */
export interface ModelTraits {
  /** Refused with a 400 in real wording; not a violation, a client may find out this way. */
  readonly refuses?: readonly Feature[];
  /** Prompt plus maximum output beyond this is refused as context overflow. */
  readonly contextTokens?: number;
  /** Longer prompts are cut silently: the reported prompt tokens never exceed this. */
  readonly truncatesAt?: number;
}

/** What a validator demands besides the protocol itself. */
export interface Strictness {
  /** Undefined: any credential; null: none is needed; a string: exactly this one. */
  readonly apiKey: string | null | undefined;
  /** Undefined: every model exists; else only these. */
  readonly models: Readonly<Record<string, ModelTraits>> | undefined;
  /** System first and once, then user and assistant in turn, as chat templates demand. */
  readonly strictTemplate: boolean;
  /** Body parameters beyond the documented ones. */
  readonly extraParameters: readonly string[];
}

/** One message of either protocol, its text parts joined. */
export interface PlainMessage {
  readonly role: string;
  readonly text: string;
}

/** The request in terms both protocols share. */
export interface PlainRequest {
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly system: string;
  /** Everything but the system text, in order. */
  readonly messages: readonly PlainMessage[];
  readonly tools: readonly string[];
  /** The tool the model must call, when the request forces one. */
  readonly forcedTool: string | null;
  readonly responseFormat: 'text' | 'json_object' | 'json_schema';
  readonly maxTokens: number | null;
  readonly temperature: number | null;
}

/** A request the provider turns down before any script is asked. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly answer: StatusAnswer;
  /** False for refusals a client is allowed to provoke, such as an unsupported parameter. */
  readonly isViolation: boolean;
  constructor(answer: StatusAnswer, isViolation = true) {
    super(answer.error?.message ?? `status ${answer.status}`);
    this.answer = answer;
    this.isViolation = isViolation;
  }
}

/** Turns a request down as broken, in the shape both protocols call `invalid_request_error`. */
export function refuse(message: string, param?: string): never {
  throw new Refusal({ status: 400, error: { message, type: 'invalid_request_error', code: null, param } });
}

/** Text that a UTF-8 server cannot read: half a character, as left behind by careless clipping. */
export function refuseBrokenText(value: unknown): void {
  if (typeof value === 'string' && !value.isWellFormed()) refuse('We could not parse the JSON body: lone surrogate in a string');
  if (typeof value !== 'object' || value === null) return;
  for (const item of Object.values(value)) refuseBrokenText(item);
}

/** The provider's error body in its own dialect. */
export function errorBody(protocol: Protocol, answer: StatusAnswer): string {
  const { message = `status ${answer.status}`, type, code = null, param = null } = answer.error ?? {};
  if (protocol === 'openai') {
    return JSON.stringify({ error: { message, type: type ?? OPENAI_TYPES[answer.status] ?? 'server_error', param, code } });
  }
  const error = { type: type ?? ANTHROPIC_TYPES[answer.status] ?? 'api_error', message };
  return JSON.stringify({ type: 'error', error, request_id: 'req_scripted' });
}

const OPENAI_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'invalid_request_error',
  403: 'insufficient_permissions',
  404: 'invalid_request_error',
  429: 'rate_limit_exceeded',
};

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};
