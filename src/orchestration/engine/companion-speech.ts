import { languageOf } from '../../contracts/index.ts';
import type { Judgement } from '../../contracts/index.ts';
import { ModelError } from '../../models/index.ts';
import type { FinishReason, ModelPart } from '../../models/index.ts';
import { createCompanionParser, createProsePipeline } from '../companion/index.ts';
import type { CompanionMode, CompanionParser, ParserEvent, ProseEvent, ProsePipeline, SolutionPolicy } from '../companion/index.ts';
import type { Clock } from '../../config/index.ts';
import type { RunningTurn } from './running-turn.ts';
import type { SpokenReply } from './turn-work.ts';

export interface SpeechOptions {
  mode: CompanionMode;
  clock: Clock;
  secrets: readonly string[];
  solutions: SolutionPolicy;
  /** Decides on the judgement of a `reply`; false stops the speech unseen. */
  mayGoOn(judgement: Judgement): boolean;
}

export type SpeechEnd = { kind: 'spoken'; reply: SpokenReply } | { kind: 'stopped' };

/** One companion call on its way to the learner: parsed, guarded, paced, emitted. Owns its timer and its abort. */
export class CompanionSpeech implements Disposable {
  readonly #turn: RunningTurn;
  readonly #options: SpeechOptions;
  readonly #parser: CompanionParser;
  readonly #pipeline: ProsePipeline;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #rawRecord: string | null = null;
  #isStopped = false;
  #failure: { cause: unknown } | null = null;
  #hasClosedProse = false;
  /** A part of the reply came, visible or not: the gateway will not try again by itself. */
  sawText = false;

  constructor(turn: RunningTurn, options: SpeechOptions) {
    this.#turn = turn;
    this.#options = options;
    this.#parser = createCompanionParser({ mode: options.mode });
    this.#pipeline = createProsePipeline({
      language: languageOf(turn.identity.language), secrets: options.secrets, solutions: options.solutions,
    });
  }

  /** Ends the call when the turn ends or the judgement unlocks it. */
  get signal(): AbortSignal {
    return AbortSignal.any([this.#turn.signal, this.#abort.signal]);
  }

  /** True once the learner has seen something. */
  get isVisible(): boolean {
    return !this.#pipeline.isBlank;
  }

  /** Reads the call to its end. Throws ModelError when it broke before the prose was over, or when the prose is blank. */
  async read(parts: AsyncIterable<ModelPart>): Promise<SpeechEnd> {
    let reason: FinishReason = 'other';
    try {
      for await (const part of parts) {
        if (part.type === 'text') this.#take(this.#parser.push(part.text, this.#now()));
        if (part.type === 'finish') reason = part.reason;
        if (this.#isStopped) return { kind: 'stopped' };
      }
    } catch (error) {
      if (this.#isStopped) return { kind: 'stopped' };
      if (this.#failure === null && !this.#mayKeep(error)) throw error;
    }
    if (this.#failure !== null) throw this.#failure.cause;
    return { kind: 'spoken', reply: this.#finish(reason) };
  }

  [Symbol.dispose](): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #now(): number {
    return this.#options.clock.monotonicMs();
  }

  /** A stream that breaks behind the prose keeps the answer; one that breaks inside shows what it had and fails. */
  #mayKeep(error: unknown): boolean {
    this.#turn.signal.throwIfAborted();
    if (this.#hasClosedProse) return error instanceof ModelError;
    if (this.isVisible) this.#emit(this.#pipeline.end(this.#now()));
    return false;
  }

  #take(events: readonly ParserEvent[]): void {
    this.sawText = true;
    for (const event of events) {
      if (event.type === 'judgement' && !this.#options.mayGoOn(event.judgement)) return this.#stop();
      if (event.type === 'prose') this.#emit(this.#pipeline.push(event.text, this.#now()));
      if (event.type === 'record') this.#rawRecord = event.raw;
    }
    if (this.#parser.part === 'record' || this.#parser.part === 'done') this.#closeProse();
    this.#schedule();
  }

  #stop(): void {
    this.#isStopped = true;
    this.#abort.abort();
  }

  #emit(events: readonly ProseEvent[]): void {
    for (const event of events) {
      if (event.type === 'note') {
        this.#turn.notice(event.code, 'CA');
        continue;
      }
      if (!this.#turn.isTextOpen) this.#turn.emit({ type: 'companion_start' });
      this.#turn.emit({ type: 'companion_chunk', content: event.content });
    }
  }

  #closeProse(): void {
    if (this.#hasClosedProse) return;
    this.#emit(this.#pipeline.end(this.#now()));
    if (this.#pipeline.isBlank) return;
    this.#hasClosedProse = true;
    this.#turn.emit({ type: 'companion_complete' });
    this.#turn.phase('recording');
  }

  #finish(reason: FinishReason): SpokenReply {
    const endedIn = this.#parser.part;
    this.#take(this.#parser.end(this.#now(), { reason: reason === 'length' ? 'length' : 'stop' }));
    this[Symbol.dispose]();
    this.#closeProse();
    if (!this.#hasClosedProse) {
      throw new ModelError(reason === 'content_filter' ? 'content_filter' : 'empty_reply', 'the companion said nothing', {
        retryable: reason !== 'content_filter',
      });
    }
    return {
      prose: this.#pipeline.text, rawRecord: this.#rawRecord,
      isTruncated: reason === 'length' && (endedIn === 'prose' || endedIn === 'head'),
    };
  }

  /** Wakes up when something that is held must leave, whether or not the model goes on. */
  #schedule(): void {
    this[Symbol.dispose]();
    const times = [this.#parser.dueAt, this.#pipeline.dueAt].filter((time) => time !== null);
    if (times.length === 0 || this.#isStopped) return;
    this.#timer = setTimeout(() => this.#wake(), Math.max(0, Math.min(...times) - this.#now()));
  }

  #wake(): void {
    if (this.#turn.signal.aborted) return;
    try {
      this.#take(this.#parser.tick(this.#now()));
      if (this.#isStopped) return;
      this.#emit(this.#pipeline.tick(this.#now()));
      this.#schedule();
    } catch (error) {
      // A timer has no caller: whoever reads the call hears of it.
      this.#failure = { cause: error };
      this.#abort.abort();
    }
  }
}
