import * as z from 'zod';
import { HINTS } from './worker-contract.ts';
import type { Hint, Trailer } from './worker-contract.ts';

const WINDOW_BYTES = 8 * 1024;
/** What a worker may say of itself; everything else is for the host to see. */
const SAYABLE = ['ok', 'error', 'syntax_error', 'exit', 'memory_limit', 'disk_limit', 'process_limit', 'sandbox_denied'] as const;

const count = z.int().nonnegative();
const TrailerSchema = z.object({
  reason: z.enum(SAYABLE),
  error: z.object({ type: z.string(), message: z.string(), line: z.int().nullable() }).nullable(),
  exit_code: z.int(),
  cpu_ms: count.nullable(),
  peak_bytes: count.nullable(),
  figures: z.object({ saved: count, left_out: count }),
  hints: z.array(z.string()).transform((hints) => hints.filter(isHint)),
});

function isHint(text: string): text is Hint {
  return (HINTS as readonly string[]).includes(text);
}

/**
 * Cuts the trailer off the error stream. What may be its beginning is held back, at most 8 KiB; everything else passes at once.
 * Printed text is never taken for it without the secret of the run.
 */
export class TrailerCutter {
  readonly #marker: Buffer;
  #held: Buffer = Buffer.alloc(0);

  constructor(secret: string) {
    this.#marker = Buffer.from(`\n\u001e${secret}`);
  }

  /** Takes bytes of the stream; returns those that are surely text. */
  push(bytes: Uint8Array): Buffer {
    const all = this.#held.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#held, bytes]);
    const start = this.#startOf(all);
    this.#held = all.subarray(start);
    return all.subarray(0, start);
  }

  /** Ends the stream: the text that was held back, or the trailer. A broken trailer is cut off as well. */
  end(): { rest: Buffer; trailer: Trailer | null } {
    if (!this.#held.subarray(0, this.#marker.length).equals(this.#marker)) return { rest: this.#held, trailer: null };
    const parsed = tryParse(this.#held.subarray(this.#marker.length).toString('utf8'));
    return { rest: Buffer.alloc(0), trailer: parsed };
  }

  #startOf(all: Buffer): number {
    const found = all.lastIndexOf(this.#marker);
    if (found >= 0 && all.length - found <= WINDOW_BYTES) return found;
    const most = Math.min(all.length, this.#marker.length - 1);
    for (let length = most; length > 0; length -= 1) {
      if (all.subarray(all.length - length).equals(this.#marker.subarray(0, length))) return all.length - length;
    }
    return all.length;
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
