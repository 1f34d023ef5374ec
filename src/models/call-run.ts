import type { Usage } from '../contracts/index.ts';
import { Attempt } from './attempt.ts';
import { firstRungOf, rungBelow, windowOfModel, type StructuredRung } from './capability-table.ts';
import { MAX_RETRY_AFTER_MS } from './call-limits.ts';
import { readNamedWindow } from './classify-error.ts';
import type { Endpoint } from './endpoint.ts';
import { estimateRequestTokens } from './estimate-tokens.ts';
import type { CallContext, CallLimits } from './gateway-contract.ts';
import type { GatewayParts } from './gateway.ts';
import { ModelError, type ModelRequest } from './port.ts';
import { REFUSALS, initialShape, namesRung, namesTools, shapeAfterRefusal, type WireShape } from './quirks.ts';

const TRUNCATION_FROM_TOKENS = 2_000;
const TRUNCATION_BELOW = 0.6;
const MIN_TOKENS_TO_LEARN = 200;
/** The smallest window that servers are set up with; a lower count is a miscount and must not starve every later call. */
const MIN_WINDOW_TOKENS = 2_048;
const REFUSED_STATUS_KINDS: ReadonlySet<string> = new Set(['bad_request', 'not_found', 'transport']);

/** One call over all its attempts: what is asked next, of whom, and when to give up. */
export class CallRun implements Disposable {
  readonly #parts: GatewayParts;
  readonly #request: ModelRequest;
  readonly #context: CallContext;
  readonly #limits: CallLimits;
  readonly #signal: AbortSignal;
  readonly #whole = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #deadlineAt: number;
  readonly #seenQuirks = new Set<string>();
  #endpoint: Endpoint;
  #shape: WireShape;
  #rung: StructuredRung | null;
  #attempt: Attempt | null = null;
  #number = 0;
  #tries = 0;

  constructor(parts: GatewayParts, call: { request: ModelRequest; context: CallContext; limits: CallLimits; endpoint: Endpoint; signal: AbortSignal }) {
    this.#parts = parts;
    this.#request = call.request;
    this.#context = call.context;
    this.#limits = call.limits;
    this.#signal = call.signal;
    this.#endpoint = call.endpoint;
    this.#shape = this.#knownShape();
    this.#rung = this.#knownRung();
    this.#deadlineAt = parts.clock.monotonicMs() + call.limits.totalMs;
    this.#timer = setTimeout(() => this.#whole.abort(), call.limits.totalMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  /** The next attempt; throws when the budget does not allow it. `isLive` tells whether somebody reads along. */
  async next(isLive: boolean): Promise<Attempt> {
    if (this.#signal.aborted) throw new ModelError('aborted', 'the call was cancelled');
    const { parts, request, context } = { parts: this.#parts, request: this.#request, context: this.#context };
    parts.budget.check(context, context.estimatedInputTokens);
    const adapter = await parts.loadAdapter();
    this.#number += 1;
    this.#tries += 1;
    this.#attempt = new Attempt({
      adapter,
      call: { request, endpoint: this.#endpoint, shape: this.#shape, rung: this.#rung },
      context: { ...context, onAttempt: (row) => this.#settle(row, context) },
      limits: this.#limits,
      number: this.#number,
      factor: parts.learnt.factor(this.#endpoint),
      ending: { signal: this.#signal, whole: this.#whole.signal },
      clock: parts.clock,
      judge: (usage, isTextVisible) => this.#judge(usage, isLive && isTextVisible),
    });
    return this.#attempt;
  }

  /** Prepares another attempt after a failure, or throws the failure. */
  async recover(error: unknown, isVisible: boolean): Promise<void> {
    if (!(error instanceof ModelError)) throw error;
    if (error.kind === 'context_overflow') this.#learnWindow();
    if (isVisible || error.kind === 'aborted' || this.#signal.aborted) throw error;
    if (this.#adapt(error)) return;
    if (!error.retryable) throw error;
    const waitMs = this.#waitFor(error);
    if (this.#tries < this.#limits.attempts && waitMs < this.#deadlineAt - this.#parts.clock.monotonicMs()) {
      this.#parts.log.info({ agent: this.#request.agent, kind: error.kind, attempt: this.#number, waitMs }, 'a model call is tried again');
      this.#context.onNotice('model_retry');
      await this.#wait(waitMs);
      return;
    }
    if (!this.#switchToFallback()) throw error;
  }

  #settle(row: Parameters<CallContext['onAttempt']>[0], context: CallContext): void {
    this.#parts.budget.count(context, row.usage.input_tokens + row.usage.output_tokens);
    context.onAttempt(row);
  }

  /** Learns from a reported count, and notices a provider that cuts its input without a word. */
  #judge(usage: Usage, isShown: boolean): ModelError | null {
    const { learnt } = this.#parts;
    const estimated = this.#context.estimatedInputTokens;
    if (estimated > TRUNCATION_FROM_TOKENS && usage.input_tokens < TRUNCATION_BELOW * estimated) {
      learnt.keepWindow(this.#endpoint, Math.max(MIN_WINDOW_TOKENS, usage.input_tokens));
      this.#context.onNotice('context_truncated');
      this.#parts.log.warn({ model: this.#endpoint.model, reported: usage.input_tokens, estimated }, 'the provider cuts prompts silently');
      return isShown ? null : new ModelError('context_truncated', 'the provider cut the prompt silently', { usage, setting: 'LLM_CONTEXT_TOKENS' });
    }
    const plain = estimateRequestTokens(this.#request, 1);
    if (plain >= MIN_TOKENS_TO_LEARN) learnt.keepCount(this.#endpoint, usage.input_tokens, plain);
    return null;
  }

  #learnWindow(): void {
    const named = readNamedWindow(this.#attempt?.upstreamText ?? '');
    const known = this.#parts.learnt.window(this.#endpoint) ?? windowOfModel(this.#endpoint.model);
    if (named !== null && named >= MIN_WINDOW_TOKENS && named < known) this.#parts.learnt.keepWindow(this.#endpoint, named);
  }

  /** Writes the request differently when the refusal names something that can be left out; costs no try. */
  #adapt(error: ModelError): boolean {
    const text = this.#attempt?.upstreamText ?? '';
    if (text === '' || error.retryable || !REFUSED_STATUS_KINDS.has(error.kind)) return false;
    const { learnt } = this.#parts;
    const changed = shapeAfterRefusal(this.#shape, text, this.#seenQuirks);
    const below = this.#rung !== null && namesRung(text, this.#rung) ? rungBelow(this.#rung, this.#endpoint.provider) : null;
    if (below !== null) {
      this.#rung = below;
      learnt.keepRung(this.#endpoint, below);
    } else if (changed !== null) {
      this.#shape = changed.shape;
      this.#seenQuirks.add(changed.name);
      learnt.keepQuirk(this.#endpoint, changed.name);
    } else if ((this.#request.tools ?? []).length > 0 && namesTools(text)) {
      learnt.keepLackOfTools(this.#endpoint);
      throw new ModelError('tool', 'this model cannot call tools', { usage: error.usage });
    } else return false;
    this.#tries -= 1;
    return true;
  }

  #waitFor(error: ModelError): number {
    if (error.retryAfterMs !== null) return Math.min(error.retryAfterMs, MAX_RETRY_AFTER_MS);
    const { baseMs, capMs } = this.#parts.backoff;
    return this.#parts.random() * Math.min(capMs, baseMs * 2 ** (this.#tries - 1));
  }

  async #wait(ms: number): Promise<void> {
    try {
      await this.#parts.wait(ms, this.#signal);
    } catch (error) {
      throw new ModelError('aborted', 'the call was cancelled', { cause: error });
    }
  }

  #switchToFallback(): boolean {
    const { fallbackModel } = this.#parts.settings;
    if (fallbackModel === null || fallbackModel === this.#endpoint.model || this.#whole.signal.aborted) return false;
    this.#endpoint = { ...this.#endpoint, model: fallbackModel };
    this.#seenQuirks.clear();
    this.#shape = this.#knownShape();
    this.#rung = this.#knownRung();
    this.#context.onNotice('model_fallback');
    return true;
  }

  #knownShape(): WireShape {
    let shape = initialShape(this.#endpoint);
    for (const name of this.#parts.learnt.quirks(this.#endpoint)) {
      shape = REFUSALS.find((quirk) => quirk.name === name)?.change(shape) ?? shape;
    }
    return shape;
  }

  #knownRung(): StructuredRung | null {
    if (this.#request.structure === undefined) return null;
    const rung = this.#parts.settings.structured ?? this.#parts.learnt.rung(this.#endpoint) ?? firstRungOf(this.#endpoint);
    // The messages protocol has one strong way only.
    return this.#endpoint.provider === 'anthropic' && rung !== 'text' ? 'tool' : rung;
  }
}
