import * as z from 'zod';
import { MemoPatchProposalSchema, isCleanText, type MemoPatchProposal } from '../state/index.ts';
import { type CoercionLog, createCoercionLog } from './coerce.ts';
import { createPartReader, type Reading, readingOf } from './reading.ts';
import { isObject, readLoose } from './read-loose.ts';

const NARRATIVE = { words: 400, chars: 6000 } as const;

/** What `final_report` returns: the story of the session, facts excluded. */
export const FinalNarrativeSchema = z.object({ narrative: z.string().min(1).meta({ maxLength: NARRATIVE.chars }) });
export type FinalNarrative = z.infer<typeof FinalNarrativeSchema>;

const readPatchPart = createPartReader(MemoPatchProposalSchema, 'memo');

/** Reads the memo agent's patch; null when no object is readable or none of its fields is there. */
export function readMemoPatch(text: string): Reading<MemoPatchProposal> {
  const log = createCoercionLog();
  const loose = readLoose(text);
  const fields = Object.keys(MemoPatchProposalSchema.shape);
  const value = loose.value;
  if (value === null || !fields.some((field) => Object.hasOwn(value, field))) {
    log.problems.push('memo: not readable');
    return readingOf<MemoPatchProposal>(null, log);
  }
  log.coercions.push(...loose.notes);
  return readPatchPart(withoutMarkup(value, 'memo', log), log);
}

/** Texts with reasoning tags, tool markup or protocol markers are left out wherever they stand: they must not be remembered. */
function withoutMarkup(value: unknown, at: string, log: CoercionLog): unknown {
  if (typeof value === 'string') {
    if (isCleanText(value)) return value;
    log.problems.push(`${at}: markup dropped`);
    return undefined;
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => withoutMarkup(item, `${at}[${index}]`, log)).filter((item) => item !== undefined);
  }
  if (!isObject(value)) return value;
  const members = Object.entries(value).map(([key, item]) => [key, withoutMarkup(item, `${at}.${key.slice(0, 64)}`, log)] as const);
  return Object.fromEntries(members.filter(([, item]) => item !== undefined));
}

/** Reads the narrative of the final report: one object, or plain text. At most 400 words; a Han character counts as a word. */
export function readFinalNarrative(text: string): Reading<FinalNarrative> {
  const log = createCoercionLog();
  const loose = readLoose(text);
  const stated = loose.value?.['narrative'];
  const raw = typeof stated === 'string' ? stated : plainText(text);
  if (typeof stated !== 'string') log.coercions.push('narrative: plain text');
  const narrative = clipWords(raw.toWellFormed().trim(), NARRATIVE.words);
  if (narrative === '' || !isCleanText(narrative)) {
    log.problems.push('narrative: not usable');
    return readingOf<FinalNarrative>(null, log);
  }
  if (narrative.length < raw.trim().length) log.coercions.push('narrative: clipped');
  return readingOf<FinalNarrative>({ narrative }, log);
}

/** The text itself, unless it was meant to be an object. */
function plainText(text: string): string {
  const bare = text.trim().replace(/^(?:```|~~~)\w*\n([\s\S]*?)\n?(?:```|~~~)$/, '$1').trim();
  return /^[{[]|^@@/.test(bare) ? '' : bare;
}

function clipWords(text: string, limit: number): string {
  let words = 0;
  for (const word of text.matchAll(/\p{Script=Han}|[^\s\p{Script=Han}]+/gu)) {
    words += 1;
    if (words > limit || word.index + word[0].length > NARRATIVE.chars) return text.slice(0, word.index).trimEnd();
  }
  return text;
}
