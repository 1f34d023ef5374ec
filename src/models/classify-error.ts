import type { ModelErrorKind, Usage } from '../contracts/index.ts';
import { ModelError } from './port.ts';
import { readRetryAfterMs } from './retry-after.ts';
import type { UpstreamFacts } from './upstream-error.ts';

const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504, 529]);
const NOTHING_SPENT: Usage = { input_tokens: 0, output_tokens: 0 };

/** How services say that a prompt does not fit their window. */
export const OVERFLOW_WORDINGS: readonly RegExp[] = [
  /context[ _]length[ _]exceeded/i,
  /maximum context length/i,
  /exceed\w*.{0,40}context (window|size|limit|length)/i,
  /(greater|longer|larger) than the (model's )?context/i,
  /context (window|size|length).{0,60}exceed/i,
  /exceed_context_size/i,
  /(prompt|input|request|message)s?\b.{0,40}\btoo (long|large|many tokens)/i,
  /too (long|large).{0,60}context/i,
  /exceed context limit/i,
  /request_too_large|exceeds the maximum size/i,
  /range of input length should be/i,
  /exceeds? max(imum)? (length|number of tokens)/i,
  /exceed\w* .{0,20}(model )?(token|input) limit/i,
  /max_new_tokens`? must be <=/i,
  /maximum (prompt|input|sequence|token)\s?(length|count)/i,
  /reduce the length of the (messages|prompt|input)/i,
  /input token count.{0,40}exceeds/i,
  /(上下文|输入|提示词?).{0,12}(过长|超长|超出|超过)/,
];

/** Whether a text says that the prompt is too long. */
export function saysOverflow(text: string): boolean {
  return OVERFLOW_WORDINGS.some((wording) => wording.test(text));
}

/** The window that an overflow message names, in tokens, or null. */
export function readNamedWindow(text: string): number | null {
  const match = /(?:maximum context length is|maximum prompt length is|token limit:|should be \[1,|tokens allowed \(|must be <=|tokens >)\s*(\d{3,8})/i.exec(text)
    ?? /with (\d{3,8}) maximum context length/i.exec(text);
  return match?.[1] === undefined ? null : Number(match[1]);
}

/** The failure as everybody else may see it: our words, no upstream text, no key. */
export function classifyFailure(facts: UpstreamFacts, nowMs: number): ModelError {
  switch (facts.kind) {
    case 'status': return classifyStatus(facts, nowMs);
    case 'reported': return classifyReported(facts.text);
    case 'network': return classifyNetwork(facts.code);
    case 'cut': return new ModelError('transport', 'the stream ended without a finish reason', { retryable: true });
    case 'gave_up': return new ModelError('transport', 'the provider gave up in the middle of its answer', { retryable: true });
    case 'unreadable': return new ModelError('transport', `the provider sent ${facts.what}`, { retryable: true });
    case 'content_filter': return new ModelError('content_filter', 'the provider refused this content');
    case 'cancelled': return new ModelError('aborted', 'the call was cancelled');
    default: return facts satisfies never;
  }
}

function classifyStatus(facts: Extract<UpstreamFacts, { kind: 'status' }>, nowMs: number): ModelError {
  const { status, headers, text } = facts;
  const detail = `the provider answered ${status}`;
  const spent = { usage: NOTHING_SPENT };
  if (status >= 300 && status < 400) {
    return new ModelError('not_found', `${detail}; redirects are not followed`, { ...spent, setting: 'LLM_BASE_URL' });
  }
  if (status === 401 || status === 402 || status === 403) return new ModelError('auth', detail, { ...spent, setting: 'LLM_API_KEY' });
  if (status === 429) {
    // An exhausted account says 429 too, and no wait helps it.
    if (/insufficient_quota|exceeded your current quota|billing/i.test(text)) return new ModelError('auth', detail, { ...spent, setting: 'LLM_API_KEY' });
    return new ModelError('rate_limit', detail, { ...spent, retryable: true, retryAfterMs: readRetryAfterMs(headers, nowMs) });
  }
  if (status === 400 || status === 413 || status === 422) return classifyRefusal(status, text);
  if (status === 404 || status === 405 || status === 410) {
    return new ModelError('not_found', detail, { ...spent, setting: /model/i.test(text) ? 'LLM_MODEL' : 'LLM_BASE_URL' });
  }
  if (status >= 500 && saysOverflow(text)) return new ModelError('context_overflow', detail, spent);
  const kind: ModelErrorKind = status === 408 || status === 504 ? 'timeout' : 'transport';
  return new ModelError(kind, detail, { ...spent, retryable: RETRYABLE_STATUS.has(status), retryAfterMs: readRetryAfterMs(headers, nowMs) });
}

function classifyRefusal(status: number, text: string): ModelError {
  const detail = `the provider answered ${status}`;
  const spent = { usage: NOTHING_SPENT };
  if (status === 413 || saysOverflow(text)) return new ModelError('context_overflow', detail, spent);
  if (saysFiltered(text)) return new ModelError('content_filter', detail, spent);
  if (/api[ _-]?key|credential/i.test(text)) return new ModelError('auth', detail, { ...spent, setting: 'LLM_API_KEY' });
  if (/model.{0,80}(does not exist|not found|not exist|unknown)|(unknown|invalid|no such) model/i.test(text)) {
    return new ModelError('not_found', detail, { ...spent, setting: 'LLM_MODEL' });
  }
  return new ModelError('bad_request', detail, spent);
}

function classifyReported(text: string): ModelError {
  const detail = 'the provider reported an error inside its stream';
  if (saysOverflow(text)) return new ModelError('context_overflow', detail);
  if (saysFiltered(text)) return new ModelError('content_filter', detail);
  if (/rate.?limit|too many requests/i.test(text)) return new ModelError('rate_limit', detail, { retryable: true });
  if (/authentication|invalid.{0,10}api.?key|permission/i.test(text)) return new ModelError('auth', detail, { setting: 'LLM_API_KEY' });
  if (/invalid_request/i.test(text)) return new ModelError('bad_request', detail);
  return new ModelError('transport', detail, { retryable: true });
}

function classifyNetwork(code: string): ModelError {
  const detail = `the connection failed (${code})`;
  const isCertificate = /CERT|SELF_SIGNED|UNABLE_TO|SSL|TLS/.test(code);
  const neverConnected = isCertificate || /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/.test(code);
  return new ModelError('transport', detail, {
    retryable: !isCertificate, usage: neverConnected ? NOTHING_SPENT : null, setting: isCertificate ? 'LLM_BASE_URL' : null,
  });
}

function saysFiltered(text: string): boolean {
  return /content.?(filter|policy|management)|data_inspection_failed|inappropriate content|sensitive|safety (system|policy)|敏感/i.test(text);
}
