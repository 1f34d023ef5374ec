import type { ErrorCode, Language } from './error-catalogue.ts';
import { CATALOGUE } from './error-catalogue.ts';

export interface SidecarErrorOptions {
  cause?: unknown;
  /** Facts that the person at the screen may see, appended to the catalogue's sentence. Never a path outside the session. */
  detail?: string | Partial<Record<Language, string>>;
  /** Language of the person; unset = the service's. */
  language?: Language;
  /** For 429 and 503. */
  retryAfterSeconds?: number;
}

/** A refusal or failure with a stable code. `message` is for the log; people read the catalogue's text plus `detail`. */
export class SidecarError extends Error {
  override readonly name = 'SidecarError';
  readonly code: ErrorCode;
  readonly detail: SidecarErrorOptions['detail'];
  readonly language: Language | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: SidecarErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
    this.language = options.language;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** The human sentence of an error: the catalogue's text, then the facts in brackets' place after a colon. */
export function describeError(error: SidecarError, fallback: Language): string {
  const language = error.language ?? fallback;
  const sentence = CATALOGUE[error.code][language];
  const detail = typeof error.detail === 'string' ? error.detail : (error.detail?.[language] ?? error.detail?.en);
  if (detail === undefined || detail === '') return sentence;
  return language === 'zh' ? `${sentence}：${detail}` : `${sentence}: ${detail}`;
}

/** Ends the turn or request as a defect when a broken invariant shows itself. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (condition === undefined || condition === null || condition === false) throw new Error(`invariant broken: ${message}`);
}
