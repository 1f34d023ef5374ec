import { describe, expect, it } from 'vitest';
import { CONTEXT_OVERFLOW_WORDINGS } from '../../tests/support/provider/index.ts';
import { OVERFLOW_WORDINGS, classifyFailure, readNamedWindow, saysOverflow } from './classify-error.ts';
import type { UpstreamFacts } from './upstream-error.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const status = (code: number, text = '', headers: Record<string, string> = {}): UpstreamFacts => ({ kind: 'status', status: code, headers, text });

describe('a prompt that does not fit', () => {
  it.each(CONTEXT_OVERFLOW_WORDINGS)('is recognised in the words of $source', ({ message, code, type, status: httpStatus }) => {
    const text = JSON.stringify({ error: { message, code, type } });

    expect(classifyFailure(status(httpStatus ?? 400, text), NOW)).toMatchObject({ kind: 'context_overflow', retryable: false });
  });

  it.each([
    ['Requested tokens exceed context window of 4096'],
    ['input is too long for requested model'],
    ['Input token count 40000 exceeds the limit'],
    ['输入内容过长，请缩短'],
    ['sequence is too long for the context'],
  ])('is recognised in "%s"', (text) => {
    expect(saysOverflow(text)).toBe(true);
  });

  it.each([['Invalid API key'], ['max_tokens must be positive'], ['Rate limit reached for requests'], ["'temperature' is not supported"]])(
    'is not seen in "%s"', (text) => {
      expect(OVERFLOW_WORDINGS.filter((wording) => wording.test(text))).toEqual([]);
    });

  it.each([
    ["This model's maximum context length is 8192 tokens. However", 8192],
    ['prompt is too long: 210034 tokens > 200000 maximum', 200_000],
    ['Range of input length should be [1, 30720]', 30_720],
    ['Your request exceeded model token limit: 8192', 8192],
    ['exceeds the maximum number of tokens allowed (1048576).', 1_048_576],
    ['too large for model with 32768 maximum context length', 32_768],
    ["This model's maximum prompt length is 131072 but", 131_072],
    ['Please reduce the length', null],
  ])('names its window in "%s"', (text, expected) => {
    expect(readNamedWindow(text)).toBe(expected);
  });
});

it.each([
  ['400', status(400, 'Invalid request'), { kind: 'bad_request', retryable: false }],
  ['400 of a filter', status(400, 'The response was filtered: content_filter'), { kind: 'content_filter', retryable: false }],
  ['400 of a key', status(400, 'API key not valid'), { kind: 'auth', setting: 'LLM_API_KEY' }],
  ['400 of a model', status(400, 'Model Not Exist'), { kind: 'not_found', setting: 'LLM_MODEL' }],
  ['401', status(401), { kind: 'auth', setting: 'LLM_API_KEY', retryable: false }],
  ['402', status(402), { kind: 'auth', retryable: false }],
  ['403', status(403), { kind: 'auth', retryable: false }],
  ['404 of a model', status(404, 'model: x'), { kind: 'not_found', setting: 'LLM_MODEL', retryable: false }],
  ['404 of an address', status(404, 'no such page'), { kind: 'not_found', setting: 'LLM_BASE_URL' }],
  ['408', status(408), { kind: 'timeout', retryable: true }],
  ['413', status(413), { kind: 'context_overflow', retryable: false }],
  ['425', status(425), { kind: 'transport', retryable: true }],
  ['429', status(429, '', { 'retry-after': '3' }), { kind: 'rate_limit', retryable: true, retryAfterMs: 3000 }],
  ['429 of an empty account', status(429, 'insufficient_quota'), { kind: 'auth', retryable: false }],
  ['500', status(500), { kind: 'transport', retryable: true }],
  ['501', status(501), { kind: 'transport', retryable: false }],
  ['504', status(504), { kind: 'timeout', retryable: true }],
  ['529', status(529), { kind: 'transport', retryable: true }],
  ['a redirect', status(307), { kind: 'not_found', setting: 'LLM_BASE_URL', retryable: false }],
  ['a refused connection', { kind: 'network', code: 'ECONNREFUSED' }, { kind: 'transport', retryable: true, usage: { input_tokens: 0 } }],
  ['a reset', { kind: 'network', code: 'ECONNRESET' }, { kind: 'transport', retryable: true, usage: null }],
  ['a bad certificate', { kind: 'network', code: 'CERT_HAS_EXPIRED' }, { kind: 'transport', retryable: false, setting: 'LLM_BASE_URL' }],
  ['an overload in the stream', { kind: 'reported', text: 'overloaded_error' }, { kind: 'transport', retryable: true }],
  ['a limit in the stream', { kind: 'reported', text: 'rate_limit_error' }, { kind: 'rate_limit', retryable: true }],
  ['a key in the stream', { kind: 'reported', text: 'authentication_error' }, { kind: 'auth', retryable: false }],
  ['an overflow in the stream', { kind: 'reported', text: 'prompt is too long: 5 tokens' }, { kind: 'context_overflow' }],
  ['a broken request in the stream', { kind: 'reported', text: 'invalid_request_error' }, { kind: 'bad_request' }],
  ['a cut stream', { kind: 'cut' }, { kind: 'transport', retryable: true }],
  ['a filter', { kind: 'content_filter' }, { kind: 'content_filter', retryable: false }],
  ['a cancel', { kind: 'cancelled' }, { kind: 'aborted', retryable: false }],
] as const)('classifies %s', (_title, facts, expected) => {
  expect(classifyFailure(facts as UpstreamFacts, NOW)).toMatchObject(expected);
});

it('never repeats what the provider wrote', () => {
  const secret = 'sk-live-9876543210';
  for (const code of [400, 401, 404, 413, 429, 500]) {
    const error = classifyFailure(status(code, `Incorrect API key provided: ${secret}`), NOW);

    expect(`${error.message} ${error.setting} ${String(error.cause)}`).not.toContain(secret);
  }
});
