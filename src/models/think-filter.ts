/** A piece of a reply after reasoning tags were taken out. */
export interface FilteredPiece { type: 'text' | 'reasoning'; text: string }

const TAG = /<(\/?)think(?:ing)?>/i;
const TAGS = ['<think>', '</think>', '<thinking>', '</thinking>'];

/** Takes `<think>…</think>` out of a text that arrives in chunks; tags may be cut anywhere. */
export class ThinkFilter {
  #held = '';
  #isInside = false;
  #hasText = false;
  #hasClosed = false;

  /** The pieces that are certain after this chunk. */
  push(chunk: string): FilteredPiece[] {
    const pieces: FilteredPiece[] = [];
    let rest = this.#held + chunk;
    for (let match = TAG.exec(rest); match !== null; match = TAG.exec(rest)) {
      this.#emit(rest.slice(0, match.index), pieces);
      this.#isInside = match[1] === '';
      this.#hasClosed ||= !this.#isInside;
      rest = rest.slice(match.index + match[0].length);
    }
    const heldLength = openTagLength(rest);
    this.#held = rest.slice(rest.length - heldLength);
    this.#emit(rest.slice(0, rest.length - heldLength), pieces);
    return pieces;
  }

  /** What was held back, once nothing more comes. */
  end(): FilteredPiece[] {
    const pieces: FilteredPiece[] = [];
    this.#emit(this.#held, pieces);
    this.#held = '';
    return pieces;
  }

  // The blank lines between a closing tag and the answer belong to the tag.
  #emit(text: string, pieces: FilteredPiece[]): void {
    const visible = !this.#isInside && !this.#hasText && this.#hasClosed ? text.trimStart() : text;
    if (visible === '') return;
    if (!this.#isInside) this.#hasText = true;
    pieces.push({ type: this.#isInside ? 'reasoning' : 'text', text: visible });
  }
}

/** Length of the longest end of the text that could still become a tag. */
function openTagLength(text: string): number {
  const start = text.lastIndexOf('<');
  if (start === -1) return 0;
  const end = text.slice(start).toLowerCase();
  return TAGS.some((tag) => tag.startsWith(end)) ? end.length : 0;
}
