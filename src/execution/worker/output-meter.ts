import type { Readable } from 'node:stream';
import { createYoungCollector } from './collect-young.ts';
import { HeadTail } from './head-tail.ts';
import type { KeptText } from './head-tail.ts';
import { TrailerCutter } from './trailer.ts';
import type { OutputLimits, StreamName, Trailer } from './worker-contract.ts';

/** Past the kept part at most this much is read in a window, so that a flood leaves the event loop free. */
const WINDOW_MS = 100;
const WINDOW_BYTES = 6_710_886;
/** Of a flood, after this much the buffers that were read into are collected. */
const COLLECT_BYTES = 512 * 1024;
/** More than this no pipe holds for us. */
const PIPE_BYTES = 1024 * 1024;

export interface OutputMeterOptions {
  stdout: Readable;
  stderr: Readable;
  secret: string;
  limits: OutputLimits;
  /** Text that can be shown now. */
  onText(stream: StreamName, text: string): void;
  /** Called once, when both streams together passed the ceiling. */
  onCeiling(): void;
}

/** What a run printed. */
export interface MeteredOutput { stdout: KeptText; stderr: KeptText; trailer: Trailer | null }

/** Reads both output streams of a run within bounds. */
export class OutputMeter {
  /** Both streams have ended. */
  readonly ended: Promise<void>;
  readonly #options: OutputMeterOptions;
  readonly #texts: Record<StreamName, HeadTail>;
  readonly #cutter: TrailerCutter;
  #bytes = 0;
  #windowBytes = 0;
  #uncollected = 0;
  readonly #collect = createYoungCollector();
  #window: NodeJS.Timeout | null = null;
  #isClosed = false;
  /** What is still to come of the worker's first words; null when it said something else. */
  #expected: Buffer | null;

  constructor(options: OutputMeterOptions) {
    this.#expected = Buffer.from(`${options.secret}\n`);
    this.#options = options;
    this.#texts = { stdout: new HeadTail(options.limits), stderr: new HeadTail(options.limits) };
    this.#cutter = new TrailerCutter(options.secret);
    this.ended = Promise.all([this.#read('stdout'), this.#read('stderr')]).then(() => undefined);
  }

  /**
   * Resolves when both streams have ended, else when `afterMs` have passed and everything is read that had arrived by then: on a busy machine
   * the time may be over before this process had its turn to read.
   */
  async settled(afterMs: number): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, afterMs);
    const isEnded = await Promise.race([this.ended.then(() => true), late.promise.then(() => false)]);
    clearTimeout(timer);
    if (isEnded) return;
    const most = this.#bytes + PIPE_BYTES;
    for (let before = -1; this.#bytes > before && this.#bytes < most;) {
      before = this.#bytes;
      this.#options.stdout.resume();
      this.#options.stderr.resume();
      for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => { setImmediate(resolve); });
    }
  }

  /** True when the worker said, before anything else, that it took the job. Without it no code of others has run. */
  get isAcknowledged(): boolean {
    return this.#expected?.length === 0;
  }

  /** True while nothing at all came on stdout. */
  get isSilent(): boolean {
    return this.#expected?.length === this.#options.secret.length + 1;
  }

  /** Ends the texts. `reserve` is left free at the end of stderr for what the host adds. */
  finish(reserve: number): MeteredOutput {
    this.#isClosed = true;
    if (this.#window !== null) clearTimeout(this.#window);
    const { rest, trailer } = this.#cutter.end();
    const last = this.#texts.stderr.write(rest);
    if (last !== '') this.#options.onText('stderr', last);
    const output = { stdout: this.#texts.stdout.end(), stderr: this.#texts.stderr.end(reserve), trailer };
    for (const name of ['stdout', 'stderr'] as const) if (output[name].rest !== '') this.#options.onText(name, output[name].rest);
    return output;
  }

  #read(name: StreamName): Promise<void> {
    const stream = this.#options[name];
    return new Promise((resolve) => {
      stream.on('data', (chunk: Buffer) => {
        const rest = name === 'stdout' && this.#expected !== null ? this.#acknowledge(chunk, this.#expected) : chunk;
        if (rest.length > 0) this.#take(name, rest);
      });
      // A worker that died while it waited has ended its streams already.
      if (stream.readableEnded || stream.destroyed) resolve();
      stream.once('end', resolve).once('close', resolve).once('error', () => resolve());
      stream.resume();
    });
  }

  /** Cuts the acknowledgement off; bytes that are none are text, and none can follow them. */
  #acknowledge(chunk: Buffer, expected: Buffer): Buffer {
    const length = Math.min(chunk.length, expected.length);
    const isExpected = chunk.subarray(0, length).equals(expected.subarray(0, length));
    this.#expected = isExpected ? expected.subarray(length) : null;
    return isExpected ? chunk.subarray(length) : chunk;
  }

  #take(name: StreamName, chunk: Buffer): void {
    if (this.#isClosed) return;
    const { limits, onText, onCeiling } = this.#options;
    const before = this.#bytes;
    this.#bytes += chunk.length;
    const text = this.#texts[name].write(name === 'stderr' ? this.#cutter.push(chunk) : chunk);
    if (text !== '') onText(name, text);
    if (!this.#texts[name].isLive) this.#slowDown(chunk.length);
    if (before <= limits.ceilingBytes && this.#bytes > limits.ceilingBytes) onCeiling();
  }

  #slowDown(bytes: number): void {
    this.#windowBytes += bytes;
    this.#uncollected += bytes;
    if (this.#uncollected >= COLLECT_BYTES) {
      this.#uncollected = 0;
      this.#collect();
    }
    this.#window ??= setTimeout(() => {
      this.#window = null;
      this.#windowBytes = 0;
      this.#options.stdout.resume();
      this.#options.stderr.resume();
    }, WINDOW_MS);
    if (this.#windowBytes < WINDOW_BYTES) return;
    this.#options.stdout.pause();
    this.#options.stderr.pause();
  }
}
