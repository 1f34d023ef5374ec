import { ConfigError } from '../../config/index.ts';

const FIRST_LINE_MS = 10_000;
const MAX_LINE_BYTES = 4096;

/** The pipe from the parent: first the token, later the sign that the parent is gone. */
export class InputPipe {
  readonly #stream: NodeJS.ReadStream;

  constructor(stream: NodeJS.ReadStream) {
    this.#stream = stream;
  }

  /** The first line without its end. Throws ConfigError when there is none in time. */
  async firstLine(): Promise<string> {
    return await new Promise((resolve, reject) => {
      let text = '';
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        this.#stream.off('data', onData).off('end', onEnd);
        finish();
      };
      const fail = (rule: string): void => settle(() => reject(new ConfigError('--token-stdin', rule)));
      const onEnd = (): void => fail('needs a line with the token on stdin');
      const onData = (chunk: Buffer): void => {
        text += chunk.toString('latin1');
        const end = text.indexOf('\n');
        if (end >= 0) settle(() => resolve(text.slice(0, end).replace(/\r$/, '')));
        else if (text.length > MAX_LINE_BYTES) fail('got a line that is too long');
      };
      const timer = setTimeout(fail, FIRST_LINE_MS, 'got no token in time');
      this.#stream.on('data', onData).on('end', onEnd);
    });
  }

  /** Settles when the other end is closed, however it went. What still arrives is dropped. */
  async ended(): Promise<void> {
    const stream = this.#stream;
    if (stream.readableEnded || stream.destroyed) return;
    await new Promise<void>((resolve) => {
      const settle = (): void => resolve();
      stream.once('end', settle).once('close', settle).once('error', settle);
      stream.resume();
    });
  }

  /** Lets the process end. */
  close(): void {
    this.#stream.pause();
    this.#stream.unref?.();
  }
}
