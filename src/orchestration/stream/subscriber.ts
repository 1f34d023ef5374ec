import type { Subscription } from './stream-contract.ts';

export interface SubscriberOptions {
  /** Frames to hand out first; they do not count against the backlog. */
  replay: readonly string[];
  /** Ends the iteration once the replay is over. */
  closed?: boolean;
  maxFrames: number;
  maxBytes: number;
  onClose(subscriber: Subscriber): void;
}

/** One reader's bounded queue. A reader that lags behind its bound is dropped; the turn is never slowed. */
export class Subscriber implements Subscription {
  readonly frames: AsyncIterable<string>;
  readonly dropped: AbortSignal;
  readonly #drop = new AbortController();
  #replay: readonly string[];
  #queue: string[] = [];
  #bytes = 0;
  #ended: boolean;
  #wake: (() => void) | null = null;
  readonly #options: SubscriberOptions;

  constructor(options: SubscriberOptions) {
    this.#options = options;
    this.#replay = options.replay;
    this.#ended = options.closed ?? false;
    this.dropped = this.#drop.signal;
    this.frames = this.#iterate();
  }

  /** Queues a live frame; drops the reader when its backlog is full. */
  push(frame: string): void {
    if (this.#ended) return;
    this.#queue.push(frame);
    this.#bytes += Buffer.byteLength(frame);
    if (this.#queue.length > this.#options.maxFrames || this.#bytes > this.#options.maxBytes) {
      this.#queue = [];
      this.#replay = [];
      this.close();
      this.#drop.abort();
      return;
    }
    this.#wake?.();
  }

  /** Lets the reader have what is queued, then ends. */
  finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.onClose(this);
    this.#wake?.();
  }

  close(): void {
    this.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#queue = [];
    this.#replay = [];
    this.close();
  }

  async *#iterate(): AsyncGenerator<string, void, undefined> {
    for (const frame of this.#replay) yield frame;
    this.#replay = [];
    for (;;) {
      const batch = this.#queue;
      this.#queue = [];
      this.#bytes = 0;
      yield* batch;
      if (this.#queue.length > 0) continue;
      if (this.#ended) return;
      await new Promise<void>((resolve) => { this.#wake = resolve; });
      this.#wake = null;
    }
  }
}
