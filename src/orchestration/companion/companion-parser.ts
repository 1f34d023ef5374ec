import type { Judgement } from '../../contracts/index.ts';
import { readJudgement } from '../reading/index.ts';
import { createJudgement } from '../state/index.ts';
import { type HeadEnd, HeadReader } from './head-reader.ts';
import { type ProseNote, ProseReader } from './prose-reader.ts';

/** `reply` routes the turn by its judgement; in `speak` (also greeting and next task) a judgement is swallowed. */
export type CompanionMode = 'reply' | 'speak';

/** Small facts about a reply, kept with the call. */
export type ParserNote = ProseNote | 'judgement_missing' | 'judgement_broken' | 'judgement_coerced' | 'judgement_swallowed';

/** What the parser found, in order. Exactly one `judgement` precedes all prose in `reply`; exactly one `record` ends the reply. */
export type ParserEvent =
  | { type: 'judgement'; judgement: Judgement; problems: readonly string[] }
  | { type: 'prose'; text: string }
  | { type: 'record'; raw: string | null }
  | { type: 'note'; note: ParserNote };

/** How the stream ended: `broken` is a stream that failed. */
export type StreamEndReason = 'stop' | 'length' | 'broken';

/** Where in the reply the stream stands; `record` and `done` lie behind the prose. */
export type ReplyPart = 'head' | 'prose' | 'record' | 'done';

/** Reads one reply as it arrives. Times are milliseconds of one monotonic clock. */
export interface CompanionParser {
  push(text: string, nowMs: number): ParserEvent[];
  /** Releases what has been held for too long; call it at `dueAt`. */
  tick(nowMs: number): ParserEvent[];
  /** Decides everything that is held; after a broken stream it is left out instead. Later calls return nothing. */
  end(nowMs: number, options: { reason: StreamEndReason }): ParserEvent[];
  readonly dueAt: number | null;
  /** Where the stream stood when it ended, or stands now. */
  readonly part: ReplyPart;
  /** True while no visible character was found: at the end this is the failure `empty_reply`. */
  readonly isBlank: boolean;
}

const HEAD_MS = 6000;

/** Creates the parser of one reply. Only time limits depend on how the text is cut into chunks. */
export function createCompanionParser({ mode }: { mode: CompanionMode }): CompanionParser {
  return new ReplyParser(mode);
}

class ReplyParser implements CompanionParser {
  isBlank = true;
  private readonly mode: CompanionMode;
  private readonly head = new HeadReader();
  private prose: ProseReader | null = null;
  private hasJudgement = false;
  private firstTextAt: number | null = null;
  private events: ParserEvent[] = [];
  private pending = '';
  private endedIn: ReplyPart | null = null;

  constructor(mode: CompanionMode) {
    this.mode = mode;
  }

  get dueAt(): number | null {
    if (this.endedIn !== null) return null;
    if (this.prose !== null) return this.prose.dueAt;
    return this.firstTextAt === null ? null : this.firstTextAt + HEAD_MS;
  }

  get part(): ReplyPart {
    if (this.endedIn !== null) return this.endedIn;
    if (this.prose === null) return 'head';
    return this.prose.mode === 'record' || this.prose.mode === 'done' ? this.prose.mode : 'prose';
  }

  push(text: string, nowMs: number): ParserEvent[] {
    if (this.endedIn !== null || text === '') return [];
    this.expireHeld(nowMs);
    this.firstTextAt ??= nowMs;
    for (let at = 0; at < text.length; at += 1) {
      if (this.prose !== null) {
        this.prose.nowMs = nowMs;
        this.prose.feed(text.slice(at));
        break;
      }
      const end = this.head.next(text.charAt(at));
      if (end !== null) this.takeHead(end, nowMs);
    }
    return this.takeEvents();
  }

  tick(nowMs: number): ParserEvent[] {
    if (this.endedIn !== null) return [];
    this.expireHeld(nowMs);
    return this.takeEvents();
  }

  end(nowMs: number, { reason }: { reason: StreamEndReason }): ParserEvent[] {
    if (this.endedIn !== null) return [];
    const endedIn = this.part;
    if (reason !== 'broken') this.finish(nowMs);
    this.endedIn = this.prose?.mode === 'record' ? 'record' : endedIn;
    const records = this.prose?.records;
    this.flushProse();
    this.events.push({ type: 'record', raw: records?.marked ?? records?.fenced ?? null });
    return this.takeEvents();
  }

  private finish(nowMs: number): void {
    if (this.prose === null) this.takeHead(this.head.expire(), nowMs);
    this.prose?.finish();
  }

  private expireHeld(nowMs: number): void {
    const due = this.dueAt;
    if (due === null || nowMs < due) return;
    if (this.prose === null) return this.takeHead(this.head.expire(), nowMs);
    this.prose.nowMs = nowMs;
    this.prose.tick();
  }

  private takeHead(end: HeadEnd, nowMs: number): void {
    if (end.kind === 'judgement') return this.takeJudgement(end.raw);
    if (!this.hasJudgement) this.takeMissing(end.kind === 'broken');
    this.prose = new ProseReader({
      prose: (text) => this.takeProse(text),
      note: (note) => this.takeNote(note),
    }, end.kind !== 'none');
    this.prose.nowMs = nowMs;
    if (end.kind === 'broken' && end.drop) this.prose.mode = 'drop';
    this.prose.feed(end.rest);
  }

  private takeJudgement(raw: string): void {
    this.hasJudgement = true;
    if (this.mode === 'speak') return this.takeNote('judgement_swallowed');
    const reading = readJudgement(raw);
    this.events.push({ type: 'judgement', judgement: reading.value, problems: reading.problems });
    if (reading.keys === 0) this.takeNote('judgement_broken');
    else if (reading.coerced) this.takeNote('judgement_coerced');
  }

  private takeMissing(isBroken: boolean): void {
    this.hasJudgement = true;
    if (this.mode === 'speak') {
      if (isBroken) this.takeNote('judgement_swallowed');
      return;
    }
    this.events.push({ type: 'judgement', judgement: createJudgement(), problems: [] });
    this.takeNote(isBroken ? 'judgement_broken' : 'judgement_missing');
  }

  private takeProse(text: string): void {
    this.isBlank = false;
    this.pending += text;
  }

  private takeNote(note: ParserNote): void {
    this.flushProse();
    this.events.push({ type: 'note', note });
  }

  private flushProse(): void {
    if (this.pending === '') return;
    this.events.push({ type: 'prose', text: this.pending });
    this.pending = '';
  }

  private takeEvents(): ParserEvent[] {
    this.flushProse();
    const events = this.events;
    this.events = [];
    return events;
  }
}
