import type { Clock } from '../config/index.ts';
import type { LedgerRow, Usage } from '../contracts/index.ts';
import type { AdapterCall, AdapterPart, ModelAdapter } from './adapter-port.ts';
import { classifyFailure } from './classify-error.ts';
import { rawTokens } from './estimate-tokens.ts';
import type { CallContext, CallLimits } from './gateway-contract.ts';
import { ModelError, type FinishReason, type ModelPart, type ToolCall } from './port.ts';
import { endAttemptSpan, startAttemptSpan } from './trace-attempt.ts';
import { UpstreamError } from './upstream-error.ts';
import { Watchdog } from './watchdog.ts';

/** One request to a provider, with everything the ledger wants to know. */
export interface AttemptPlan {
  adapter: ModelAdapter;
  call: Omit<AdapterCall, 'onActivity'>;
  context: CallContext;
  limits: CallLimits;
  number: number;
  /** Factor for estimates of this model's tokens. */
  factor: number;
  /** Ends the whole call: the caller's signal and the deadline over all attempts. */
  ending: { signal: AbortSignal; whole: AbortSignal };
  clock: Clock;
  /** Looks at a reported usage; an error it returns fails the attempt. */
  judge(usage: Usage, isTextVisible: boolean): ModelError | null;
}

/** Streams one attempt and writes its ledger row exactly once, however it ends. */
export class Attempt {
  /** What the provider said when it failed; stays inside `models/`. */
  upstreamText: string | null = null;
  readonly #plan: AttemptPlan;
  readonly #startedAt: number;
  #firstAt: number | null = null;
  #outputTokens = 0;
  #isRecorded = false;

  constructor(plan: AttemptPlan) {
    this.#plan = plan;
    this.#startedAt = plan.clock.monotonicMs();
  }

  /** The parts of a good attempt, or one `ModelError`. Blank text in front waits for the first visible character. */
  async *run(): AsyncGenerator<ModelPart> {
    const { call, limits, ending, context } = this.#plan;
    const span = startAttemptSpan(call.request, { provider: call.endpoint.provider, model: call.endpoint.model, promptHash: context.promptHash });
    using watchdog = new Watchdog(limits.firstByteMs, limits.idleMs);
    const signal = AbortSignal.any([ending.signal, ending.whole, watchdog.signal]);
    const record = (facts: RowFacts): void => this.#record(facts, (row) => endAttemptSpan(span, row));
    try {
      yield* this.#parts(watchdog, signal, record);
    } catch (error) {
      const failure = this.#failureOf(error, watchdog);
      record({ finish: failure.kind === 'aborted' ? 'aborted' : 'error', usage: failure.usage, error: failure });
      throw failure;
    } finally {
      // Whoever leaves the iteration early has cancelled the call.
      record({ finish: 'aborted', usage: null, error: new ModelError('aborted', 'the reader went away') });
    }
  }

  async *#parts(watchdog: Watchdog, signal: AbortSignal, record: (facts: RowFacts) => void): AsyncGenerator<ModelPart> {
    const { adapter, call } = this.#plan;
    let blank = '';
    let isTextVisible = false;
    const toolCalls: ToolCall[] = [];
    for await (const part of adapter.stream({ ...call, onActivity: () => watchdog.feed() }, signal)) {
      this.#note(part);
      if (part.type === 'finish') {
        const usage = this.#finish(part, { isTextVisible, hasCalls: toolCalls.length > 0 });
        record({ finish: part.reason, usage, error: null });
        for (const toolCall of toolCalls) yield { type: 'tool_call', call: toolCall };
        yield { type: 'finish', reason: part.reason, usage: usage ?? this.#estimate(), estimated: usage === null };
        return;
      }
      // Calls of an attempt that fails after them must not be carried out twice.
      if (part.type === 'tool_call') toolCalls.push(part.call);
      else if (part.type === 'reasoning') yield part;
      else if (isTextVisible || part.text.trim() !== '') {
        isTextVisible = true;
        const text = blank + part.text;
        blank = '';
        yield { type: 'text', text };
      } else blank += part.text;
    }
    throw new UpstreamError({ kind: 'cut' });
  }

  #note(part: AdapterPart): void {
    if (part.type === 'finish') return;
    this.#firstAt ??= this.#plan.clock.monotonicMs();
    this.#outputTokens += rawTokens(part.type === 'tool_call' ? part.call.name + part.call.input : part.text);
  }

  #finish(part: { reason: FinishReason; usage: Usage | null }, seen: { isTextVisible: boolean; hasCalls: boolean }): Usage | null {
    const usage = part.usage;
    const judged = usage === null ? null : this.#plan.judge(usage, seen.isTextVisible);
    if (judged !== null) throw judged;
    if (seen.isTextVisible || seen.hasCalls) return usage;
    if (part.reason === 'length') throw new ModelError('length', 'the output limit was reached before any text', { retryable: true, usage });
    throw new ModelError('empty_reply', 'the provider sent no text', { retryable: true, usage });
  }

  #failureOf(error: unknown, watchdog: Watchdog): ModelError {
    if (error instanceof ModelError) return error;
    const { ending, limits, clock } = this.#plan;
    if (ending.signal.aborted) return new ModelError('aborted', 'the call was cancelled');
    if (ending.whole.aborted) return new ModelError('timeout', `no complete answer within ${limits.totalMs} ms`);
    if (watchdog.expiry !== null) {
      const ms = watchdog.expiry === 'idle' ? limits.idleMs : limits.firstByteMs;
      return new ModelError('timeout', `${watchdog.expiry === 'idle' ? 'silence' : 'no first byte'} for ${ms} ms`, { retryable: true });
    }
    if (!(error instanceof UpstreamError)) throw error;
    this.upstreamText = 'text' in error.facts ? error.facts.text : null;
    return classifyFailure(error.facts, clock.now().getTime());
  }

  #estimate(): Usage {
    const { context, factor } = this.#plan;
    return { input_tokens: Math.max(0, Math.ceil(context.estimatedInputTokens)), output_tokens: Math.ceil(this.#outputTokens * factor) };
  }

  #record(facts: RowFacts, written: (row: LedgerRow) => void): void {
    if (this.#isRecorded) return;
    this.#isRecorded = true;
    const { call, context, clock, number } = this.#plan;
    const { agent, purpose } = call.request;
    const row: LedgerRow = {
      turn_id: context.turnId, session_id: context.sessionId, agent, purpose, model: call.endpoint.model, endpoint: call.endpoint.url,
      attempt: number, usage: facts.usage ?? this.#estimate(), estimated: facts.usage === null,
      ttft_ms: this.#firstAt === null ? null : this.#firstAt - this.#startedAt, total_ms: clock.monotonicMs() - this.#startedAt,
      finish: facts.finish, repaired: context.repaired ?? false, prompt_hash: context.promptHash, manifest: context.manifest,
      ...(facts.error === null ? {} : { error: { agent, kind: facts.error.kind, retryable: facts.error.retryable, detail: facts.error.message } }),
      at: clock.now().toISOString(),
    };
    written(row);
    context.onAttempt(row);
  }
}

interface RowFacts { finish: string; usage: Usage | null; error: ModelError | null }
