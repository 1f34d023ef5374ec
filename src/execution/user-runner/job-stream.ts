import { encodeFrame } from '../../contracts/index.ts';
import type { JobFrames } from './user-runner-contract.ts';

/** Ids are per job; a job is never run twice, so its generation never changes. */
const GENERATION = 1;
const KEPT_BYTES = 256 * 1024;

export type JobEvent = { type: string } & Readonly<Record<string, unknown>>;

/**
 * The frames of one running job. Readers walk over them with a cursor, so a slow or silent one costs nothing and slows nobody; what the
 * lane keeps of the output bounds the frames.
 */
export class JobStream {
  #frames: string[] = [];
  #hasEnded = false;
  #wake = Promise.withResolvers<void>();

  /** Adds an event; `isLast` ends the stream. */
  emit(event: JobEvent, isLast = false): void {
    if (this.#hasEnded) return;
    this.#frames.push(encodeFrame(frameId(this.#frames.length + 1), event));
    this.#hasEnded = isLast;
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  /** Frames after an id; all of them when it is unknown or absent. */
  follow(lastEventId: string | null, onClose: () => void): JobFrames {
    const leaving = new AbortController();
    const left = new Promise<void>((resolve) => { leaving.signal.addEventListener('abort', () => resolve(), { once: true }); });
    const start = Math.min(sequenceOf(lastEventId) ?? 0, this.#frames.length);
    return {
      frames: this.#iterate(start, { signal: leaving.signal, left }),
      dropped: NEVER,
      [Symbol.asyncDispose]: async () => {
        if (leaving.signal.aborted) return;
        leaving.abort();
        onClose();
      },
    };
  }

  /** The last frames but the terminal one, at most 256 KiB; the terminal one can be made again from the result. */
  kept(): string {
    const frames = this.#hasEnded ? this.#frames.slice(0, -1) : this.#frames;
    let bytes = 0;
    let first = frames.length;
    while (first > 0 && bytes + Buffer.byteLength(frames[first - 1] ?? '') <= KEPT_BYTES) {
      first -= 1;
      bytes += Buffer.byteLength(frames[first] ?? '');
    }
    return frames.slice(first).join('');
  }

  async *#iterate(start: number, leaving: { signal: AbortSignal; left: Promise<void> }): AsyncGenerator<string, void, undefined> {
    let next = start;
    while (!leaving.signal.aborted) {
      const frame = this.#frames[next];
      if (frame !== undefined) {
        next += 1;
        yield frame;
      } else if (this.#hasEnded) {
        return;
      } else {
        await Promise.race([this.#wake.promise, leaving.left]);
      }
    }
  }
}

/**
 * The frames of a finished job, from what was kept and its terminal event. The terminal one always comes, and behind whatever the reader
 * has seen: after a lost process he may have seen more than was kept.
 */
export function replayFrames(kept: string, options: { last: JobEvent; lastEventId: string | null; onClose: () => void }): JobFrames {
  const frames = kept.split('\n\n').filter((text) => text !== '').map((text) => `${text}\n\n`);
  const after = sequenceOf(options.lastEventId) ?? 0;
  const end = Math.max(sequenceOf(frameIdIn(frames.at(-1))) ?? 0, after) + 1;
  const unseen = frames.filter((frame) => (sequenceOf(frameIdIn(frame)) ?? 0) > after);
  const wanted = [...unseen, encodeFrame(frameId(end), options.last)];
  let isOpen = true;
  return {
    frames: (async function* replay() { yield* wanted; })(),
    dropped: NEVER,
    [Symbol.asyncDispose]: async () => {
      if (isOpen) options.onClose();
      isOpen = false;
    },
  };
}

const NEVER = new AbortController().signal;

function frameId(sequence: number): string {
  return `${GENERATION}.${sequence}`;
}

function frameIdIn(frame: string | undefined): string | null {
  return /^id: (\S+)/.exec(frame ?? '')?.[1] ?? null;
}

function sequenceOf(id: string | null): number | null {
  const [, sequence] = /^1\.(\d{1,9})$/.exec(id ?? '') ?? [];
  return sequence === undefined ? null : Number(sequence);
}
