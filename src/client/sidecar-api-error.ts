/** A refusal or a lost connection. `status` 0 means that no answer came; then `code` is one of ours. */
export class SidecarApiError extends Error {
  override readonly name = 'SidecarApiError';
  readonly status: number;
  /** A code of the HTTP contract, or `CONNECTION_LOST`, `REQUEST_TIMEOUT`, `ANSWER_INVALID`. */
  readonly code: string;
  /** A sentence for the person at the screen. */
  readonly detail: string;

  constructor(status: number, code: string, facts: { detail: string; cause?: unknown }) {
    const { detail, cause } = facts;
    super(`${code}: ${detail}`, { cause });
    this.status = status;
    this.code = code;
    this.detail = detail;
  }
}

/** True for a failure of the connection itself, after which the same request may be sent again. */
export function isConnectionLoss(error: unknown): boolean {
  return error instanceof SidecarApiError && error.code === 'CONNECTION_LOST';
}
