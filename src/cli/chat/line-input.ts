import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';

/** Lines that a person types or a pipe brings, one by one. */
export class LineInput {
  readonly #readline: Interface;
  readonly #lines: string[] = [];
  #waiting: ((line: string | null) => void) | null = null;
  #ended = false;

  /** `onLine` sees each line first and takes it by returning true; `onInterrupt` is called for Ctrl-C. */
  constructor(stream: NodeJS.ReadStream, hooks: { onLine(line: string): boolean; onInterrupt(): void }) {
    const isTerminal = stream.isTTY === true;
    this.#readline = createInterface({ input: stream, output: isTerminal ? process.stderr : undefined, terminal: isTerminal, prompt: '> ' });
    this.#readline.on('line', (line) => {
      // A line of a pipe is only urgent when nothing was typed before it.
      if (this.#lines.length === 0 && this.#waiting === null && hooks.onLine(line)) return;
      this.#give(line);
    });
    this.#readline.on('close', () => {
      this.#ended = true;
      this.#waiting?.(null);
    });
    this.#readline.on('SIGINT', () => hooks.onInterrupt());
  }

  /** The next line, or null at the end of the input. */
  async next(): Promise<string | null> {
    const line = this.#lines.shift();
    if (line !== undefined) return line;
    if (this.#ended) return null;
    if (this.#readline.terminal) this.#readline.prompt();
    return await new Promise((resolve) => {
      this.#waiting = (next) => {
        this.#waiting = null;
        resolve(next);
      };
    });
  }

  close(): void {
    this.#readline.close();
  }

  #give(line: string): void {
    if (this.#waiting === null) this.#lines.push(line);
    else this.#waiting(line);
  }
}
