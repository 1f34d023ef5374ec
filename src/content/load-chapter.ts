import { SidecarError, languageOf } from '../contracts/index.ts';
import type { ErrorCode } from '../contracts/index.ts';
import type { BundleManifest } from './bundle-manifest.ts';
import { mergeFacts, parseChapterJson, readChapterFacts } from './chapter-facts.ts';
import { detectLanguage } from './detect-language.ts';
import type { ContentDiagnostic } from './diagnostic.ts';
import { warn } from './diagnostic.ts';
import type { ChapterPlace } from './locate-chapter.ts';
import { REQUIRED_FILES } from './locate-chapter.ts';
import { firstTitle, leadParagraph, paragraphAfter, toPlainText } from './markdown-summary.ts';
import { parseTaskList } from './parse-task-list.ts';
import { describeTextProblem, readOptionalText, readText } from './read-text.ts';
import type { Task } from './task.ts';
import { readYamlData } from './yaml-data.ts';

/** A chapter as sessions use it; holds no path. */
export interface ChapterContent {
  title: string;
  description: string;
  language: string;
  sort_order: number | null;
  chapter_context: string;
  task_list: string;
  task_completion_principles: string;
  tasks: Task[];
  consultation_config: string | null;
  consultation_guide: string | null;
  /** Experts that the chapter declares outside its consultation configuration. */
  declared_experts: string[];
}

/** Reads a chapter. Throws CHAPTER_INVALID, TASK_LIST_EMPTY or TASK_ID_DUPLICATE in the chapter's language. */
export async function loadChapter(place: ChapterPlace, manifest: BundleManifest | null, diagnostics: ContentDiagnostic[]): Promise<ChapterContent> {
  const [context, taskList, principles] = await readRequired(place);
  const read = (name: string): Promise<string | null> => readChapterFile(place, name, diagnostics);
  const chapterJson = await read('chapter.json');
  const declared = chapterJson === null ? readChapterFacts(null) : parseChapterJson(chapterJson, diagnostics);
  const facts = mergeFacts(declared, readChapterFacts(manifest?.chapter));
  const language = facts.language ?? detectLanguage([context, taskList, principles]);
  const config = await read('consultation_config.yaml');
  const guide = await read('consultation_guide.md');
  diagnostics.push(...consultationFindings(config, guide));
  return {
    title: facts.title ?? firstTitle(context) ?? place.chapter,
    description: describeChapter(context, facts.introText),
    language,
    sort_order: facts.sortOrder,
    chapter_context: context,
    task_list: taskList,
    task_completion_principles: principles,
    tasks: readTasks(taskList, language, diagnostics),
    consultation_config: config,
    consultation_guide: guide,
    declared_experts: facts.experts,
  };
}

/** An optional file of a chapter: beside its texts, else in its root. */
export async function readChapterFile(place: ChapterPlace, name: string, diagnostics: ContentDiagnostic[]): Promise<string | null> {
  const beside = await readOptionalText(place.root, below(place, name), diagnostics);
  return beside !== null || place.layout === 'v1' ? beside : readOptionalText(place.root, inRoot(place, name), diagnostics);
}

/** A file of the chapter's folder relative to the root that it must not leave. */
export function inRoot(place: ChapterPlace, name: string): string {
  return place.place === '' ? name : `${place.place}/${name}`;
}

/** Parses a task list and turns its errors into the refusal of the session. */
export function readTasks(taskList: string, language: string, diagnostics: ContentDiagnostic[]): Task[] {
  const parsed = parseTaskList(taskList);
  const refusal = parsed.diagnostics.find((finding) => finding.severity === 'error');
  if (refusal !== undefined) {
    const detail = `task_list.md: ${refusal.message}`;
    // The parser's only errors are TASK_LIST_EMPTY and TASK_ID_DUPLICATE, both codes of the catalogue.
    throw new SidecarError(refusal.code as ErrorCode, detail, { detail, language: languageOf(language) });
  }
  diagnostics.push(...parsed.diagnostics.map((finding) => ({ ...finding, path: 'task_list.md' })));
  return parsed.tasks;
}

function below(place: ChapterPlace, name: string): string {
  return inRoot(place, place.layout === 'v2' ? `prompts/${name}` : name);
}

async function readRequired(place: ChapterPlace): Promise<[string, string, string]> {
  const [context, tasks, principles] = await Promise.all(REQUIRED_FILES.map(async (name) => {
    const result = await readText(place.root, below(place, name));
    if (result.kind === 'text') return result.text;
    const detail = describeTextProblem(name, result.problem);
    throw new SidecarError('CHAPTER_INVALID', detail, { detail });
  }));
  return [context ?? '', tasks ?? '', principles ?? ''];
}

function describeChapter(context: string, introText: string | null): string {
  if (introText !== null) return toPlainText(introText);
  return paragraphAfter(context, /概述|简介|overview/i) ?? leadParagraph(context) ?? '';
}

function consultationFindings(config: string | null, guide: string | null): ContentDiagnostic[] {
  if (config === null) {
    return guide === null ? [] : [warn('guide_without_config', 'consultation_guide.md has no consultation_config.yaml', { path: 'consultation_guide.md' })];
  }
  const result = readYamlData(config);
  if (result.kind === 'data') return [];
  return [warn('consultation_config_invalid', `consultation_config.yaml: ${result.reason}`, { path: 'consultation_config.yaml' })];
}
