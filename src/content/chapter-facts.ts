import * as z from 'zod';
import type { ContentDiagnostic } from './diagnostic.ts';
import { warn } from './diagnostic.ts';
import { isLanguageTag } from './detect-language.ts';
import { isRecord } from './yaml-data.ts';

/** What `chapter.json` or the manifest declares about a chapter; null = not said. */
export interface ChapterFacts {
  title: string | null;
  language: string | null;
  sortOrder: number | null;
  introText: string | null;
  experts: string[];
}

const shortText = z.string().trim().min(1).max(2000).nullish().catch(null);
const expertIds = z.array(z.string().trim().min(1).max(64)).max(64).nullish().catch(null);
const FactsSchema = z.object({
  title: shortText,
  language: z.string().trim().refine(isLanguageTag).nullish().catch(null),
  sort_order: z.number().finite().nullish().catch(null),
  intro_text: shortText,
  required_experts: expertIds,
  available_experts: expertIds,
});

/** Reads declared facts leniently: a value of the wrong type counts as not said. */
export function readChapterFacts(value: unknown): ChapterFacts {
  const facts = FactsSchema.parse(isRecord(value) ? value : {});
  return {
    title: facts.title ?? null,
    language: facts.language ?? null,
    sortOrder: facts.sort_order ?? null,
    introText: facts.intro_text ?? null,
    experts: [...new Set([...(facts.required_experts ?? []), ...(facts.available_experts ?? [])])],
  };
}

/** Reads `chapter.json`; broken JSON is reported and counts as absent. */
export function parseChapterJson(text: string, diagnostics: ContentDiagnostic[]): ChapterFacts {
  try {
    return readChapterFacts(JSON.parse(text));
  } catch {
    diagnostics.push(warn('file_skipped', 'chapter.json is not JSON', { path: 'chapter.json' }));
    return readChapterFacts(null);
  }
}

/** The first source that says something wins, fact by fact. */
export function mergeFacts(first: ChapterFacts, second: ChapterFacts): ChapterFacts {
  return {
    title: first.title ?? second.title,
    language: first.language ?? second.language,
    sortOrder: first.sortOrder ?? second.sortOrder,
    introText: first.introText ?? second.introText,
    experts: first.experts.length > 0 ? first.experts : second.experts,
  };
}
