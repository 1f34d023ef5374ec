const TAIL_CHARS = 16 * 1024;

/** Decodes a kernel's stderr and keeps its end. */
export class StderrTail {
  readonly #decoder = new TextDecoder('utf-8');
  #text = '';

  /** Takes bytes; returns their text. */
  push(bytes: Uint8Array): string {
    const text = this.#decoder.decode(bytes, { stream: true });
    this.#text = (this.#text + text).slice(-TAIL_CHARS);
    return text;
  }

  /** The last 16 KiB. */
  get text(): string {
    return this.#text;
  }
}
