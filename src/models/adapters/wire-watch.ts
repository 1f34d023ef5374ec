import type { Usage } from '../../contracts/index.ts';

type Fields = Readonly<Record<string, unknown>>;

// The events of the messages protocol that lose an answer when they are lost; the rest is read here.
const CONTENT_EVENTS: ReadonlySet<string> = new Set(['content_block_start', 'content_block_delta', 'content_block_stop', 'error']);
const DONE_MARKER = /(?:^|[\r\n])data: ?\[DONE\]/;
const MARKER_LENGTH = 16;

/** Reads from the raw events what the library hides or loses: why the stream ended, what was counted, whether it was complete. */
export class WireWatch {
  finishReason: string | null = null;
  /** The protocol's own end was seen. */
  isDone = false;
  hasRefusal = false;
  /** The last event carried nothing, so a library that could not read it lost nothing. */
  isLastHarmless = false;
  #input = 0;
  #output = 0;
  #cached = 0;
  #written = 0;
  #tail = '';

  /** What the provider counted, or null when it counted nothing. */
  get usage(): Usage | null {
    if (this.#input <= 0) return null;
    return { input_tokens: this.#input, output_tokens: this.#output, ...(this.#cached > 0 ? { cached_tokens: this.#cached } : {}) };
  }

  /** Looks for the terminator, which is no event for the library. */
  seeBytes(bytes: Uint8Array): void {
    if (this.isDone) return;
    const text = this.#tail + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    this.isDone = DONE_MARKER.test(text);
    this.#tail = text.slice(-MARKER_LENGTH);
  }

  /** Looks at one parsed event of either protocol. */
  seeEvent(event: unknown): void {
    this.isLastHarmless = false;
    if (!isFields(event)) return;
    if (typeof event['type'] === 'string' && event['choices'] === undefined) this.#seeMessageEvent(event);
    else this.#seeChunk(event);
  }

  #seeChunk(event: Fields): void {
    this.isLastHarmless = event['choices'] === undefined && event['error'] === undefined;
    const choice = Array.isArray(event['choices']) ? (event['choices'] as readonly unknown[])[0] : undefined;
    if (isFields(choice)) {
      if (typeof choice['finish_reason'] === 'string' && choice['finish_reason'] !== '') this.finishReason = choice['finish_reason'];
      const delta = choice['delta'];
      if (isFields(delta) && typeof delta['refusal'] === 'string' && delta['refusal'] !== '') this.hasRefusal = true;
    }
    const usage = event['usage'];
    if (!isFields(usage)) return;
    this.#input = count(usage['prompt_tokens']) ?? this.#input;
    this.#output = count(usage['completion_tokens']) ?? this.#output;
    const details = usage['prompt_tokens_details'];
    this.#cached = (isFields(details) ? count(details['cached_tokens']) : null) ?? count(usage['prompt_cache_hit_tokens']) ?? this.#cached;
  }

  #seeMessageEvent(event: Fields): void {
    const type = String(event['type']);
    this.isLastHarmless = !CONTENT_EVENTS.has(type) && event['error'] === undefined;
    if (type === 'message_stop') this.isDone = true;
    const message = type === 'message_start' ? event['message'] : undefined;
    if (isFields(message)) this.#addMessageUsage(message['usage']);
    if (type !== 'message_delta') return;
    const delta = event['delta'];
    if (isFields(delta) && typeof delta['stop_reason'] === 'string') this.finishReason = delta['stop_reason'];
    this.#addMessageUsage(event['usage']);
  }

  // Cached tokens are counted beside the input there, not within it. The last event repeats the counts, not always all of them.
  #addMessageUsage(usage: unknown): void {
    if (!isFields(usage)) return;
    this.#cached = Math.max(this.#cached, count(usage['cache_read_input_tokens']) ?? 0);
    this.#written = Math.max(this.#written, count(usage['cache_creation_input_tokens']) ?? 0);
    const input = count(usage['input_tokens']);
    if (input !== null) this.#input = Math.max(this.#input, input + this.#cached + this.#written);
    this.#output = count(usage['output_tokens']) ?? this.#output;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.round(value) : null;
}
