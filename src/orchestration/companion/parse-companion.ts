import type { CompanionRecord, Judgement } from '../../contracts/index.ts';
import { readRecord, type Reading } from '../reading/index.ts';
import { type CompanionMode, createCompanionParser, type ParserEvent, type ParserNote, type ReplyPart, type StreamEndReason } from './companion-parser.ts';

/** A whole reply, taken apart. `judgement` is null in `speak`; `record.value` is null when the record is missing or broken. */
export interface CompanionReply {
  judgement: Judgement | null;
  prose: string;
  record: Reading<CompanionRecord>;
  rawRecord: string | null;
  notes: ParserNote[];
  endedIn: ReplyPart;
  isBlank: boolean;
}

/** How to read a reply that is already complete. */
export interface ParseCompanionOptions { mode: CompanionMode; knownTaskIds: readonly string[]; reason?: StreamEndReason }

/** The incremental parser, drained: what a stream of this text would give, time limits aside. */
export function parseCompanion(text: string, { mode, knownTaskIds, reason = 'stop' }: ParseCompanionOptions): CompanionReply {
  const parser = createCompanionParser({ mode });
  const events = [...parser.push(text, 0), ...parser.end(0, { reason })];
  return summarizeReply(events, { knownTaskIds, endedIn: parser.part, isBlank: parser.isBlank });
}

/** Collects a parser's events into a reply. */
export function summarizeReply(
  events: readonly ParserEvent[], facts: { knownTaskIds: readonly string[]; endedIn: ReplyPart; isBlank: boolean },
): CompanionReply {
  let judgement: Judgement | null = null;
  let prose = '';
  let rawRecord: string | null = null;
  const notes: ParserNote[] = [];
  for (const event of events) {
    switch (event.type) {
      case 'judgement': judgement = event.judgement; break;
      case 'prose': prose += event.text; break;
      case 'record': rawRecord = event.raw; break;
      case 'note': notes.push(event.note); break;
      default: event satisfies never;
    }
  }
  const record = readRecord(rawRecord, { taskIds: facts.knownTaskIds, prose });
  return { judgement, prose, record, rawRecord, notes, endedIn: facts.endedIn, isBlank: facts.isBlank };
}
