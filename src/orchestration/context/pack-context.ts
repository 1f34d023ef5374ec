import { rawTokens, type ModelMessage } from '../../models/index.ts';
import { CUT_MARK, clipText, type ClipSide } from './clip.ts';

/** A piece of a section that is kept or dropped whole; the lowest `keep` leaves first. */
export interface SectionPart { text: string; keep: number }

/** How a section that is too long gets shorter: whole parts leave and the last one is clipped, or each part is clipped in its middle. */
export type SectionCut = ClipSide | 'whole' | 'sides';

/** One named text of a prompt. Rank is the order of sacrifice: the highest goes first, `never` stays. */
export interface Section {
  name: string;
  rank: number | 'never';
  /** Tokens; null = no cap of its own. */
  cap: number | null;
  /** Additional cap as a share of the budget. */
  capShare?: number;
  /** A `never` section with a floor (tokens) shrinks to it when even the never-cut sections exceed the budget. */
  floor?: number;
  parts: readonly SectionPart[];
  separator?: string;
  cut: SectionCut;
}

/** What may be sent, and how texts become messages. `compose` must insert every text once and pass it on unchanged. */
export interface PackBudget {
  tokens: number;
  /** Estimated tokens per raw token of this model. */
  factor: number;
  compose(texts: Readonly<Record<string, string>>): readonly ModelMessage[];
}

/** What became of one section; sizes in estimated tokens. */
export type PackedSection = { name: string; rank: number | 'never'; tokens: number; cut: 'none' | 'cut' | 'dropped' };
/** What went into a call and what did not. */
export type PackManifest = { budget: number; total: number; over: boolean; sections: PackedSection[] };

export interface PackedContext { messages: readonly ModelMessage[]; manifest: PackManifest }

const TOKENS_PER_MESSAGE = 4;

/** Fills a budget by rank. Pure: what a rank gets depends only on the ranks before it. */
export function packContext(sections: readonly Section[], budget: PackBudget): PackedContext {
  const measure = createMeasure(sections, budget);
  const limit = Math.max(0, budget.tokens) / budget.factor;
  const pieces = new Map<string, string>();
  const place = (section: Section, room: number): number => {
    const text = fitSection(section, Math.min(room, capOf(section, budget)));
    pieces.set(section.name, text);
    return text === '' ? 0 : measure.frameOf(section.name) + rawTokens(text);
  };
  const fixed = sections.filter((section) => section.rank === 'never');
  let left = limit - measure.base - fixed.reduce((sum, section) => sum + place(section, Infinity), 0);
  for (const section of fixed) left = left < 0 ? squeeze({ section, left, budget, pieces }) : left;
  for (const section of byRank(sections)) left -= place(section, left - measure.frameOf(section.name));
  return finish(sections, budget, pieces);
}

function byRank(sections: readonly Section[]): Section[] {
  const rankOf = ({ rank }: Section): number => (rank === 'never' ? -1 : rank);
  return sections.filter(({ rank }) => rank !== 'never').sort((a, b) => rankOf(a) - rankOf(b));
}

function capOf({ cap, capShare }: Section, budget: PackBudget): number {
  const own = cap ?? Infinity;
  const shared = capShare === undefined ? Infinity : capShare * Math.max(0, budget.tokens);
  return Math.min(own, shared) / budget.factor;
}

/** Shrinks a never-cut section towards its floor; returns what is left after it. */
function squeeze({ section, left, budget, pieces }: { section: Section; left: number; budget: PackBudget; pieces: Map<string, string> }): number {
  const placed = pieces.get(section.name) ?? '';
  if (section.floor === undefined || placed === '') return left;
  const before = rawTokens(placed);
  const text = fitSection(section, Math.max(section.floor / budget.factor, before + left));
  if (text === '' || rawTokens(text) >= before) return left;
  pieces.set(section.name, text);
  return left + before - rawTokens(text);
}

/** Costs of the frame: everything that is not section text. Estimates add up, so each frame is measured once. */
function createMeasure(sections: readonly Section[], budget: PackBudget): { base: number; frameOf(name: string): number } {
  const empty = Object.fromEntries(sections.map(({ name }) => [name, '']));
  const base = sizeOf(budget.compose(empty));
  const probe = 'x';
  const frames = new Map(sections.map(({ name }) => [name, sizeOf(budget.compose({ ...empty, [name]: probe })) - base - rawTokens(probe)]));
  return { base, frameOf: (name) => frames.get(name) ?? 0 };
}

function finish(sections: readonly Section[], budget: PackBudget, pieces: ReadonlyMap<string, string>): PackedContext {
  const messages = budget.compose(Object.fromEntries(sections.map(({ name }) => [name, pieces.get(name) ?? ''])));
  const total = Math.ceil(sizeOf(messages) * budget.factor);
  const packed = sections.filter((section) => wholeText(section) !== '').map((section): PackedSection => {
    const text = pieces.get(section.name) ?? '';
    const cut = text === '' ? 'dropped' : text === wholeText(section) ? 'none' : 'cut';
    return { name: section.name, rank: section.rank, tokens: Math.ceil(rawTokens(text) * budget.factor), cut };
  });
  return { messages, manifest: { budget: budget.tokens, total, over: total > budget.tokens, sections: packed } };
}

function sizeOf(messages: readonly ModelMessage[]): number {
  return messages.reduce((sum, message) => sum + TOKENS_PER_MESSAGE + rawTokens(message.content), 0);
}

function wholeText(section: Section): string {
  return section.parts.map((part) => part.text).filter((text) => text !== '').join(section.separator ?? '\n\n');
}

/** The section within `limit` raw tokens, or empty when nothing useful fits. */
function fitSection(section: Section, limit: number): string {
  const whole = wholeText(section);
  if (rawTokens(whole) <= limit) return whole;
  if (section.cut === 'sides') return fitSides(section, limit);
  const parts = section.parts.filter((part) => part.text !== '');
  const order = [...parts.keys()].sort((a, b) => (parts[a]?.keep ?? 0) - (parts[b]?.keep ?? 0) || b - a);
  const kept = new Set(parts.keys());
  for (const index of order) {
    if (kept.size === 1) break;
    kept.delete(index);
    const text = joinKept(section, parts, kept);
    if (rawTokens(text) <= limit) return text;
  }
  const [last] = kept;
  if (section.cut === 'whole' || last === undefined) return '';
  const clipped = clipText(parts[last]?.text ?? '', limit, section.cut);
  return clipped === '' || clipped === CUT_MARK ? '' : clipped;
}

function joinKept(section: Section, parts: readonly SectionPart[], kept: ReadonlySet<number>): string {
  const texts: string[] = [];
  for (const [index, part] of parts.entries()) {
    if (kept.has(index)) texts.push(part.text);
    else if (texts.at(-1) !== CUT_MARK) texts.push(CUT_MARK);
  }
  return texts.join(section.separator ?? '\n\n');
}

/** Every part stays; long ones lose their middle, short ones leave their share to the others. */
function fitSides(section: Section, limit: number): string {
  const separator = section.separator ?? '\n\n';
  const parts = section.parts.filter((part) => part.text !== '');
  let left = limit - rawTokens(separator) * (parts.length - 1);
  const shares = new Map<number, number>();
  const order = [...parts.keys()].sort((a, b) => rawTokens(parts[a]?.text ?? '') - rawTokens(parts[b]?.text ?? ''));
  for (const [position, index] of order.entries()) {
    const share = Math.min(rawTokens(parts[index]?.text ?? ''), left / (order.length - position));
    shares.set(index, share);
    left -= share;
  }
  // Rounding must not push a part that fits exactly over its share.
  return parts.map((part, index) => clipText(part.text, (shares.get(index) ?? 0) + 1e-9, 'middle')).filter((text) => text !== '').join(separator);
}
