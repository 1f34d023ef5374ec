/** What the tolerant parser had to forgive. */
export type LooseNote = 'trailing_comma' | 'python_literal' | 'quotes' | 'bare_word' | 'control_character' | 'truncated';

/** One value read tolerantly from `start`; `end` is the offset after it. */
export interface LooseJson { value: unknown; end: number; notes: readonly LooseNote[] }

const BROKEN = Symbol('not readable');
/** The text ended inside the value: the member that holds it is dropped. */
const CUT = Symbol('cut off');

const MAX_DEPTH = 32;
const CLOSERS: Readonly<Record<string, string>> = { '"': '"', "'": "'", '“': '”"', '”': '”"', '‘': "’'", '＂': '＂"' };
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '"': '"', '\\': '\\', '/': '/', "'": "'" };
const LITERALS: Readonly<Record<string, boolean | null>> = {
  true: true, false: false, null: null, True: true, False: false, None: null, TRUE: true, FALSE: false, undefined: null, NaN: null,
};
const JSON_LITERALS = new Set(['true', 'false', 'null']);

class LooseReader {
  readonly notes = new Set<LooseNote>();
  private readonly text: string;
  at: number;

  constructor(text: string, start: number) {
    this.text = text;
    this.at = start;
  }

  readValue(depth: number, afterQuotedKey: boolean): unknown {
    this.skipSpace();
    const first = this.text[this.at];
    if (first === undefined) return CUT;
    if (depth > MAX_DEPTH) return BROKEN;
    if (first === '{') return this.readObject(depth);
    if (first === '[') return this.readArray(depth);
    if (CLOSERS[first] !== undefined) return this.readString(first);
    if (/[-\d]/.test(first)) return this.readNumber();
    return this.readWord(afterQuotedKey);
  }

  private readObject(depth: number): unknown {
    const members: [string, unknown][] = [];
    this.at += 1;
    for (;;) {
      const next = this.skipToMember('}');
      if (next !== 'member') return next === 'broken' ? BROKEN : Object.fromEntries(members);
      const quoted = CLOSERS[this.text.charAt(this.at)] !== undefined;
      const key = quoted ? this.readString(this.text.charAt(this.at)) : this.readBareKey();
      if (key === BROKEN) return BROKEN;
      if (key === CUT) return this.cutOff(Object.fromEntries(members));
      this.skipSpace();
      const colon = this.text[this.at];
      if (colon === undefined) return this.cutOff(Object.fromEntries(members));
      if (colon !== ':' && colon !== '：') return BROKEN;
      this.at += 1;
      const value = this.readValue(depth + 1, quoted);
      if (value === BROKEN) return BROKEN;
      if (value === CUT) return this.cutOff(Object.fromEntries(members));
      members.push([String(key), value]);
      if (!this.isAtSeparator('}')) return BROKEN;
    }
  }

  private readArray(depth: number): unknown {
    const items: unknown[] = [];
    this.at += 1;
    for (;;) {
      const next = this.skipToMember(']');
      if (next !== 'member') return next === 'broken' ? BROKEN : items;
      const value = this.readValue(depth + 1, true);
      if (value === BROKEN) return BROKEN;
      if (value === CUT) return this.cutOff(items);
      items.push(value);
      if (!this.isAtSeparator(']')) return BROKEN;
    }
  }

  /** Passes separators; `closed` when the container ended here, by its bracket or by the end of the text. */
  private skipToMember(closer: string): 'member' | 'closed' | 'broken' {
    let commas = 0;
    for (;;) {
      this.skipSpace();
      const next = this.text[this.at];
      if (next === undefined) {
        this.notes.add('truncated');
        return 'closed';
      }
      if (next === closer) {
        if (commas > 0) this.notes.add('trailing_comma');
        this.at += 1;
        return 'closed';
      }
      if (next !== ',') return next === '}' || next === ']' ? 'broken' : 'member';
      commas += 1;
      if (commas > 1) this.notes.add('trailing_comma');
      this.at += 1;
    }
  }

  private isAtSeparator(closer: string): boolean {
    this.skipSpace();
    const next = this.text[this.at];
    if (next === '，') {
      this.notes.add('quotes');
      this.at += 1;
      return true;
    }
    return next === undefined || next === ',' || next === closer;
  }

  private readString(opener: string): string | typeof CUT {
    const closers = CLOSERS[opener] ?? opener;
    if (opener !== '"') this.notes.add('quotes');
    let value = '';
    this.at += 1;
    while (this.at < this.text.length) {
      const character = this.text.charAt(this.at);
      if (character === '\\') {
        value += this.readEscape();
        continue;
      }
      this.at += 1;
      if (closers.includes(character)) {
        if (this.isClosingQuote()) return value;
        this.notes.add('quotes');
      }
      if (character < ' ') this.notes.add('control_character');
      value += character;
    }
    return CUT;
  }

  /** A quote inside a text is followed by more text; a closing one by structure or by the end. */
  private isClosingQuote(): boolean {
    let ahead = this.at;
    while (/\s/.test(this.text.charAt(ahead))) ahead += 1;
    const next = this.text[ahead];
    return next === undefined || ',:}]：，'.includes(next);
  }

  private readEscape(): string {
    const code = this.text.charAt(this.at + 1);
    const hex = code === 'u' ? /^[\da-f]{4}/i.exec(this.text.slice(this.at + 2, this.at + 6))?.[0] : undefined;
    this.at += hex === undefined ? 2 : 6;
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return ESCAPES[code] ?? `\\${code}`;
  }

  private readNumber(): unknown {
    const digits = this.match(/-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
    if (digits === '') return BROKEN;
    // A number that touches the end may have lost digits.
    return this.at >= this.text.length ? CUT : Number(digits);
  }

  private readWord(allowed: boolean): unknown {
    const word = this.match(/[A-Za-z_][\w-]*/y);
    if (word === '') return BROKEN;
    const literal = LITERALS[word];
    if (literal !== undefined) {
      if (!JSON_LITERALS.has(word)) this.notes.add('python_literal');
      return literal;
    }
    if (this.at >= this.text.length) return CUT;
    if (!allowed) return BROKEN;
    this.notes.add('bare_word');
    return word;
  }

  private readBareKey(): string | typeof BROKEN | typeof CUT {
    const word = this.match(/[A-Za-z_]\w*/y);
    if (word === '') return BROKEN;
    this.notes.add('bare_word');
    return this.at >= this.text.length ? CUT : word;
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  private cutOff<T>(value: T): T {
    this.notes.add('truncated');
    this.at = this.text.length;
    return value;
  }

  private skipSpace(): void {
    while (/\s/.test(this.text.charAt(this.at))) this.at += 1;
  }
}

/**
 * Reads one value that `JSON.parse` refuses: trailing commas, Python literals, curly or single quotes, raw line breaks in texts, a
 * cut tail (its incomplete member is dropped). Null when it is not an object or an array, or still not readable.
 */
export function parseLooseJson(text: string, start: number): LooseJson | null {
  const reader = new LooseReader(text, start);
  const value = reader.readValue(0, false);
  if (value === BROKEN || value === CUT || typeof value !== 'object') return null;
  return { value, end: reader.at, notes: [...reader.notes] };
}
