import { isTerminalEvent, languageOf, noticeFor, sentenceFor } from '../../contracts/index.ts';
import type { AgentCode, LedgerRow, NoticeCode, TurnEnd, TurnEvent, TurnKind, TurnPhase } from '../../contracts/index.ts';
import type { EngineDeps } from './engine-deps.ts';
import { TurnAbort } from './turn-abort.ts';
import type { AbortCause } from './turn-abort.ts';
import { UsageMeter } from './usage-meter.ts';

export interface TurnIdentity {
  turnId: string; sessionId: string; turnIndex: number; kind: TurnKind; message: string; language: string; clientTurnId: string | null;
}

/** One turn between acceptance and its terminal event: its signal, its events, its counted tokens. */
export class RunningTurn {
  readonly identity: TurnIdentity;
  readonly usage = new UsageMeter();
  readonly degraded = new Set<AgentCode>();
  readonly #deps: Pick<EngineDeps, 'hub' | 'store' | 'settings'>;
  readonly #abort = new AbortController();
  readonly #waitOver = new AbortController();
  readonly #deadline: NodeJS.Timeout;
  #ended: TurnEnd | null = null;
  #isTextOpen = false;
  #hasText = false;
  #openConsultation: Extract<TurnEvent, { type: 'consultation_start' }> | null = null;
  #isCommitted = false;

  constructor(identity: TurnIdentity, deps: Pick<EngineDeps, 'hub' | 'store' | 'settings'>) {
    this.identity = identity;
    this.#deps = deps;
    this.#deadline = setTimeout(() => this.abort('deadline'), deps.settings.turnDeadlineMs);
  }

  /** Aborted by cancel, deadline or shutdown, until the commit. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Aborted when nobody wants to wait for the memo any more. */
  get waitOver(): AbortSignal {
    return this.#waitOver.signal;
  }

  get isCommitted(): boolean {
    return this.#isCommitted;
  }

  get end(): TurnEnd | null {
    return this.#ended;
  }

  /** The learner has seen something of the answer. */
  get hasText(): boolean {
    return this.#hasText;
  }

  get isTextOpen(): boolean {
    return this.#isTextOpen;
  }

  /** Ends the turn before its commit; afterwards it only ends the wait for the memo. */
  abort(cause: AbortCause): void {
    this.#waitOver.abort();
    if (!this.#isCommitted) this.#abort.abort(new TurnAbort(cause));
  }

  /** The point of no return. */
  markCommitted(): void {
    this.#isCommitted = true;
    clearTimeout(this.#deadline);
  }

  emit(event: TurnEvent): void {
    if (this.#ended !== null) return;
    if (event.type === 'companion_start') this.#isTextOpen = this.#hasText = true;
    if (event.type === 'companion_complete') this.#isTextOpen = false;
    if (event.type === 'consultation_start') this.#openConsultation = event;
    if (event.type === 'consultation_complete' || event.type === 'consultation_error') this.#openConsultation = null;
    this.#deps.hub.emit(this.identity.sessionId, this.identity.turnId, event);
  }

  /** Closes what a turn that ends early has opened: every start has its end. */
  closePairs(): void {
    const { expert_id, consultation_id } = this.#openConsultation ?? {};
    if (expert_id !== undefined && consultation_id !== undefined) {
      const error = sentenceFor('ABORTED', languageOf(this.identity.language));
      this.emit({ type: 'consultation_error', expert_id, error, code: 'ABORTED', consultation_id });
    }
    if (this.#isTextOpen) this.emit({ type: 'companion_complete', interrupted: true });
  }

  phase(phase: TurnPhase): void {
    this.emit({ type: 'turn_phase', phase });
  }

  notice(code: NoticeCode, agent?: AgentCode): void {
    const message = noticeFor(code, languageOf(this.identity.language));
    this.emit({ type: 'notice', code, message, ...(agent === undefined ? {} : { agent }) });
  }

  countAttempt(row: LedgerRow): void {
    this.usage.count(row);
  }

  reportUsage(agents?: readonly AgentCode[]): void {
    for (const event of this.usage.report(this.identity.turnIndex, agents)) this.emit(event);
  }

  /** Emits the terminal event; later events are dropped. */
  finish(end: TurnEnd, event: TurnEvent): void {
    if (this.#ended !== null || !isTerminalEvent(event)) return;
    clearTimeout(this.#deadline);
    this.#waitOver.abort();
    this.emit(event);
    this.#ended = end;
  }
}
