import { within } from './provider/bounded.ts';

const TERMINAL_TYPES: ReadonlySet<string> = new Set(['complete', 'cancelled', 'llm_error', 'error']);
const DEFAULT_BOUND_MS = 30_000;
const MAX_FRAME_CHARACTERS = 4 * 1024 * 1024;

/** One frame: its id, its parsed object, the exact text, and when it arrived (`performance.now()`). */
export interface SseEvent {
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, any>>;
  readonly raw: string;
  readonly at: number;
}

/** What to ask for; a body makes it a POST. */
export interface SseRequest {
  readonly url: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as `Last-Event-ID`. */
  readonly after?: string;
  /** The bound of every wait. */
  readonly boundMs?: number;
}

/** Opens an SSE stream; throws when the answer is not one. */
export async function openSse(request: SseRequest): Promise<SseStream> {
  const { boundMs = DEFAULT_BOUND_MS } = request;
  const connection = new AbortController();
  const headers: Record<string, string> = { accept: 'text/event-stream', ...request.headers };
  if (request.after !== undefined) headers['last-event-id'] = request.after;
  const init: RequestInit = { headers, signal: connection.signal };
  if (request.body !== undefined) {
    headers['content-type'] = 'application/json';
    Object.assign(init, { method: 'POST', body: JSON.stringify(request.body) });
  }
  try {
    const response = await within(fetch(request.url, init), boundMs, () => `no response headers from ${request.url}`);
    const contentType = response.headers.get('content-type') ?? '';
    if (response.status === 200 && contentType === 'text/event-stream; charset=utf-8') return new SseStream(response, connection, boundMs);
    const body = await within(response.text(), boundMs, () => 'the body of the error did not end');
    throw new Error(`no event stream but ${response.status} ${contentType}: ${body.slice(0, 500)}`);
  } catch (error) {
    connection.abort();
    throw error;
  }
}

/** Reads all frames of a request up to and including its terminal event. */
export async function collectSse(request: SseRequest): Promise<SseEvent[]> {
  await using stream = await openSse(request);
  return await stream.untilTerminal();
}

/** A strict reader: every departure from the framing is an error. */
export class SseStream {
  readonly response: Response;
  /** All frames read so far. */
  readonly events: SseEvent[] = [];
  /** Comments read so far, without their colon, and a `retry` line. */
  readonly comments: string[] = [];
  readonly #connection: AbortController;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly #boundMs: number;
  #text = '';
  #bytes: Uint8Array[] = [];

  constructor(response: Response, connection: AbortController, boundMs: number) {
    this.response = response;
    this.#connection = connection;
    this.#boundMs = boundMs;
    this.#reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
  }

  /** Everything received, byte for byte. */
  get rawBytes(): Buffer {
    return Buffer.concat(this.#bytes);
  }

  /** The next frame, or null when the body has ended cleanly. */
  async next(): Promise<SseEvent | null> {
    const deadline = performance.now() + this.#boundMs;
    for (;;) {
      const frame = this.#takeFrame();
      if (frame !== null) return frame;
      const seen = () => `no further frame; got ${this.events.map((event) => event.type).join(', ') || 'none'}`;
      const { done, value } = await within(this.#reader.read(), Math.max(0, deadline - performance.now()), seen);
      if (done) {
        if (this.#text !== '') throw new Error(`the body ended inside a frame: ${JSON.stringify(this.#text.slice(0, 200))}`);
        return null;
      }
      this.#bytes.push(value);
      this.#text += this.#decoder.decode(value, { stream: true });
      if (this.#text.length > MAX_FRAME_CHARACTERS) throw new Error('a frame does not end');
    }
  }

  /** The next frame that fits; frames before it are read and kept in `events`. */
  async until(fits: string | ((event: SseEvent) => boolean)): Promise<SseEvent> {
    for (;;) {
      const event = await this.next();
      if (event === null) throw new Error(`the stream ended before the wanted frame; got ${this.events.map((seen) => seen.type).join(', ')}`);
      if (typeof fits === 'string' ? event.type === fits : fits(event)) return event;
    }
  }

  /** All frames up to and including the terminal one. */
  async untilTerminal(): Promise<SseEvent[]> {
    await this.until((event) => TERMINAL_TYPES.has(event.type));
    return this.events;
  }

  /** All frames until the server ends the body. */
  async untilEnd(): Promise<SseEvent[]> {
    while ((await this.next()) !== null);
    return this.events;
  }

  /** Closes the connection at once, as a page does that is left. */
  async close(): Promise<void> {
    this.#connection.abort();
    await this.#reader.cancel().catch(() => undefined); // cancelling an aborted body rejects with the abort itself
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #takeFrame(): SseEvent | null {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end < 0) return null;
      const raw = this.#text.slice(0, end + 2);
      this.#text = this.#text.slice(end + 2);
      const frame = parseFrame(raw);
      if (typeof frame === 'string') {
        this.comments.push(frame);
        continue;
      }
      this.events.push(frame);
      return frame;
    }
  }
}

/** Parses one block: a frame of one id and one data line, or a comment or `retry` line (returned as its text). */
export function parseFrame(raw: string): SseEvent | string {
  const wrong = (what: string): never => {
    throw new Error(`${what} in ${JSON.stringify(raw.slice(0, 300))}`);
  };
  if (raw.includes('\r')) wrong('a carriage return');
  const lines = raw.slice(0, -2).split('\n');
  if (lines.length === 1 && lines[0]!.startsWith(':')) return lines[0]!.slice(1);
  if (lines.length === 1 && /^retry: \d+$/.test(lines[0]!)) return lines[0]!;
  const [idLine = '', dataLine = ''] = lines;
  if (lines.length !== 2 || !idLine.startsWith('id: ') || !dataLine.startsWith('data: ')) wrong('not exactly one id and one data line');
  const id = idLine.slice(4);
  if (id === '' || id.trim() !== id) wrong('a bad id');
  if (!dataLine.startsWith('data: {"type": "')) wrong('no `"type": "` at the beginning of the data');
  const data = JSON.parse(dataLine.slice(6)) as Record<string, unknown>;
  return { id, type: String(data['type']), data, raw, at: performance.now() };
}

/** Throws unless the ids are `<generation>.<sequence>` without a gap. */
export function requireGapFree(events: readonly SseEvent[]): void {
  const parsed = events.map((event) => /^(\d+)\.(\d+)$/.exec(event.id));
  for (const [index, match] of parsed.entries()) {
    if (match === null) throw new Error(`id ${events[index]!.id} is not <generation>.<sequence>`);
    const before = parsed[index - 1];
    if (before !== null && before !== undefined && (match[1] !== before[1] || Number(match[2]) !== Number(before[2]) + 1)) {
      throw new Error(`id ${match[0]} follows ${before[0]}`);
    }
  }
}
