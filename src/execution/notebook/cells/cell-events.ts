import type { Log } from '../../../config/index.ts';
import { SidecarError, describeError, encodeFrame } from '../../../contracts/index.ts';
import type { Language } from '../../../contracts/index.ts';
import type { CellFrames } from '../notebook-contract.ts';
import type { CellChange } from './output-types.ts';

const JOIN_MS = 30;
const BACKLOG_FRAMES = 2_000;
const BACKLOG_BYTES = 1024 * 1024;
/** A burst may pass the bound before its reader had a turn; one that reads has caught up after this. */
const LAG_MS = 2_000;
const MOST_BYTES = 64 * 1024 * 1024;
const GENERATION = 1;

export type CellEvent = { type: string } & Readonly<Record<string, unknown>>;

/** The last event of a cell that could not run; what is no refusal of ours goes to the log and nowhere else. */
export function errorEvent(error: unknown, { log, language }: { log: Log; language: Language }): CellEvent {
  if (!(error instanceof SidecarError)) log.error({ err: error }, 'a cell failed inside');
  const known = error instanceof SidecarError ? error : new SidecarError('INTERNAL', 'a cell failed inside', { cause: error });
  return { type: 'error', message: describeError(known, language), code: known.code };
}

/** The event stream of one cell for one reader: a bounded queue; a reader that stays behind it is given up. */
export class CellEvents implements CellFrames {
  readonly #queue: string[] = [];
  readonly #lagging = new AbortController();
  #bytes = 0;
  #taken = 0;
  #lag: NodeJS.Timeout | null = null;
  #sequence = 0;
  #hasEnded = false;
  #wake = Promise.withResolvers<void>();
  readonly frames: AsyncIterable<string> = { [Symbol.asyncIterator]: () => this.#iterate() };

  get dropped(): AbortSignal {
    return this.#lagging.signal;
  }

  emit(event: CellEvent, isLast = false): void {
    if (this.#hasEnded) return;
    this.#sequence += 1;
    const frame = encodeFrame(`${GENERATION}.${this.#sequence}`, event);
    this.#queue.push(frame);
    this.#bytes += frame.length;
    this.#hasEnded = isLast;
    if (this.#bytes > MOST_BYTES && this.#queue.length > 1) this.#giveUp();
    else if (this.#isBehind) this.#lag ??= this.#checkLater();
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    this.#wake.resolve();
  }

  get #isBehind(): boolean {
    return this.#queue.length > BACKLOG_FRAMES || (this.#bytes > BACKLOG_BYTES && this.#queue.length > 1);
  }

  #checkLater(): NodeJS.Timeout {
    const takenBefore = this.#taken;
    // Behind the timer comes one more turn for the reader, in case the process itself was busy.
    return setTimeout(() => setImmediate(() => {
      if (this.#lag === null) return;
      // Nothing is added any more behind the end: whoever still reads may take the time it needs.
      if (this.#hasEnded && this.#taken > takenBefore) this.#lag = this.#checkLater();
      else this.#giveUp();
    }), LAG_MS).unref();
  }

  #giveUp(): void {
    this.#close();
    this.#lagging.abort();
  }

  #close(): void {
    this.#hasEnded = true;
    this.#queue.length = 0;
    this.#bytes = 0;
    this.#forgetLag();
  }

  #forgetLag(): void {
    if (this.#lag !== null) clearTimeout(this.#lag);
    this.#lag = null;
  }

  async *#iterate(): AsyncGenerator<string, void, undefined> {
    for (;;) {
      const frame = this.#queue.shift();
      if (frame !== undefined) {
        this.#bytes -= frame.length;
        this.#taken += 1;
        if (!this.#isBehind) this.#forgetLag();
        yield frame;
      } else if (this.#hasEnded) return;
      else await this.#wake.promise;
    }
  }
}

/** Joins the changes of a cell: text of one stream for 30 ms, and only the newest update of each display. */
export class ChangeJoiner {
  readonly #emit: (change: CellChange) => void;
  #pending: CellChange[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(emit: (change: CellChange) => void) {
    this.#emit = emit;
  }

  add(change: CellChange): void {
    if (!this.#joins(change)) this.#pending.push(change);
    this.#timer ??= setTimeout(() => this.flush(), JOIN_MS);
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const pending = this.#pending;
    this.#pending = [];
    for (const change of pending) this.#emit(change);
  }

  #joins(change: CellChange): boolean {
    if ('update' in change) {
      const at = this.#pending.findIndex((each) => 'update' in each && each.display_id === change.display_id);
      if (at >= 0) this.#pending[at] = change;
      return at >= 0;
    }
    const last = this.#pending.at(-1);
    if (last === undefined || !('output' in change) || !('output' in last) || 'update' in last) return false;
    const [old, added] = [last.output, change.output];
    if (old.output_type !== 'stream' || added.output_type !== 'stream' || old.name !== added.name) return false;
    this.#pending[this.#pending.length - 1] = { output: { ...old, text: `${old.text}${added.text}` } as typeof old }; // proof: old is a stream
    return true;
  }
}
