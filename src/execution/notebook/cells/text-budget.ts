import { OUTPUT_CAPS } from './output-types.ts';

interface Piece { name: string; text: string }

/** Shares out a cell's text: a head that is shown at once, a tail that is held back, and a count of what lies between. */
export class TextBudget {
  #headLeft: number;
  readonly #tailChars: number;
  #tail: Piece[] = [];
  #tailLength = 0;
  readonly #dropped = new Map<string, number>(); // one entry per stream name of the cell

  constructor(size: { headChars: number; tailChars: number } = OUTPUT_CAPS) {
    this.#headLeft = size.headChars;
    this.#tailChars = size.tailChars;
  }

  /** The part of the text that belongs to the head. */
  take(name: string, text: string): string {
    if (this.#headLeft > 0 && this.#tail.length === 0) {
      const head = sliceWhole(text, this.#headLeft);
      this.#headLeft = head.length < text.length ? 0 : this.#headLeft - head.length;
      if (head.length < text.length) this.#hold(name, text.slice(head.length));
      return head;
    }
    this.#hold(name, text);
    return '';
  }

  /** Text that was removed before it came here; `tail` is its end. */
  drop(name: string, bytes: number, tail: string): void {
    this.#headLeft = 0;
    this.#count(name, Math.max(0, bytes - tail.length));
    if (tail !== '') this.#hold(name, tail);
  }

  /** What was held back, with a mark where text is missing. Call it once. */
  end(): Piece[] {
    const pieces = this.#tail;
    this.#tail = [];
    for (const [name, count] of this.#dropped) {
      if (count === 0) continue;
      const mark = `\n… [${count} characters left out] …\n`;
      const first = pieces.findIndex((piece) => piece.name === name);
      if (first < 0) pieces.push({ name, text: mark });
      else pieces.splice(first, 0, { name, text: mark });
    }
    return pieces;
  }

  get dropped(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#dropped);
  }

  #hold(name: string, text: string): void {
    this.#tail.push({ name, text });
    this.#tailLength += text.length;
    while (this.#tailLength > this.#tailChars) {
      const [first] = this.#tail;
      if (first === undefined) return;
      const surplus = this.#tailLength - this.#tailChars;
      if (first.text.length <= surplus) {
        this.#tail.shift();
        this.#tailLength -= first.text.length;
        this.#count(first.name, first.text.length);
        continue;
      }
      const rest = tailWhole(first.text, surplus);
      this.#count(first.name, first.text.length - rest.length);
      this.#tailLength -= first.text.length - rest.length;
      first.text = rest;
    }
  }

  #count(name: string, characters: number): void {
    this.#dropped.set(name, (this.#dropped.get(name) ?? 0) + characters);
  }
}

const isLowHalf = (text: string, index: number): boolean => (text.charCodeAt(index) & 0xfc00) === 0xdc00;

/** The first units of a text; never half a pair. */
function sliceWhole(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return text.slice(0, isLowHalf(text, limit) ? limit - 1 : limit);
}

/** A text without its first units; never half a pair. */
function tailWhole(text: string, from: number): string {
  return text.slice(isLowHalf(text, from) ? from + 1 : from);
}
