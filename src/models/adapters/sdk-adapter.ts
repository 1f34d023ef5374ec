import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { InvalidResponseDataError } from '@ai-sdk/provider';
import type { LanguageModelV4, LanguageModelV4CallOptions, LanguageModelV4Message, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import type { AdapterCall, AdapterPart, ModelAdapter } from '../adapter-port.ts';
import { readFinishReason } from '../quirks.ts';
import { ThinkFilter } from '../think-filter.ts';
import { UpstreamError } from '../upstream-error.ts';
import { arrangeMessages, type Turn } from './arrange-messages.ts';
import { createGuardedFetch } from './guarded-fetch.ts';
import { readUntilAborted } from './read-until-aborted.ts';
import { structureToolName } from './shape-body.ts';
import { translateError } from './translate-error.ts';
import { WireWatch } from './wire-watch.ts';

// The library wants an address and a key; ours are set where the request leaves.
const UNUSED_BASE = 'http://address.invalid';
const UNUSED_KEY = 'set-at-the-door';

/**
 * Speaks chat completions and messages through the provider packages of the AI SDK. Their stream is read directly: the pipeline of
 * `streamText` on top of it takes more time per piece of text than everything else of a turn.
 */
export function createSdkAdapter(): ModelAdapter {
  return { stream: streamCall };
}

async function* streamCall(call: AdapterCall, signal: AbortSignal): AsyncGenerator<AdapterPart> {
  const leaving = new AbortController();
  const watch = new WireWatch();
  const reading = new Reading(call, watch);
  try {
    const parts = startStream(call, watch, AbortSignal.any([signal, leaving.signal]));
    for await (const part of readUntilAborted(parts, signal)) yield* reading.read(part);
    yield* reading.end();
  } catch (error) {
    throw signal.aborted ? new UpstreamError({ kind: 'cancelled' }) : translateError(error);
  } finally {
    leaving.abort();
  }
}

async function startStream(call: AdapterCall, watch: WireWatch, abortSignal: AbortSignal): Promise<ReadableStream<LanguageModelV4StreamPart>> {
  const { request } = call;
  const { system, turns } = arrangeMessages(request.messages);
  const tools = toolsOf(call);
  const isJsonUnnamed = call.rung === 'json_object' && !/json/i.test(request.messages.map((message) => message.content).join('\n'));
  const instructions = isJsonUnnamed ? `${system}\n\nAnswer with one JSON object.` : system;
  const { stream } = await modelFor(call, watch).doStream({
    prompt: [
      ...(instructions.trim() === '' ? [] : [{ role: 'system' as const, content: instructions, providerOptions: CACHE_MARK }]),
      ...turns.map(toPromptMessage),
    ],
    ...(tools.length === 0 ? {} : { tools, toolChoice: { type: 'auto' as const } }),
    maxOutputTokens: request.maxOutputTokens,
    abortSignal,
    includeRawChunks: true,
  });
  return stream;
}

const CACHE_MARK = { anthropic: { cacheControl: { type: 'ephemeral' } } };

function modelFor(call: AdapterCall, watch: WireWatch): LanguageModelV4 {
  const guarded = createGuardedFetch(call, watch);
  const { provider, model } = call.endpoint;
  if (provider === 'anthropic') return createAnthropic({ baseURL: UNUSED_BASE, apiKey: UNUSED_KEY, fetch: guarded })(model);
  return createOpenAICompatible({ name: 'custom', baseURL: UNUSED_BASE, fetch: guarded }).chatModel(model);
}

function toolsOf(call: AdapterCall): NonNullable<LanguageModelV4CallOptions['tools']> {
  const { tools = [], structure } = call.request;
  const carrier = call.rung === 'tool' && structure !== undefined
    ? [{ name: structureToolName(call), description: 'Give the answer.', inputSchema: structure.schema }]
    : [];
  return [...tools, ...carrier].map(({ name, description, inputSchema }) => ({ type: 'function', name, description, inputSchema }));
}

function toPromptMessage(turn: Turn): LanguageModelV4Message {
  if (turn.role === 'user') return { role: 'user', content: [{ type: 'text', text: turn.content }] };
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
  readonly #known: ReadonlySet<string>;
  #hasCall = false;

  constructor(call: AdapterCall, watch: WireWatch) {
    this.#call = call;
    this.#watch = watch;
    this.#known = new Set((call.request.tools ?? []).map(({ name }) => name));
  }

  *read(part: LanguageModelV4StreamPart): Generator<AdapterPart> {
    switch (part.type) {
      case 'raw':
        this.#watch.seeEvent(part.rawValue);
        if (this.#watch.hasRefusal) throw new UpstreamError({ kind: 'content_filter' });
        return;
      case 'text-delta': return yield* this.#filter.push(part.delta);
      case 'reasoning-delta':
        if (part.delta !== '') yield { type: 'reasoning', text: part.delta };
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

  // The arguments stay as the model wrote them; who asked for the call reads them.
  *#toolCall({ toolCallId: id, toolName: name, input }: Extract<LanguageModelV4StreamPart, { type: 'tool-call' }>): Generator<AdapterPart> {
    if (this.#call.rung === 'tool' && name === structureToolName(this.#call)) {
      yield* this.#filter.push(input);
      return;
    }
    // Nobody offered tools here, so nobody waits for a call.
    if (this.#known.size === 0) return;
    this.#hasCall = true;
    yield { type: 'tool_call', call: { id, name, input } };
  }

  /** An event without content that could not be read, or a missing finish reason, which `end` judges by the terminator. */
  #isSurvivable(error: unknown): boolean {
    if (this.#watch.isLastHarmless) return true;
    return InvalidResponseDataError.isInstance(error) && this.#watch.finishReason === null;
  }
}
