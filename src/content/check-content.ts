import { SidecarError } from '../contracts/index.ts';
import { AGENT_NAMES, PROTOCOL_NAMES, findAgentsRoot, findProtocolText, resolveAgentTexts } from './agent-texts.ts';
import { formatChapterId, readChapterId } from './chapter-id.ts';
import type { ContentDiagnostic } from './diagnostic.ts';
import { fault } from './diagnostic.ts';
import { packagesIn } from './expert-packages.ts';
import type { ChapterContent } from './load-chapter.ts';
import { loadChapter } from './load-chapter.ts';
import type { ChapterPlace } from './locate-chapter.ts';
import { listChapterPlaces, readLayout } from './locate-chapter.ts';
import { ManifestVerifier } from './manifest-verifier.ts';
import { openContent } from './open-content.ts';
import type { OpenedContent } from './open-content.ts';
import { readOptionalText } from './read-text.ts';
import { resolveTemplates } from './resolve-templates.ts';
import { TEMPLATE_NAMES } from './report-template.ts';
import { findFolder } from './safe-file.ts';
import { planStarterFiles } from './starter-files.ts';
import type { Task } from './task.ts';

/** A finding with what it is about: `bundle`, `chapter <id>`, `agents`, `templates`, `expert <id>`. */
export interface CheckFinding extends ContentDiagnostic { subject: string }

/** A chapter that can be opened. `place` is relative to the curriculum that holds it. */
export interface CheckedChapter { chapter_id: string; place: string; layout: 'v1' | 'v2'; title: string; language: string; tasks: Task[]; files: string[] }

/** What a folder or archive of content holds, and everything worth telling about it. */
export interface ContentCheck {
  chapters: CheckedChapter[];
  agents: string[];
  templates: string[];
  experts: string[];
  findings: CheckFinding[];
  errors: number;
  warnings: number;
}

/** The tasks of one chapter, or why it has none. */
export interface ChapterTasks { chapter_id: string; tasks: Task[]; findings: ContentDiagnostic[] }

/** Checks a folder or `.tar.gz` of content of any kind. Expert packages and consultation rules are only found, not judged. */
export async function checkContent(path: string, signal?: AbortSignal): Promise<ContentCheck> {
  const check: ContentCheck = { chapters: [], agents: [], templates: [], experts: [], findings: [], errors: 0, warnings: 0 };
  const opened = await openContent(path, signal).catch((error: unknown) => {
    if (!(error instanceof SidecarError) || error.code !== 'CONTENT_CORRUPT') throw error;
    add(check, 'bundle', fault('CONTENT_CORRUPT', error.message));
    return null;
  });
  if (opened !== null) await checkFolder(check, opened, signal);
  check.errors = check.findings.filter(isError).length;
  check.warnings = check.findings.length - check.errors;
  return check;
}

async function checkFolder(check: ContentCheck, content: OpenedContent, signal?: AbortSignal): Promise<void> {
  await using opened = content;
  const verifier = new ManifestVerifier();
  await collect(check, 'bundle', async (diagnostics) => {
    diagnostics.push(...(await verifier.check(opened.dir, signal)).diagnostics);
  });
  for (const place of await findChapters(opened.dir)) {
    await collect(check, `chapter ${formatChapterId(place)}`, async (diagnostics) => {
      const { manifest } = await verifier.check(place.dir, signal);
      check.chapters.push(await describeChapter(place, await loadChapter(place, manifest, diagnostics), diagnostics));
    });
  }
  await collect(check, 'agents', async (diagnostics) => {
    check.agents = await checkAgents(opened.dir, diagnostics);
  });
  await collect(check, 'templates', async (diagnostics) => {
    check.templates = await checkTemplates(opened.dir, diagnostics);
  });
  await checkExperts(check, opened.dir);
  const isEmpty = [check.chapters, check.agents, check.templates, check.experts, check.findings.filter(isError)].every((list) => list.length === 0);
  if (isEmpty) add(check, 'bundle', fault('CHAPTER_NOT_FOUND', 'there is no chapter, agent, template or expert here'));
}

/** The parsed tasks of every chapter of a folder or `.tar.gz`, or of one of them. Throws CHAPTER_NOT_FOUND when there is none. */
export async function listTasks(path: string, options: { chapterId?: string; signal?: AbortSignal } = {}): Promise<ChapterTasks[]> {
  const wanted = options.chapterId === undefined ? null : readChapterId(options.chapterId);
  await using opened = await openContent(path, options.signal);
  const places = (await findChapters(opened.dir)).filter((place) =>
    wanted === null || place.place === '' || (place.chapter === wanted.chapter && (wanted.course === null || place.course === wanted.course)));
  if (places.length === 0) throw new SidecarError('CHAPTER_NOT_FOUND', 'no chapter here', { detail: options.chapterId ?? '' });
  const lists: ChapterTasks[] = [];
  for (const place of places) {
    const findings: ContentDiagnostic[] = [];
    const chapter = await tolerate(findings, () => loadChapter(place, null, findings));
    lists.push({ chapter_id: formatChapterId(place), tasks: chapter?.tasks ?? [], findings });
  }
  return lists;
}

/** The folder itself when it is a chapter, else the chapters of the curriculum that it is or holds. */
async function findChapters(dir: string): Promise<ChapterPlace[]> {
  const layout = await readLayout(dir);
  if ('layout' in layout) return [{ root: dir, place: '', dir, course: null, chapter: '.', ...layout }];
  for (const name of ['', 'curriculum', 'content']) {
    const folder = await findFolder(dir, name);
    const places = folder === null ? [] : await listChapterPlaces(folder);
    if (places.length > 0) return places;
  }
  return [];
}

async function describeChapter(place: ChapterPlace, content: ChapterContent, diagnostics: ContentDiagnostic[]): Promise<CheckedChapter> {
  const plan = await planStarterFiles(place);
  diagnostics.push(...plan.diagnostics);
  const files = [...new Set(plan.copies.map((copy) => copy.from))];
  const { title, language, tasks } = content;
  return { chapter_id: formatChapterId(place), place: place.place, layout: place.layout, title, language, tasks, files };
}

async function checkAgents(dir: string, diagnostics: ContentDiagnostic[]): Promise<string[]> {
  const root = await findAgentsRoot(dir);
  const findings: ContentDiagnostic[] = [];
  const texts = await resolveAgentTexts([{ root, provenance: 'bundle' }], null, findings);
  const protocol = await Promise.all(PROTOCOL_NAMES.map((name) => findProtocolText({ root, provenance: 'bundle' }, name, findings)));
  // What the bundle lacks comes from the package at run time.
  diagnostics.push(...findings.filter((finding) => finding.code !== 'text_missing'));
  return [
    ...AGENT_NAMES.filter((agent) => texts[agent].policy.provenance === 'bundle'),
    ...PROTOCOL_NAMES.filter((_name, index) => protocol[index] != null),
  ];
}

async function checkTemplates(dir: string, diagnostics: ContentDiagnostic[]): Promise<string[]> {
  const findings: ContentDiagnostic[] = [];
  const folders = ['', 'templates', '_templates', 'content/curriculum/templates', 'content/curriculum/_templates'];
  const texts = await resolveTemplates(folders.map((folder) => ({ root: dir, folder, provenance: 'bundle' })), null, findings);
  diagnostics.push(...findings.filter((finding) => finding.code !== 'text_missing'));
  return TEMPLATE_NAMES.filter((name) => texts[name].provenance === 'bundle');
}

async function checkExperts(check: ContentCheck, dir: string): Promise<void> {
  for (const found of await packagesIn(dir, 'bundle')) {
    const name = found.folderId ?? '.';
    check.experts.push(name);
    await collect(check, `expert ${name}`, async (diagnostics) => {
      const principles = await readOptionalText(found.dir, 'principles.md', diagnostics);
      if (principles === null) diagnostics.push(fault('text_missing', 'principles.md is missing', { path: 'principles.md' }));
    });
  }
}

/** Runs one check and turns a refusal into a finding, so that the next check still runs. */
async function collect(check: ContentCheck, subject: string, run: (diagnostics: ContentDiagnostic[]) => Promise<void>): Promise<void> {
  const diagnostics: ContentDiagnostic[] = [];
  await tolerate(diagnostics, () => run(diagnostics));
  for (const diagnostic of diagnostics) add(check, subject, diagnostic);
}

async function tolerate<T>(diagnostics: ContentDiagnostic[], run: () => Promise<T>): Promise<T | null> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof SidecarError)) throw error;
    // Every refusal of content carries one of the diagnostic's upper-case codes.
    diagnostics.push(fault(error.code as ContentDiagnostic['code'], error.message));
    return null;
  }
}

function add(check: ContentCheck, subject: string, diagnostic: ContentDiagnostic): void {
  check.findings.push({ subject, ...diagnostic });
}

function isError(finding: ContentDiagnostic): boolean {
  return finding.severity === 'error';
}
