import { setTimeout as delay } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import { createAnthropicEncoder } from './encode-anthropic.ts';
import { createOpenAiEncoder } from './encode-openai.ts';
import type { Encoder } from './encode.ts';
import { aborted } from './gates.ts';
import type { Gates } from './gates.ts';
import { errorBody } from './protocol.ts';
import type { Protocol } from './protocol.ts';
import type { ReceivedRequest } from './received-request.ts';
import type { Part, Reply, StatusAnswer, Wire } from './script.ts';
import { resolveUsage } from './tokens.ts';

/** One reply to be performed. */
export interface Performance {
  readonly request: ReceivedRequest;
  readonly response: ServerResponse;
  readonly reply: Reply;
  readonly gates: Gates;
  readonly truncatesAt: number | undefined;
  /** Aborts when the exchange has ended, whoever ended it. */
  readonly signal: AbortSignal;
}

/** Performs a reply step by step and ends the exchange; returns early when the client has gone. */
export async function play(performance: Performance): Promise<void> {
  const { request, reply, response } = performance;
  const usage = resolveUsage(request.text, reply, performance.truncatesAt);
  const context = { id: String(request.sequence), request: request.plain, reply, usage };
  const encoder = request.protocol === 'openai' ? createOpenAiEncoder(context) : createAnthropicEncoder(context);
  const output = new Output(performance);
  for (const part of reply.parts) {
    if (performance.signal.aborted) return;
    if ((await step(part, { ...performance, encoder, output })) === 'ended') return;
  }
  if (performance.signal.aborted) return;
  if (reply.answer !== undefined) return sendAnswer(response, { protocol: request.protocol, answer: reply.answer });
  if (request.plain.stream) await output.write(encoder.finish());
  else await output.write([encoder.whole()]);
  await output.flush();
  response.end();
}

interface Stage extends Performance {
  readonly encoder: Encoder;
  readonly output: Output;
}

async function step(part: Part, stage: Stage): Promise<'ended' | 'on'> {
  const { output, signal, request } = stage;
  switch (part.kind) {
    case 'gate':
    case 'delay':
      await output.flush();
      if (part.kind === 'gate') await stage.gates.pass(part.name, signal);
      else await delay(part.ms, undefined, { signal }).catch(() => undefined); // the client went away while we waited
      return 'on';
    case 'headers':
      output.open();
      stage.response.flushHeaders();
      return 'on';
    case 'raw':
      await output.write([part.text]);
      return 'on';
    case 'break':
      await output.flush();
      await breakOff(part.how, stage);
      return 'ended';
    default:
      // Without streaming the encoder writes everything at the end; only an error is answered at once.
      if (request.plain.stream) await output.write(stage.encoder.encode(part));
      else if (part.kind === 'stream-error') {
        const { message, type } = part;
        sendAnswer(stage.response, { protocol: request.protocol, answer: { status: 500, error: { message, type } } });
        return 'ended';
      }
      return 'on';
  }
}

async function breakOff(how: 'reset' | 'cut' | 'end' | 'stall', { request, response, signal }: Stage): Promise<void> {
  if (how === 'stall') return aborted(signal);
  if (how === 'end') {
    response.end();
    return;
  }
  request.isBrokenByServer = true;
  if (how === 'reset') response.socket?.resetAndDestroy();
  else response.socket?.destroy();
}

/** Sends a status with its body; ends the exchange. */
export function sendAnswer(response: ServerResponse, { protocol, answer }: { protocol: Protocol; answer: StatusAnswer }): void {
  const body = answer.body ?? errorBody(protocol, answer);
  response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
  response.end(body);
}

/** Writes frames with the line endings and borders that the script asks for. */
class Output {
  readonly #performance: Performance;
  readonly #wire: Wire;
  readonly #gone: Promise<void>;
  #held: Buffer[] = [];

  constructor(performance: Performance) {
    this.#performance = performance;
    this.#wire = performance.reply.wire;
    this.#gone = aborted(performance.signal);
  }

  /** Sends the head once. */
  open(): void {
    const { request, response } = this.#performance;
    if (response.headersSent) return;
    const contentType = request.plain.stream ? 'text/event-stream; charset=utf-8' : 'application/json';
    response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-cache', 'x-request-id': `req_${request.sequence}` });
  }

  async write(frames: readonly string[]): Promise<void> {
    const { cut = 'frame', lineEnding = 'lf' } = this.#wire;
    for (const frame of frames) {
      const bytes = Buffer.from(lineEnding === 'crlf' ? frame.replaceAll('\n', '\r\n') : frame);
      if (cut === 'frame') await this.#send(bytes);
      else this.#held.push(bytes);
    }
    if (typeof cut === 'number') await this.flush();
  }

  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.#held);
    this.#held = [];
    const { cut } = this.#wire;
    const size = typeof cut === 'number' ? cut : Math.max(1, bytes.length);
    for (let at = 0; at < bytes.length; at += size) await this.#send(bytes.subarray(at, at + size));
  }

  // Waits until the bytes are with the operating system, so that a break never overtakes them.
  async #send(bytes: Buffer): Promise<void> {
    const { request, response, signal } = this.#performance;
    if (signal.aborted) return;
    this.open();
    request.firstByteAt ??= performance.now();
    const written = new Promise<void>((resolve) => response.write(bytes, () => resolve()));
    await Promise.race([written, this.#gone]);
  }
}
