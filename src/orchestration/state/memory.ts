import { type MemoryState, clipCodePoints } from '../../contracts/index.ts';
import { isCleanText } from './fold-text.ts';
import { PROPOSAL_LIMITS } from './proposals.ts';

/** Turns that are told in full, so memory need not hold them. */
export const RECENT_TURNS = 6;
const CHUNK_TURNS = 6;
const CHUNK_CHARS = 1200;
const CHUNKS = 8;
/** Without a working memo agent chunks pile up; beyond this the two oldest share one place. */
const CHUNKS_AT_MOST = 64;

/** What is new for the memory. */
export interface MemoryNews {
  /** Number of committed turns. */
  turnCount: number;
  /** One line per turn; a later line of the same turn replaces the earlier one, a blank one changes nothing. */
  lines: readonly { turn_index: number; text: string }[];
  /** The new long-term summary and the chunk that was asked about (`wantedLongTerm`). */
  longTerm?: { text: string; turn_range: string } | null;
}

/** The oldest chunk and the summary that the next memo call shall join; null while there is room. */
export function wantedLongTerm(memory: MemoryState): { summary: string; chunk: MemoryState['mid_term_summaries'][number] } | null {
  const chunk = memory.mid_term_summaries[0];
  return chunk === undefined || memory.mid_term_summaries.length <= CHUNKS ? null : { summary: memory.long_term_summary, chunk };
}

/** Takes in lines, folds six turns beyond the recent ones into a chunk, and replaces the oldest chunk by a new long-term summary. */
export function foldMemory(memory: MemoryState, news: MemoryNews): MemoryState {
  const lined = takeLines(memory, news);
  const summarised = takeLongTerm(lined, news.longTerm ?? null);
  const folded = mergeOldest(foldChunks(summarised, news.turnCount));
  const changed = JSON.stringify(folded) !== JSON.stringify(memory);
  return changed ? { ...folded, last_updated_turn: Math.max(memory.last_updated_turn, news.turnCount - 1), version: memory.version + 1 } : memory;
}

function takeLines(memory: MemoryState, news: MemoryNews): MemoryState {
  const deltas = new Map(memory.deltas.map((delta) => [delta.turn_index, delta.text]));
  for (const line of news.lines) {
    const text = clipCodePoints(line.text.replace(/\s+/g, ' ').trim(), PROPOSAL_LIMITS.memory_delta);
    const isNew = line.turn_index > memory.last_mid_term_turn && line.turn_index < news.turnCount;
    if (isNew && text !== '' && isCleanText(line.text)) deltas.set(line.turn_index, text);
  }
  const sorted = [...deltas].toSorted(([one], [other]) => one - other);
  return { ...memory, deltas: sorted.map(([turn_index, text]) => ({ turn_index, text })) };
}

function foldChunks(memory: MemoryState, turnCount: number): MemoryState {
  let { last_mid_term_turn: last, deltas } = memory;
  const chunks = [...memory.mid_term_summaries];
  while (turnCount - RECENT_TURNS - (last + 1) >= CHUNK_TURNS) {
    const first = last + 1;
    last += CHUNK_TURNS;
    const limit = last;
    const lines = deltas.filter((delta) => delta.turn_index <= limit).map((delta) => delta.text);
    deltas = deltas.filter((delta) => delta.turn_index > limit);
    if (lines.length > 0) chunks.push({ turn_range: `${first}-${last}`, summary: joinLines(lines) });
  }
  return { ...memory, deltas, mid_term_summaries: chunks, last_mid_term_turn: last };
}

/** Each line gets its share, so that a long one never pushes another out. */
function joinLines(lines: readonly string[]): string {
  const share = Math.floor(CHUNK_CHARS / lines.length) - 1;
  return clipCodePoints(lines.map((line) => clipCodePoints(line, share)).join('\n'), CHUNK_CHARS);
}

function takeLongTerm(memory: MemoryState, longTerm: { text: string; turn_range: string } | null): MemoryState {
  const text = clipCodePoints(longTerm?.text.trim() ?? '', PROPOSAL_LIMITS.long_term);
  const wanted = wantedLongTerm(memory);
  // An answer about another chunk came too late; the chunk stays and is asked about again.
  if (longTerm === null || wanted?.chunk.turn_range !== longTerm.turn_range || text === '' || !isCleanText(text)) return memory;
  return { ...memory, long_term_summary: text, mid_term_summaries: memory.mid_term_summaries.slice(1) };
}

function mergeOldest(memory: MemoryState): MemoryState {
  let chunks = memory.mid_term_summaries;
  while (chunks.length > CHUNKS_AT_MOST) {
    const [one, other, ...rest] = chunks;
    if (one === undefined || other === undefined) break;
    const range = `${one.turn_range.split('-')[0] ?? ''}-${other.turn_range.split('-').at(-1) ?? ''}`;
    chunks = [{ turn_range: range, summary: joinLines([one.summary, other.summary]) }, ...rest];
  }
  return chunks === memory.mid_term_summaries ? memory : { ...memory, mid_term_summaries: chunks };
}
