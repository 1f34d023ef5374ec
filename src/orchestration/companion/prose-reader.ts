import { countRecordFields } from '../reading/index.ts';
import { HeadReader } from './head-reader.ts';
import { classifyLine, closesFence, type Fence, fenceOpenedBy } from './line-words.ts';

/** What happened in the prose besides text; kept with the call. */
export type ProseNote = 'late_judgement' | 'json_released' | 'record_cut' | 'stray_end';

/** Where a reader puts what it found. */
export interface ProseSink { prose(text: string): void; note(note: ProseNote): void }

/** Where the reader stands; in `done` everything more is ignored. */
export type ProseMode = 'line' | 'text' | 'drop' | 'json' | 'late' | 'record' | 'done';

const JSON_BYTES = 4096;
const JSON_HOLD_MS = 3000;
const LATE_HEAD_MS = 6000;
const RECORD_UNITS = 16_384;
const RECORD_FIELDS = 3;
const LINE_HEAD = 200;

/** Separates prose from markers, character by character, so that no cutting into chunks can change the result. */
export class ProseReader {
  mode: ProseMode = 'line';
  private readonly sink: ProseSink;
  /** Time of the chunk in work; set by the owner before feeding. */
  nowMs = 0;
  private heldSince = 0;
  private readonly trimsStart: boolean;
  private hasEmitted = false;
  private space = '';
  private line = '';
  private fence: Fence | null = null;
  private json = '';
  private jsonBytes = 0;
  private jsonLine = '';
  private jsonFence: Fence = { mark: '`', length: 3 };
  private isJsonAllowed = true;
  private late = new HeadReader();
  private lateText = '';
  private record: string | null = null;
  private fenced: string | null = null;

  constructor(sink: ProseSink, trimsStart: boolean) {
    this.sink = sink;
    this.trimsStart = trimsStart;
  }

  /** Time at which held text has to be released, or null. */
  get dueAt(): number | null {
    if (this.mode === 'json') return this.heldSince + JSON_HOLD_MS;
    return this.mode === 'late' ? this.heldSince + LATE_HEAD_MS : null;
  }

  /** Text after the record marker, and the closed block that reads as a record. */
  get records(): { marked: string | null; fenced: string | null } {
    return { marked: this.record, fenced: this.fenced };
  }

  feed(text: string): void {
    for (let at = 0; at < text.length; at += 1) this.next(text.charAt(at));
  }

  /** Releases what was held for too long. */
  tick(): void {
    const due = this.dueAt;
    if (due === null || this.nowMs < due) return;
    if (this.mode === 'json') this.releaseJson();
    else if (this.mode === 'late') this.endLate();
  }

  /** Ends the text: held pieces are decided, trailing white space is left out. */
  finish(): void {
    if (this.mode === 'json') this.endJson();
    if (this.mode === 'late') this.endLate();
    if (this.mode === 'line') this.finishLine();
    if (this.mode !== 'record') this.mode = 'done';
  }

  private finishLine(): void {
    const word = this.line.trim();
    const isMarker = word.startsWith('@@') && classifyLine(this.line, false) !== 'text';
    if (!isMarker) this.emit(this.line);
    this.line = '';
  }

  private next(unit: string): void {
    switch (this.mode) {
      case 'line': return this.nextInLine(unit);
      case 'text': return this.nextInText(unit);
      case 'drop': return unit === '\n' ? this.startLine() : undefined;
      case 'json': return this.nextInJson(unit);
      case 'late': return this.nextInLate(unit);
      case 'record': return this.nextInRecord(unit);
      default: return undefined;
    }
  }

  private startLine(): void {
    this.mode = 'line';
    this.line = '';
  }

  private nextInLine(unit: string): void {
    if (unit === '\n') return this.closeShortLine();
    this.line += unit;
    switch (classifyLine(this.line, false)) {
      case 'open': return undefined;
      case 'record': return this.startRecord();
      case 'judgement': return this.startLate();
      default: this.emit(this.line);
        this.mode = 'text';
    }
  }

  /** The line ended before it was decided. */
  private closeShortLine(): void {
    const kind = classifyLine(this.line, true);
    if (kind === 'end') {
      this.sink.note('stray_end');
      return this.startLine();
    }
    const opened = this.fence === null ? fenceOpenedBy(this.line) : null;
    if (kind === 'json-fence' && opened !== null && this.isJsonAllowed) return this.startJson(opened);
    this.isJsonAllowed = true;
    this.emit(this.line);
    this.closeLine();
  }

  private nextInText(unit: string): void {
    if (unit !== '\n') {
      if (this.line.length < LINE_HEAD) this.line += unit;
      return this.emit(unit);
    }
    this.closeLine();
  }

  private closeLine(): void {
    if (this.fence === null) this.fence = fenceOpenedBy(this.line);
    else if (closesFence(this.line, this.fence)) this.fence = null;
    this.emit('\n');
    this.startLine();
  }

  /** Trailing white space waits for text; before the first text blank lines are left out, if so asked. */
  private emit(text: string): void {
    const solid = text.trimEnd();
    if (solid === '') {
      this.space += text;
      return;
    }
    const pending = this.space + solid;
    this.space = text.slice(solid.length);
    const isFirst = this.trimsStart && !this.hasEmitted;
    this.hasEmitted = true;
    this.sink.prose(isFirst ? pending.replace(/^(?:[^\S\n]*\n)+/, '') : pending);
  }

  private startJson(fence: Fence): void {
    this.mode = 'json';
    this.heldSince = this.nowMs;
    this.jsonFence = fence;
    this.json = `${this.line}\n`;
    this.jsonBytes = this.json.length;
    this.jsonLine = '';
  }

  private nextInJson(unit: string): void {
    this.json += unit;
    this.jsonBytes += unit < '\u0080' ? 1 : unit < '\u0800' || (unit >= '\uD800' && unit <= '\uDFFF') ? 2 : 3;
    if (unit === '\n') {
      if (closesFence(this.jsonLine, this.jsonFence)) return this.endJson();
      this.jsonLine = '';
    } else this.jsonLine += unit;
    if (this.jsonBytes > JSON_BYTES || classifyLine(this.jsonLine, false) === 'record') this.releaseJson();
  }

  private endJson(): void {
    if (countRecordFields(this.json) < RECORD_FIELDS) return this.releaseJson();
    this.fenced ??= this.json;
    this.json = '';
    this.startLine();
  }

  /** Reads the held block again as ordinary text. */
  private releaseJson(): void {
    const held = this.json;
    this.json = '';
    this.isJsonAllowed = false;
    this.sink.note('json_released');
    this.startLine();
    this.feed(held);
  }

  private startLate(): void {
    this.mode = 'late';
    this.heldSince = this.nowMs;
    this.late = new HeadReader();
    this.lateText = this.line.slice(0, this.line.length - this.line.trimStart().length);
    for (const unit of this.line.trimStart()) this.late.next(unit);
  }

  private nextInLate(unit: string): void {
    const end = this.late.next(unit);
    if (end !== null) this.takeLate(end);
  }

  private endLate(): void {
    this.takeLate(this.late.expire());
  }

  private takeLate(end: NonNullable<ReturnType<HeadReader['next']>>): void {
    if (end.kind === 'judgement') return undefined;
    if (end.kind === 'none') {
      return this.takeText(this.lateText + end.rest);
    }
    this.sink.note('late_judgement');
    this.startLine();
    if (end.kind === 'broken' && end.drop) this.mode = 'drop';
    this.feed(end.rest);
  }

  /** A line that only looked like a marker; it may have ended already. */
  private takeText(text: string): void {
    this.mode = 'text';
    const isComplete = text.endsWith('\n');
    this.line = isComplete ? text.slice(0, -1) : text;
    this.emit(this.line);
    if (isComplete) this.closeLine();
  }

  private startRecord(): void {
    this.mode = 'record';
    this.record = '';
    this.line = '';
  }

  private nextInRecord(unit: string): void {
    if (unit === '\n') this.line = '';
    else if (this.line.length < LINE_HEAD) this.line += unit;
    if (/^[ \t]*@@end/i.test(this.line)) return this.endRecord();
    if (this.record === null || this.record.length >= RECORD_UNITS) return;
    this.record += unit;
    if (this.record.length === RECORD_UNITS) this.sink.note('record_cut');
  }
  /** What was taken of the end marker's line is no part of the record. */
  private endRecord(): void {
    this.mode = 'done';
    this.record = this.record?.replace(/[^\n]*$/, (line) => line.replace(/[ \t]*@@[a-z]*$/i, '')) ?? null;
  }
}
