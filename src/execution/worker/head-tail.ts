import type { OutputLimits } from './worker-contract.ts';

/** A text of which the beginning and the end are kept. No cut falls inside a code point. */
export interface KeptText {
  text: string;
  /** What follows the live head: the whole tail, or a mark and the end of it. */
  rest: string;
  dropped: number;
}

type Size = Pick<OutputLimits, 'unit' | 'head' | 'tail'>;

/** Decodes UTF-8 bytes with replacement and keeps head and tail of them; memory stays within both and one chunk. */
export class HeadTail {
  readonly #size: Size;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #head = '';
  #headLeft: number;
  #tail: { text: string; length: number }[] = [];
  #tailLength = 0;
  #dropped = 0;

  constructor(size: Size) {
    this.#size = size;
    this.#headLeft = size.head;
  }

  /** True while everything that comes is shown at once. */
  get isLive(): boolean {
    return this.#tail.length === 0;
  }

  /** Takes bytes; returns what of them belongs to the head and can be shown now. */
  write(bytes: Uint8Array): string {
    return this.#add(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Ends the text; `reserve` units of the tail are left free for what is added behind it. */
  end(reserve = 0): KeptText {
    const last = this.#add(this.#decoder.decode());
    const tail = this.#tail.map((part) => part.text).join('');
    if (this.#dropped === 0 && this.#tailLength <= this.#size.tail - reserve) {
      return { text: this.#head + tail, rest: last + tail, dropped: 0 };
    }
    const kept = lastUnits(tail, Math.max(0, this.#size.tail - reserve - MARK_ROOM), this.#size.unit);
    const dropped = this.#dropped + this.#tailLength - unitsIn(kept, this.#size.unit);
    const rest = `… [${dropped} ${this.#size.unit} left out] …${kept}`;
    return { text: this.#head + rest, rest: last + rest, dropped };
  }

  #add(text: string): string {
    if (text === '') return '';
    const live = this.#headLeft > 0 && this.isLive ? firstUnits(text, this.#headLeft, this.#size.unit) : '';
    this.#headLeft -= unitsIn(live, this.#size.unit);
    this.#head += live;
    if (live.length < text.length) this.#addTail(text.slice(live.length));
    return live;
  }

  #addTail(text: string): void {
    const length = unitsIn(text, this.#size.unit);
    this.#tail.push({ text, length });
    this.#tailLength += length;
    for (;;) {
      const [first] = this.#tail;
      if (first === undefined || this.#tailLength - first.length < this.#size.tail) return;
      this.#tail.shift();
      this.#tailLength -= first.length;
      this.#dropped += first.length;
    }
  }
}

/** Room for the mark, so that a cut text never gets longer than its limit. */
const MARK_ROOM = 48;

function unitsIn(text: string, unit: Size['unit']): number {
  if (unit === 'bytes') return Buffer.byteLength(text);
  let count = text.length;
  for (let index = 0; index < text.length; index += 1) if ((text.charCodeAt(index) & 0xfc00) === 0xdc00) count -= 1;
  return count;
}

/** The longest beginning within `limit` units. */
function firstUnits(text: string, limit: number, unit: Size['unit']): string {
  if (text.length <= limit && (unit === 'characters' || Buffer.byteLength(text) <= limit)) return text;
  let end = 0;
  let left = limit;
  for (const character of text) {
    left -= unit === 'bytes' ? Buffer.byteLength(character) : 1;
    if (left < 0) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** The longest end within `limit` units. */
function lastUnits(text: string, limit: number, unit: Size['unit']): string {
  let start = text.length;
  let left = limit;
  while (start > 0) {
    const isPair = start > 1 && (text.charCodeAt(start - 1) & 0xfc00) === 0xdc00;
    const next = start - (isPair ? 2 : 1);
    left -= unit === 'bytes' ? Buffer.byteLength(text.slice(next, start)) : 1;
    if (left < 0) break;
    start = next;
  }
  return text.slice(start);
}

/** Beginning and end of a text within `limit` code points. */
export function clipMiddle(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const total = unitsIn(text, 'characters');
  if (total <= limit) return text;
  const half = Math.floor((limit - MARK_ROOM) / 2);
  return `${firstUnits(text, half, 'characters')}… [${total - 2 * half} characters left out] …${lastUnits(text, half, 'characters')}`;
}
