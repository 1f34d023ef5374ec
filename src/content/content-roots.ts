import { isAbsolute } from 'node:path';
import { isRecord } from './yaml-data.ts';

/** Where content may come from, besides what a session names itself. Absolute paths; unset = undefined. */
export interface ContentRoots {
  curriculumDir?: string | undefined;
  expertsDir?: string | undefined;
  mainAgentsDir?: string | undefined;
  curriculumTemplatesDir?: string | undefined;
  tutorRoot?: string | undefined;
  contentRoots: readonly string[];
  homeDir: string;
  packagedDir: string;
  packagedPromptsDir: string;
}

/** The folders and files that a session names, cleaned: blank is unset. Nothing here is trusted yet. */
export interface ContentSources {
  chapterBundle?: string;
  appAgents?: string;
  expertsShared?: string;
  expertBundles: Record<string, string>;
  scope: { chapterId?: string; courseId?: string; chapterCode?: string; scopeId?: string };
  interactionProtocolCandidates: string[];
  socraticVsDirectCandidates: string[];
}

/** At most this many paths of one kind are looked at. */
const MAX_LISTED = 32;

/** Reads a `desktop_context` leniently: every part may be absent, null or blank, unknown keys are ignored. Pure. */
export function readContentSources(context: unknown): ContentSources {
  const { bundle_paths: paths, chapter_scope: scope, prompt_sources: prompts } = record(context);
  return {
    ...field('chapterBundle', record(paths)['chapter_bundle_path']),
    ...field('appAgents', record(paths)['app_agents_path']),
    ...field('expertsShared', record(paths)['experts_shared_path']),
    expertBundles: textMap(record(paths)['expert_bundle_paths']),
    scope: {
      ...field('chapterId', record(scope)['chapter_id']),
      ...field('courseId', record(scope)['course_id']),
      ...field('chapterCode', record(scope)['chapter_code']),
      ...field('scopeId', record(scope)['scope_id']),
    },
    interactionProtocolCandidates: textList(record(prompts)['interaction_protocol_candidates']),
    socraticVsDirectCandidates: textList(record(prompts)['socratic_vs_direct_candidates']),
  };
}

/** The roots with blank and relative ones taken as unset, so that nothing resolves against the current directory. */
export function cleanContentRoots(roots: ContentRoots): ContentRoots {
  const clean = (path: string | undefined): string | undefined => (path !== undefined && isAbsolute(path.trim()) ? path.trim() : undefined);
  return {
    ...roots,
    curriculumDir: clean(roots.curriculumDir),
    expertsDir: clean(roots.expertsDir),
    mainAgentsDir: clean(roots.mainAgentsDir),
    curriculumTemplatesDir: clean(roots.curriculumTemplatesDir),
    tutorRoot: clean(roots.tutorRoot),
    contentRoots: roots.contentRoots.flatMap((path) => clean(path) ?? []),
  };
}

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

function field<K extends string>(key: K, value: unknown): Partial<Record<K, string>> {
  const found = text(value);
  // The computed key is K by construction; the compiler widens it to string.
  return found === undefined ? {} : ({ [key]: found } as Partial<Record<K, string>>);
}

function textList(value: unknown): string[] {
  return Array.isArray(value) ? value.slice(0, MAX_LISTED).flatMap((entry) => text(entry) ?? []) : [];
}

function textMap(value: unknown): Record<string, string> {
  const entries = Object.entries(record(value)).slice(0, MAX_LISTED);
  return Object.fromEntries(entries.flatMap(([key, entry]) => (text(entry) === undefined ? [] : [[key, text(entry) ?? '']])));
}
