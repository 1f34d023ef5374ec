import { unsupported } from './features.ts';
import { CONTEXT_OVERFLOW_WORDINGS, HTML_PAGE } from './fault-wordings.ts';
import type { OverflowWording } from './fault-wordings.ts';
import type { Feature, Protocol } from './protocol.ts';
import type { ReceivedRequest } from './received-request.ts';
import type { ReplySource } from './reply-book.ts';
import { breakOff, chunks, finish, headers, newBlock, onWire, ping, raw, reasoning, refusal, status, streamError, text, toolCall, usage } from './script.ts';
import type { Part, Reply } from './script.ts';

/**
 * What a correct client makes of a fault. `answer`: the whole content arrives. `retried`: nothing visible came, another
 * attempt is right. `refused`: nothing visible came, another attempt is useless. `adapted`: the client asks differently.
 * `broken`: it failed after visible text, never a success. `timeout`: only a deadline of the client ends it.
 */
export type FaultOutcome = 'answer' | 'retried' | 'refused' | 'adapted' | 'broken' | 'timeout';

/** One way in which a provider misbehaves; `reply` takes the content a healthy reply would have had. */
export interface Fault {
  readonly outcome: FaultOutcome;
  readonly protocols: readonly Protocol[];
  reply(content: string): ReplySource;
}

/** A rate limit in one of the three forms of saying when to come back. */
export function rateLimited(form: 'seconds' | 'date' | 'ms' | 'none', waitMs = 1000): () => Reply {
  const error = { message: 'Rate limit reached for requests', code: 'rate_limit_exceeded' };
  return () => {
    const comeBack: Record<typeof form, Record<string, string>> = {
      seconds: { 'retry-after': String(Math.ceil(waitMs / 1000)) },
      date: { 'retry-after': new Date(Date.now() + waitMs).toUTCString() },
      ms: { 'retry-after-ms': String(waitMs) },
      none: {},
    };
    return status(429, { error, headers: comeBack[form] });
  };
}

/** A 400 that says the prompt does not fit. */
export function contextOverflow(wording: OverflowWording = CONTEXT_OVERFLOW_WORDINGS[0]!): Reply {
  return status(wording.status ?? 400, { error: wording });
}

/** A 400 that names a parameter the model does not know. */
export function unsupportedFeature(feature: Feature): (request: ReceivedRequest) => Reply {
  return (request) => status(400, { error: unsupported(feature, request.model) });
}

/** A redirect of the same request to another origin; by default this server under its other name, where it is a violation. */
export function redirect(location?: string): (request: ReceivedRequest) => Reply {
  return (request) => {
    const target = location ?? `http://localhost:${request.headers.host?.split(':')[1]}/elsewhere${request.path}`;
    return status(307, { headers: { location: target }, body: '' });
  };
}

/** The key the request came with. */
export function keyOf(request: ReceivedRequest): string {
  const header = request.headers['x-api-key'] ?? request.headers.authorization ?? '';
  return String(header).replace(/^Bearer /, '');
}

/** A text in about `count` pieces, never cutting a code point. */
export function inPieces(content: string, count = 4): Part[] {
  const points = [...content];
  const size = Math.max(1, Math.ceil(points.length / count));
  const pieces: string[] = [];
  for (let at = 0; at < points.length; at += size) pieces.push(points.slice(at, at + size).join(''));
  return chunks(pieces);
}

function failing(code: number, message: string, extra: { type?: string; code?: string } = {}): (content: string) => Reply {
  return () => status(code, { error: { message, ...extra } });
}

function half(content: string): Part[] {
  const points = [...content];
  return inPieces(points.slice(0, Math.ceil(points.length / 2)).join(''), 2);
}

function fault(outcome: FaultOutcome, reply: (content: string) => ReplySource, protocols: readonly Protocol[] = ['openai', 'anthropic']): Fault {
  return { outcome, reply, protocols };
}

const OPENAI = ['openai'] as const;

/** Every fault by name. Refused connections are made with `provider.refuseConnections()`. */
export const FAULTS = {
  // statuses
  status400: fault('refused', failing(400, 'Invalid request')),
  status401: fault('refused', failing(401, 'Incorrect API key provided.', { code: 'invalid_api_key' })),
  status401EchoesKey: fault('refused', () => (request) => status(401, { error: { message: `Incorrect API key provided: ${keyOf(request)}` } })),
  status402: fault('refused', failing(402, 'Insufficient Balance')),
  status403: fault('refused', failing(403, 'Country, region, or territory not supported')),
  status404: fault('refused', () => (request) => status(404, { error: { message: `The model \`${request.model}\` does not exist`, code: 'model_not_found' } })),
  status408: fault('retried', failing(408, 'Request timed out')),
  status425: fault('retried', failing(425, 'Too early')),
  status429: fault('retried', () => rateLimited('none')),
  status429Seconds: fault('retried', () => rateLimited('seconds')),
  status429Date: fault('retried', () => rateLimited('date')),
  status429Milliseconds: fault('retried', () => rateLimited('ms', 40)),
  status500: fault('retried', failing(500, 'The server had an error while processing your request')),
  status502Html: fault('retried', () => status(502, { headers: { 'content-type': 'text/html' }, body: HTML_PAGE })),
  status503: fault('retried', failing(503, 'The engine is currently overloaded')),
  status504: fault('retried', failing(504, 'Gateway timeout')),
  status529: fault('retried', failing(529, 'Overloaded', { type: 'overloaded_error' })),
  contextOverflow: fault('adapted', () => contextOverflow()),
  unsupportedMaxTokens: fault('adapted', () => unsupportedFeature('max_tokens'), OPENAI),
  unsupportedTemperature: fault('adapted', () => unsupportedFeature('temperature'), OPENAI),
  unsupportedJsonSchema: fault('adapted', () => unsupportedFeature('json_schema'), OPENAI),
  unsupportedJsonObject: fault('adapted', () => unsupportedFeature('json_object'), OPENAI),
  unsupportedTools: fault('adapted', () => unsupportedFeature('tools'), OPENAI),
  redirectToOtherOrigin: fault('refused', () => redirect()),
  htmlPageWith200: fault('retried', () => status(200, { headers: { 'content-type': 'text/html; charset=utf-8' }, body: HTML_PAGE })),

  // connections
  resetBeforeHeaders: fault('retried', () => breakOff('reset')),
  closedBeforeHeaders: fault('retried', () => breakOff('cut')),
  stallBeforeHeaders: fault('timeout', () => breakOff('stall')),
  stallAfterHeaders: fault('timeout', () => [headers(), breakOff('stall')]),
  stallMidStream: fault('timeout', (content) => [half(content), breakOff('stall')]),
  resetMidStream: fault('broken', (content) => [half(content), breakOff('reset')]),
  cutMidStream: fault('broken', (content) => [half(content), breakOff('cut')]),
  endMidStream: fault('broken', (content) => [half(content), breakOff('end')]),

  // contents of the stream
  errorAtStart: fault('retried', () => [streamError('Overloaded', 'overloaded_error'), breakOff('end')]),
  errorMidStream: fault('broken', (content) => [half(content), streamError('Overloaded', 'overloaded_error'), breakOff('end')]),
  malformedJson: fault('broken', (content) => [half(content), raw('data: {"choices":[{"delta":{"content":"\n\n'), breakOff('end')]),
  emptyReply: fault('retried', () => []),
  whitespaceOnly: fault('retried', () => chunks([' ', '\n\n', '\t'])),
  reasoningOnly: fault('retried', () => reasoning('Let me think about it.')),
  contentFilter: fault('refused', () => finish('content_filter')),
  refused: fault('refused', () => [refusal('I cannot help with that.'), finish('content_filter')]),
  lengthBeforeText: fault('retried', () => [reasoning('Let me think about it.'), finish('length')]),
  serverGaveUp: fault('broken', (content) => [half(content), finish('insufficient_system_resource')], OPENAI),

  // quirks that a client lives with
  noDone: fault('answer', (content) => onWire({ done: false }, inPieces(content))),
  noFinishButDone: fault('answer', (content) => onWire({ finish: false }, inPieces(content)), OPENAI),
  twoFinishReasons: fault('answer', (content) => [inPieces(content), finish('stop'), finish('stop')]),
  missingUsage: fault('answer', (content) => onWire({ usage: 'none' }, inPieces(content))),
  usageWithFinish: fault('answer', (content) => onWire({ usage: 'with_finish' }, inPieces(content)), OPENAI),
  usageInEveryChunk: fault('answer', (content) => onWire({ usage: 'every_chunk' }, inPieces(content)), OPENAI),
  usageAfterDone: fault('answer', (content) => onWire({ usage: 'after_done' }, inPieces(content)), OPENAI),
  lateUsage: fault('answer', (content) => [inPieces(content), finish('stop'), ping(), usage({}), ping()]),
  crlfFrames: fault('answer', (content) => onWire({ lineEnding: 'crlf' }, inPieces(content))),
  keepAlives: fault('answer', (content) => [ping(), ping(), inPieces(content).flatMap((part) => [part, ping()])]),
  everyByteAlone: fault('answer', (content) => onWire({ cut: 1 }, inPieces(content))),
  everyByteAloneCrlf: fault('answer', (content) => onWire({ cut: 1, lineEnding: 'crlf' }, inPieces(content))),
  cutEverySevenBytes: fault('answer', (content) => onWire({ cut: 7 }, inPieces(content))),
  oneWrite: fault('answer', (content) => onWire({ cut: 'whole' }, inPieces(content))),
  oneCharacterPerDelta: fault('answer', (content) => inPieces(content, Infinity)),
  oneDelta: fault('answer', (content) => text(content)),
  emptyDeltas: fault('answer', (content) => [text(''), inPieces(content).flatMap((part) => [part, text('')])]),
  thinkTags: fault('answer', (content) => [chunks(['<th', 'ink>a secret thou', 'ght</thi', 'nk>\n\n']), inPieces(content)]),
  reasoningContent: fault('answer', (content) => [reasoning('a secret '), reasoning('thought'), inPieces(content)]),
  reasoningField: fault('answer', (content) => onWire({ reasoningField: 'reasoning' }, [reasoning('a secret thought'), inPieces(content)]), OPENAI),
  leadingEmptyChoices: fault('answer', (content) => [raw('data: {"id":"","object":"chat.completion.chunk","created":0,"model":"","choices":[]}\n\n'), inPieces(content)], OPENAI),
  severalTextBlocks: fault('answer', (content) => inPieces(content).flatMap((part) => [part, newBlock()])),
  fencedJson: fault('answer', (content) => ['Here it is:\n```json\n', content, '\n```\n'].map(text)),
  truncatedPrompt: fault('answer', (content) => [inPieces(content), usage({ prompt: 64 })]),
  unexpectedToolCall: fault('answer', (content) => [inPieces(content), toolCall('web_search', { query: 'x' })]),
} as const satisfies Record<string, Fault>;

/** The name of a fault. */
export type FaultName = keyof typeof FAULTS;

/** All faults with their names, as rows of a test table. */
export const FAULT_ROWS: readonly (readonly [FaultName, Fault])[] = Object.entries(FAULTS) as [FaultName, Fault][];
