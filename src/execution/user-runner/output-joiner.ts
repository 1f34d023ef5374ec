import type { StreamName } from '../worker/index.ts';

const JOIN_MS = 30;
const JOIN_CHARS = 16 * 1024;

/** Joins small pieces of output for at most 30 ms or 16 KiB; the order of the two streams is kept. */
export class OutputJoiner {
  readonly #emit: (stream: StreamName, text: string) => void;
  #stream: StreamName = 'stdout';
  #text = '';
  #timer: NodeJS.Timeout | null = null;

  constructor(emit: (stream: StreamName, text: string) => void) {
    this.#emit = emit;
  }

  add(stream: StreamName, text: string): void {
    if (stream !== this.#stream) this.flush();
    this.#stream = stream;
    this.#text += text;
    while (this.#text.length >= JOIN_CHARS) this.#send(endOfPiece(this.#text));
    if (this.#text !== '') this.#timer ??= setTimeout(() => this.flush(), JOIN_MS);
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#text !== '') this.#send(this.#text.length);
  }

  #send(length: number): void {
    const piece = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    this.#emit(this.#stream, piece);
  }
}

/** A piece of full size that does not end inside a surrogate pair. */
function endOfPiece(text: string): number {
  const isInsidePair = (text.charCodeAt(JOIN_CHARS - 1) & 0xfc00) === 0xd800;
  return isInsidePair ? JOIN_CHARS - 1 : JOIN_CHARS;
}
