import { chmodSync, closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { makePrivateFolders } from './private-folders.ts';

/** Where log lines go. Writing never throws. */
export interface LineSink { write(line: string): void; close(): void }

interface RotatingFileOptions {
  path: string;
  maxBytes?: number;
  /** Files in all, the current one included. */
  files?: number;
  /** Milliseconds of a clock that never jumps. */
  monotonicMs: () => number;
  /** Told once for each time in which lines are lost. */
  onGap?: () => void;
}

const RETRY_MS = 1000;

/**
 * Appends lines to a private file and starts a new one before it grows past `maxBytes` (`x`, `x.1`, `x.2`).
 * Each line is written at once, so the last words of a crash are there. A failure loses lines, which are counted and told later.
 */
export class RotatingFile implements LineSink {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #files: number;
  readonly #monotonicMs: () => number;
  readonly #onGap: () => void;
  #descriptor: number | null = null;
  #size = 0;
  #lost = 0;
  #retryAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor({ path, maxBytes = 5 * 1024 * 1024, files = 3, monotonicMs, onGap = () => undefined }: RotatingFileOptions) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#files = files;
    this.#monotonicMs = monotonicMs;
    this.#onGap = onGap;
  }

  write(line: string): void {
    if (this.#closed) return;
    try {
      if (this.#descriptor === null) this.#open();
      this.#append(line);
    } catch {
      // A log that cannot be written must not end the program; the gap is told when writing works again.
      this.#lost += 1;
      if (this.#lost === 1) this.#onGap();
      this.#release();
      this.#retryAt = this.#monotonicMs() + RETRY_MS;
    }
  }

  close(): void {
    this.#closed = true;
    this.#release();
  }

  #append(line: string): void {
    const bytes = Buffer.from(line, 'utf8');
    if (this.#size > 0 && this.#size + bytes.length > this.#maxBytes) this.#rotate();
    const descriptor = this.#descriptor;
    if (descriptor === null) throw new Error('no log file is open');
    if (this.#lost > 0) {
      this.#size += writeSync(descriptor, `${JSON.stringify({ level: 'warn', lines: this.#lost, msg: 'log lines were lost' })}\n`);
      this.#lost = 0;
    }
    this.#size += writeSync(descriptor, bytes);
  }

  #open(): void {
    if (this.#monotonicMs() < this.#retryAt) throw new Error('the log file was not writable a moment ago');
    makePrivateFolders(dirname(this.#path));
    this.#descriptor = openSync(this.#path, 'a', 0o600);
    this.#size = fstatSync(this.#descriptor).size;
    // A file of an older program may be readable by others.
    if (process.platform !== 'win32') chmodSync(this.#path, 0o600);
  }

  #rotate(): void {
    this.#release();
    for (let index = this.#files - 1; index >= 1; index -= 1) {
      const from = index === 1 ? this.#path : `${this.#path}.${index - 1}`;
      try {
        renameSync(from, `${this.#path}.${index}`);
      } catch {
        // Missing, or held open by a reader on Windows: then the current file grows on.
      }
    }
    this.#open();
  }

  #release(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = null;
    if (descriptor === null) return;
    try {
      closeSync(descriptor);
    } catch {
      // The descriptor is gone either way.
    }
  }
}
