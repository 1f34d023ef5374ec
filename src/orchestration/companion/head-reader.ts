import { readJudgement } from '../reading/index.ts';

/** How a head ended. `rest` is text that follows it and is read as prose; `drop` cuts the marker line that is still arriving. */
export type HeadEnd =
  | { kind: 'judgement'; raw: string }
  | { kind: 'after'; rest: string }
  | { kind: 'broken'; rest: string; drop: boolean }
  | { kind: 'none'; rest: string };

const MARKERS = ['@@judgement', '@@judgment'];
const BARE_KEYS = 2;
/** `@@` alone is not yet a marker; with one letter more it is. */
const MARKER_START = 2;
const MAX_CODE_POINTS = 800;
const FENCE_START = /^(?:`{1,2}|~{1,2}|(?:`{3,}|~{3,})[ \t]*[\w+-]*[ \t\r]*)$/;
const FENCE_LINE = /^(?:`{3,}|~{3,})[ \t]*[\w+-]*[ \t\r]*$/;
const GAP = /^\s*[:：]?\s*(?:`{1,2}|~{1,2}|(?:`{3,}|~{3,})\w*\s*)?$/;

type State = 'lead' | 'fence' | 'marker' | 'gap' | 'object' | 'tail';

/**
 * Reads the head of a reply character by character: an optional fence, then a marker line with one object, or a bare object. After
 * `judgement` it goes on until `after`; every other end is final.
 */
export class HeadReader {
  private state: State = 'lead';
  private text = '';
  private codePoints = 0;
  private hasFence = false;
  private fenceAt = 0;
  private markerAt = -1;
  private gapAt = 0;
  private objectAt = 0;
  private depth = 0;
  private inText = false;
  private isEscaped = false;
  private tail = '';

  /** Takes one UTF-16 unit. Null while the head goes on. */
  next(unit: string): HeadEnd | null {
    if (this.state === 'tail') return this.nextTail(unit);
    this.text += unit;
    if (unit < '\uDC00' || unit > '\uDFFF') this.codePoints += 1;
    const end = this.step(unit);
    if (end !== null) return end;
    return this.codePoints >= MAX_CODE_POINTS ? this.expire() : null;
  }

  /** Ends a head that took too long, or whose stream ended: a started marker line is dropped, the rest is prose. */
  expire(): HeadEnd {
    if (this.state === 'tail') return { kind: 'after', rest: this.tail.trimStart() };
    const isMarker = this.markerAt >= 0 && this.text.length - this.markerAt > MARKER_START;
    return isMarker ? this.broken() : { kind: 'none', rest: this.text };
  }

  private step(unit: string): HeadEnd | null {
    switch (this.state) {
      case 'lead': return this.stepLead(unit);
      case 'fence': return this.stepFence(unit);
      case 'marker': return this.stepMarker(unit);
      case 'gap': return this.stepGap(unit);
      default: return this.stepObject(unit);
    }
  }

  private stepLead(unit: string): HeadEnd | null {
    if (/[\s\uFEFF]/.test(unit)) return null;
    if ((unit === '`' || unit === '~') && !this.hasFence) {
      this.state = 'fence';
      this.fenceAt = this.text.length - 1;
      return null;
    }
    return this.begin(unit);
  }

  private begin(unit: string): HeadEnd | null {
    if (unit === '@') {
      this.state = 'marker';
      this.markerAt = this.text.length - 1;
      return null;
    }
    if (unit === '{') return this.openObject();
    return { kind: 'none', rest: this.text };
  }

  private stepFence(unit: string): HeadEnd | null {
    const line = this.text.slice(this.fenceAt, -1);
    if (FENCE_LINE.test(line) && (unit === '\n' || unit === '{' || unit === '@')) {
      this.hasFence = true;
      this.state = 'lead';
      return unit === '\n' ? null : this.begin(unit);
    }
    return FENCE_START.test(line + unit) ? null : { kind: 'none', rest: this.text };
  }

  private stepMarker(unit: string): HeadEnd | null {
    const word = this.text.slice(this.markerAt).toLowerCase();
    if (MARKERS.some((marker) => marker.startsWith(word))) return null;
    if (!MARKERS.includes(word.slice(0, -1)) || /\w/.test(unit)) return { kind: 'none', rest: this.text };
    this.state = 'gap';
    this.gapAt = this.text.length - 1;
    return this.stepGap(unit);
  }

  private stepGap(unit: string): HeadEnd | null {
    if (unit === '{') {
      this.hasFence ||= /[`~]/.test(this.text.slice(this.gapAt));
      return this.openObject();
    }
    return GAP.test(this.text.slice(this.gapAt)) ? null : this.broken();
  }

  private openObject(): null {
    this.state = 'object';
    this.objectAt = this.text.length - 1;
    this.depth = 1;
    return null;
  }

  private stepObject(unit: string): HeadEnd | null {
    if (this.isEscaped) this.isEscaped = false;
    else if (this.inText) {
      if (unit === '\\') this.isEscaped = true;
      else if (unit === '"') this.inText = false;
    } else if (unit === '"') this.inText = true;
    else if (unit === '{') this.depth += 1;
    else if (unit === '}') this.depth -= 1;
    if (this.depth > 0) return null;
    const raw = this.text.slice(this.objectAt);
    if (this.markerAt < 0 && readJudgement(raw).keys < BARE_KEYS) return { kind: 'none', rest: this.text };
    this.state = 'tail';
    return { kind: 'judgement', raw };
  }

  /** The object's line goes with the head, and so does the end of a fence around it. Other text there is prose. */
  private nextTail(unit: string): HeadEnd | null {
    const line = this.tail.trimStart();
    if (unit === '\n' && (!this.hasFence || /^(?:`{3,}|~{3,})/.test(line))) return { kind: 'after', rest: '' };
    this.tail += unit;
    const sofar = this.tail.trimStart();
    if (sofar === '') return null;
    if (this.hasFence && /^(?:`+|~+)[ \t\r]*$/.test(sofar)) return null;
    return { kind: 'after', rest: sofar };
  }

  private broken(): HeadEnd {
    const newline = this.text.indexOf('\n', this.markerAt);
    return { kind: 'broken', rest: newline < 0 ? '' : this.text.slice(newline + 1), drop: newline < 0 };
  }
}
