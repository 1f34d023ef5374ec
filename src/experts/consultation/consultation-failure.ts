/** Why a consultation ended; `answered` is the good end. */
export const TERMINATION_REASONS = [
  'answered', 'model_error', 'deadline', 'budget', 'lane_unavailable', 'no_result', 'invalid_output', 'aborted',
] as const;
export type TerminationReason = (typeof TERMINATION_REASONS)[number];

/** Ends a consultation with a reason of its own; `detail` is for the log and the record. */
export class ConsultationFailure extends Error {
  override readonly name = 'ConsultationFailure';
  readonly reason: Exclude<TerminationReason, 'answered'>;

  constructor(reason: Exclude<TerminationReason, 'answered'>, detail: string, options: { cause?: unknown } = {}) {
    super(detail, options);
    this.reason = reason;
  }
}
