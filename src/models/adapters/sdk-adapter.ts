import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { InvalidResponseDataError, jsonSchema, streamText, tool, type LanguageModel, type ModelMessage as SdkMessage, type TextStreamPart, type ToolSet } from 'ai';
import type { AdapterCall, AdapterPart, ModelAdapter } from '../adapter-port.ts';
import { readFinishReason } from '../quirks.ts';
import { ThinkFilter } from '../think-filter.ts';
import { UpstreamError } from '../upstream-error.ts';
import { arrangeMessages, type Turn } from './arrange-messages.ts';
import { createGuardedFetch } from './guarded-fetch.ts';
import { structureToolName } from './shape-body.ts';
import { translateError } from './translate-error.ts';
import { untilAborted } from './until-aborted.ts';
import { WireWatch } from './wire-watch.ts';

// The library wants an address and a key; ours are set where the request leaves.
const UNUSED_BASE = 'http://address.invalid';
const UNUSED_KEY = 'set-at-the-door';

/** Speaks chat completions and messages through the AI SDK; see the rules beside each option. */
export function createSdkAdapter(): ModelAdapter {
  // Warnings are meant for consoles of developers; nothing of ours prints.
  (globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false;
  return { stream: streamCall };
}

async function* streamCall(call: AdapterCall, signal: AbortSignal): AsyncGenerator<AdapterPart> {
  const leaving = new AbortController();
  const watch = new WireWatch();
  const reading = new Reading(call, watch);
  try {
    const parts = startStream(call, watch, AbortSignal.any([signal, leaving.signal]));
    for await (const part of untilAborted(parts, signal)) yield* reading.read(part);
    yield* reading.end();
  } catch (error) {
    throw signal.aborted ? new UpstreamError({ kind: 'cancelled' }) : translateError(error);
  } finally {
    leaving.abort();
  }
}

function startStream(call: AdapterCall, watch: WireWatch, signal: AbortSignal): AsyncIterable<TextStreamPart<ToolSet>> {
  const { request } = call;
  const { system, turns } = arrangeMessages(request.messages);
  const tools = toolsOf(call);
  const isJsonUnnamed = call.rung === 'json_object' && !/json/i.test(request.messages.map((message) => message.content).join('\n'));
  const instructions = isJsonUnnamed ? `${system}\n\nAnswer with one JSON object.` : system;
  const result = streamText({
    // Always an object of ours: a plain string would be sent to a hosted gateway.
    model: modelFor(call, watch),
    ...(instructions.trim() === '' ? {} : { instructions: { role: 'system', content: instructions, providerOptions: CACHE_MARK } }),
    messages: turns.map(toSdkMessage),
    ...(tools === null ? {} : { tools }),
    maxOutputTokens: request.maxOutputTokens,
    maxRetries: 0,
    abortSignal: signal,
    // Without it every error is printed; it arrives in the stream as well.
    onError: () => undefined,
    telemetry: { isEnabled: false },
    include: { rawChunks: true },
  });
  // The text-only stream ends silently on errors.
  return result.fullStream;
}

const CACHE_MARK = { anthropic: { cacheControl: { type: 'ephemeral' } } } as const;

function modelFor(call: AdapterCall, watch: WireWatch): LanguageModel {
  const guarded = createGuardedFetch(call, watch);
  const { provider, model } = call.endpoint;
  if (provider === 'anthropic') return createAnthropic({ baseURL: UNUSED_BASE, apiKey: UNUSED_KEY, fetch: guarded })(model);
  return createOpenAICompatible({ name: 'custom', baseURL: UNUSED_BASE, fetch: guarded }).chatModel(model);
}

/** Tools without `execute`: the library never runs one. */
function toolsOf(call: AdapterCall): ToolSet | null {
  const { tools = [], structure } = call.request;
  const defined = tools.map(({ name, description, inputSchema }) => [name, tool({ description, inputSchema: jsonSchema(inputSchema) })] as const);
  const carrier = call.rung === 'tool' && structure !== undefined
    ? [[structureToolName(call), tool({ description: 'Give the answer.', inputSchema: jsonSchema(structure.schema) })] as const]
    : [];
  const all = [...defined, ...carrier];
  return all.length === 0 ? null : Object.fromEntries(all);
}

function toSdkMessage(turn: Turn): SdkMessage {
  if (turn.role === 'user') return { role: 'user', content: turn.content };
  if (turn.role === 'tool') {
    return {
      role: 'tool',
      content: turn.results.map(({ toolCallId, name, content }) => ({
        type: 'tool-result', toolCallId, toolName: name, output: { type: 'text', value: content === '' ? '(empty)' : content },
      })),
    };
  }
  const text = turn.content.trim() === '' ? [] : [{ type: 'text' as const, text: turn.content }];
  const calls = turn.toolCalls.map(({ id, name, input }) => ({ type: 'tool-call' as const, toolCallId: id, toolName: name, input: parseInput(input) }));
  return { role: 'assistant', content: [...text, ...calls] };
}

// A call that the model wrote badly goes back as an empty one; the tool result says what was wrong.
function parseInput(input: string): unknown {
  try {
    const parsed: unknown = JSON.parse(input);
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}

/** Turns the library's parts into ours, in order, and decides at the end whether the stream was whole. */
class Reading {
  readonly #call: AdapterCall;
  readonly #watch: WireWatch;
  readonly #filter = new ThinkFilter();
  readonly #inputs = new Map<string, string>(); // raw arguments by call id, removed when the call is complete
  readonly #known: ReadonlySet<string>;
  #hasCall = false;

  constructor(call: AdapterCall, watch: WireWatch) {
    this.#call = call;
    this.#watch = watch;
    this.#known = new Set((call.request.tools ?? []).map(({ name }) => name));
  }

  *read(part: TextStreamPart<ToolSet>): Generator<AdapterPart> {
    switch (part.type) {
      case 'raw':
        this.#watch.seeEvent(part.rawValue);
        if (this.#watch.hasRefusal) throw new UpstreamError({ kind: 'content_filter' });
        return;
      case 'text-delta': return yield* this.#filter.push(part.text);
      case 'reasoning-delta':
        if (part.text !== '') yield { type: 'reasoning', text: part.text };
        return;
      case 'tool-input-delta':
        this.#inputs.set(part.id, (this.#inputs.get(part.id) ?? '') + part.delta);
        return;
      case 'tool-call': return yield* this.#toolCall(part);
      case 'error':
        if (!this.#isSurvivable(part.error)) throw translateError(part.error);
        return;
      default: return;
    }
  }

  *end(): Generator<AdapterPart> {
    yield* this.#filter.end();
    const { finishReason, isDone, usage } = this.#watch;
    if (finishReason === null) {
      if (!isDone) throw new UpstreamError({ kind: 'cut' });
      yield { type: 'finish', reason: 'stop', usage };
      return;
    }
    const reason = readFinishReason(finishReason);
    if (reason === 'broken') throw new UpstreamError({ kind: 'gave_up', reason: finishReason });
    if (reason === 'content_filter') throw new UpstreamError({ kind: 'content_filter' });
    yield { type: 'finish', reason: reason === 'tool_calls' && !this.#hasCall ? 'stop' : reason, usage };
  }

  // Arguments as the model wrote them; the library has parsed them by now, or could not.
  *#toolCall(part: Extract<TextStreamPart<ToolSet>, { type: 'tool-call' }>): Generator<AdapterPart> {
    const written = this.#inputs.get(part.toolCallId);
    this.#inputs.delete(part.toolCallId);
    const input = written ?? (typeof part.input === 'string' ? part.input : JSON.stringify(part.input ?? {}));
    if (this.#call.rung === 'tool' && part.toolName === structureToolName(this.#call)) {
      yield* this.#filter.push(input);
      return;
    }
    // Nobody offered tools here, so nobody waits for a call.
    if (this.#known.size === 0) return;
    this.#hasCall = true;
    yield { type: 'tool_call', call: { id: part.toolCallId, name: part.toolName, input } };
  }

  /** An event without content that could not be read, or a missing finish reason, which `end` judges by the terminator. */
  #isSurvivable(error: unknown): boolean {
    if (this.#watch.isLastHarmless) return true;
    return InvalidResponseDataError.isInstance(error) && this.#watch.finishReason === null;
  }
}
