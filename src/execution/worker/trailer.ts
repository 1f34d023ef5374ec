import * as z from 'zod';
import { HINTS } from './worker-contract.ts';
import type { Hint, Trailer } from './worker-contract.ts';

const WINDOW_BYTES = 8 * 1024;
const NEWLINE = 0x0a;
/** What a worker may say of itself; everything else is for the host to see. */
const SAYABLE = ['ok', 'error', 'syntax_error', 'exit', 'memory_limit', 'disk_limit', 'process_limit', 'sandbox_denied'] as const;

const count = z.int().nonnegative();
const TrailerSchema = z.object({
  reason: z.enum(SAYABLE),
  error: z.object({ type: z.string(), message: z.string(), line: z.int().nullable() }).nullable(),
  exit_code: z.int(),
  cpu_ms: count.nullable(),
  peak_bytes: count.nullable(),
  figures: z.object({ saved: count, left_out: count, missing_glyphs: count }),
  hints: z.array(z.string()).transform((hints) => hints.filter(isHint)),
});

function isHint(text: string): text is Hint {
  return (HINTS as readonly string[]).includes(text);
}

/**
 * Cuts trailers off the error stream. What may be the beginning of one is held back, at most 8 KiB; everything else passes at once.
 * Printed text is never taken for it without the secret of the run. Children of the program may write behind the trailer, so it need
 * not be the end; the last one counts.
 */
export class TrailerCutter {
  readonly #marker: Buffer;
  #held: Buffer = Buffer.alloc(0);
  #trailer: Trailer | null = null;

  constructor(secret: string) {
    this.#marker = Buffer.from(`\n\u001e${secret}`);
  }

  /** Takes bytes of the stream; returns those that are surely text. */
  push(bytes: Uint8Array): Buffer {
    let rest = this.#held.length === 0 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : Buffer.concat([this.#held, bytes]);
    const text: Buffer[] = [];
    for (;;) {
      const start = rest.indexOf(this.#marker);
      if (start < 0) break;
      text.push(rest.subarray(0, start));
      rest = rest.subarray(start);
      const end = rest.indexOf(NEWLINE, this.#marker.length);
      if (end < 0 && rest.length <= WINDOW_BYTES) {
        this.#held = rest;
        return Buffer.concat(text);
      }
      const length = end < 0 || end > WINDOW_BYTES ? this.#marker.length : end + 1;
      this.#read(rest.subarray(this.#marker.length, length));
      rest = rest.subarray(length);
    }
    const kept = rest.length - this.#possibleStart(rest);
    this.#held = rest.subarray(kept);
    return text.length === 0 ? rest.subarray(0, kept) : Buffer.concat([...text, rest.subarray(0, kept)]);
  }

  /** Ends the stream: the text that was held back, and the trailer. A broken trailer is cut off as well. */
  end(): { rest: Buffer; trailer: Trailer | null } {
    const isTrailer = this.#held.subarray(0, this.#marker.length).equals(this.#marker);
    if (isTrailer) this.#read(this.#held.subarray(this.#marker.length));
    return { rest: isTrailer ? Buffer.alloc(0) : this.#held, trailer: this.#trailer };
  }

  #read(json: Buffer): void {
    this.#trailer = tryParse(json.toString('utf8')) ?? this.#trailer;
  }

  /** How many of the last bytes may be the beginning of a marker. */
  #possibleStart(rest: Buffer): number {
    for (let length = Math.min(rest.length, this.#marker.length - 1); length > 0; length -= 1) {
      if (rest.subarray(rest.length - length).equals(this.#marker.subarray(0, length))) return length;
    }
    return 0;
  }
}

function tryParse(text: string): Trailer | null {
  try {
    const { data } = TrailerSchema.safeParse(JSON.parse(text));
    return data ?? null;
  } catch {
    return null; // Not JSON: a program that knows its secret wrote something else.
  }
}
