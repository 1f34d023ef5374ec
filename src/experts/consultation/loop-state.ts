import type { LedgerRow } from '../../contracts/index.ts';
import type { ConsultationLimits } from '../registry/metadata.ts';
import { ConsultationFailure } from './consultation-failure.ts';

const SAME_ERROR_LIMIT = 3;
/** Input and answer of a last call that still fits. */
const LAST_CALL_TOKENS = 4000;

/** What a consultation has used, and what that allows next. */
export class LoopState {
  step = 0;
  calls = 0;
  tokens = 0;
  isReminded = false;
  invalidOutputs = 0;
  private readonly limits: ConsultationLimits;
  private readonly errors = new Map<string, number>(); // At most one entry for each of the few calls; goes with the consultation.

  constructor(limits: ConsultationLimits) {
    this.limits = limits;
  }

  /** Begins a step; true when it is the last, in which only `finish` is offered. */
  begin(): boolean {
    if (this.step >= this.limits.steps) throw new ConsultationFailure('no_result', `no finish in ${this.limits.steps} steps`);
    if (this.tokens >= this.limits.tokens) throw new ConsultationFailure('budget', `${this.tokens} tokens used`);
    if (this.calls > this.limits.calls) throw new ConsultationFailure('budget', `${this.limits.calls} calls used`);
    this.step += 1;
    return this.step === this.limits.steps || this.calls >= this.limits.calls || this.tokens >= this.limits.tokens - LAST_CALL_TOKENS;
  }

  /** Counts a call; false when there are none left and it must not be carried out. */
  countCall(): boolean {
    this.calls += 1;
    return this.calls <= this.limits.calls;
  }

  countAttempt(row: Pick<LedgerRow, 'usage'>): void {
    this.tokens += row.usage.input_tokens + row.usage.output_tokens;
  }

  /** A reply without a call is forgiven once. */
  remind(): void {
    if (this.isReminded) throw new ConsultationFailure('no_result', 'two replies without a call');
    this.isReminded = true;
  }

  /** Ends the consultation when the same error comes for the third time. */
  noteError(tool: string, message: string): void {
    const key = `${tool}: ${message}`;
    const seen = (this.errors.get(key) ?? 0) + 1;
    this.errors.set(key, seen);
    if (seen >= SAME_ERROR_LIMIT) throw new ConsultationFailure('no_result', `the same error ${seen} times: ${tool}`);
  }

  /** The first invalid output goes back to the model, the second ends it. */
  noteInvalid(errors: readonly string[]): void {
    this.invalidOutputs += 1;
    if (this.invalidOutputs > 1) throw new ConsultationFailure('invalid_output', errors.slice(0, 3).join('; '));
  }
}
