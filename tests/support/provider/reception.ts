import type { IncomingMessage, ServerResponse } from 'node:http';
import { refuseByTraits } from './features.ts';
import { Refusal, refuse, refuseBrokenText } from './protocol.ts';
import type { ModelTraits, Protocol, Strictness } from './protocol.ts';
import { ReceivedRequest } from './received-request.ts';
import { readAnthropicKey, validateAnthropic } from './validate-anthropic.ts';
import { readOpenAiKey, validateOpenAi } from './validate-openai.ts';

const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** The endpoints, each with its protocol. */
export const ENDPOINTS: Readonly<Record<string, Protocol>> = {
  '/v1/chat/completions': 'openai',
  '/chat/completions': 'openai',
  '/v1/messages': 'anthropic',
};

/** Reads a whole request body as text; throws a `Refusal` when it is too large. */
export async function readBody(message: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of message) {
    size += (piece as Buffer).length;
    if (size > MAX_BODY_BYTES) throw new Refusal({ status: 413, error: { message: 'Request body too large' } });
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** One arrival at an endpoint. */
export interface Arrival {
  readonly sequence: number;
  readonly protocol: Protocol;
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly rawBody: string;
  readonly ended: AbortController;
}

/** Checks everything a real provider checks, in its order; throws a `Refusal`. */
export function receive(arrival: Arrival, strictness: Strictness): ReceivedRequest {
  const { protocol, message, rawBody } = arrival;
  if (message.method !== 'POST') throw new Refusal({ status: 405, error: { message: `Not allowed to ${message.method} on ${message.url}` } });
  checkKey(arrival, strictness.apiKey);
  if (!/^application\/json(;|$)/i.test(message.headers['content-type'] ?? '')) refuse('content-type: must be application/json');
  const body = parseJson(rawBody);
  refuseBrokenText(body);
  const plain = protocol === 'openai' ? validateOpenAi(body, strictness) : validateAnthropic(body, strictness, message.headers);
  return new ReceivedRequest(arrival.sequence, { ...arrival, body: body as Record<string, unknown>, plain }, arrival.ended);
}

/** Applies what this model refuses; such requests are valid and stay on record. */
export function applyTraits(request: ReceivedRequest, traits: ModelTraits | undefined): void {
  if (traits !== undefined) refuseByTraits(request.protocol, request, traits);
}

function checkKey({ protocol, message, rawBody }: Arrival, expected: string | null | undefined): void {
  const key = protocol === 'openai' ? readOpenAiKey(message.headers) : readAnthropicKey(message.headers);
  if (key === null && expected !== null) {
    const hint = protocol === 'openai' ? "You didn't provide an API key." : 'x-api-key header is required';
    throw new Refusal({ status: 401, error: { message: hint } });
  }
  if (typeof expected === 'string' && key !== expected) {
    const hint = protocol === 'openai' ? 'Incorrect API key provided.' : 'invalid x-api-key';
    throw new Refusal({ status: 401, error: { message: hint, code: 'invalid_api_key' } });
  }
  if (key !== null && rawBody.includes(key)) refuse('the request body contains the API key');
}

function parseJson(rawBody: string): unknown {
  try {
    return JSON.parse(rawBody);
  } catch {
    // The provider's answer names no detail either.
    return refuse('We could not parse the JSON body of your request.');
  }
}
