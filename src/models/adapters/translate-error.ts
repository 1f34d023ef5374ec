import { APICallError } from '@ai-sdk/provider';
import { UpstreamError } from '../upstream-error.ts';

/** Any error of the library or the transport as facts. */
export function translateError(error: unknown): UpstreamError {
  const own = findInCauses(error, (candidate) => candidate instanceof UpstreamError);
  if (own instanceof UpstreamError) return own;
  if (APICallError.isInstance(error) && error.statusCode !== undefined && error.statusCode >= 300) {
    return new UpstreamError({
      kind: 'status', status: error.statusCode, headers: error.responseHeaders ?? {}, text: error.responseBody ?? error.message,
    });
  }
  const code = networkCode(error);
  if (code !== null) return new UpstreamError({ kind: 'network', code });
  if (error instanceof TypeError) return new UpstreamError({ kind: 'network', code: 'UNKNOWN' });
  if (error instanceof Error && /JSONParse|TypeValidation|InvalidResponse/.test(error.name)) {
    return new UpstreamError({ kind: 'unreadable', what: 'an event that cannot be read' });
  }
  return new UpstreamError({ kind: 'reported', text: reportedText(error) });
}

function networkCode(error: unknown): string | null {
  const found = findInCauses(error, (candidate) => typeof (candidate as { code?: unknown }).code === 'string');
  const code = (found as { code?: string } | null)?.code;
  // A system code is upper case; anything else could be a provider's word.
  return code !== undefined && /^[A-Z][A-Z0-9_]{2,60}$/.test(code) ? code : null;
}

function findInCauses(error: unknown, matches: (candidate: object) => boolean): unknown {
  let current: unknown = error;
  for (let depth = 0; depth < 8 && typeof current === 'object' && current !== null; depth += 1) {
    if (matches(current)) return current;
    current = (current as { cause?: unknown }).cause;
  }
  return null;
}

function reportedText(error: unknown): string {
  if (typeof error === 'string') return error;
  if (typeof error !== 'object' || error === null) return '';
  const { type, code, message, data } = error as { type?: unknown; code?: unknown; message?: unknown; data?: unknown };
  const words = [type, code, message].filter((word) => typeof word === 'string' || typeof word === 'number');
  return `${words.join(' ')} ${typeof data === 'object' ? JSON.stringify(data) : ''}`;
}
