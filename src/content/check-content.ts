import { SidecarError } from '../contracts/index.ts';
import type { BundleManifest } from './bundle-manifest.ts';
import { formatChapterId, readChapterId } from './chapter-id.ts';
import type { ContentDiagnostic } from './diagnostic.ts';
import { fault } from './diagnostic.ts';
import { describeTexts, findSharedTemplates, findSharedTexts } from './check-texts.ts';
import type { TextSources } from './check-texts.ts';
import { packagesIn } from './expert-packages.ts';
import type { ExpertPackagePlace } from './expert-packages.ts';
import type { ChapterContent } from './load-chapter.ts';
import { loadChapter } from './load-chapter.ts';
import type { ChapterPlace } from './locate-chapter.ts';
import { listChapterPlaces, readLayout } from './locate-chapter.ts';
import { ManifestVerifier } from './manifest-verifier.ts';
import { openContent } from './open-content.ts';
import type { OpenedContent } from './open-content.ts';
import { readOptionalText } from './read-text.ts';
import { findFolder } from './safe-file.ts';
import { planStarterFiles } from './starter-files.ts';
import type { Task } from './task.ts';

/** A finding with what it is about: `bundle`, `chapter <id>`, `agents`, `templates`, `expert <id>`. */
export interface CheckFinding extends Finding { subject: string }

type Finding = Omit<ContentDiagnostic, 'code'> & { code: string };

/** A chapter that can be opened. `place` is relative to the curriculum that holds it. */
export interface CheckedChapter {
  chapter_id: string; place: string; layout: 'v1' | 'v2'; title: string; language: string; tasks: Task[]; files: string[];
  /** Where the texts of a session come from that opens the chapter from here. */
  texts: TextSources;
}

/** A package and what was found in it; one with several findings may be listed several times. */
export interface InspectedPackage { expert_id: string; findings: Finding[] }

/** Judges what this folder only finds: those who consult know how. An id of null is one that nobody knows. */
export interface ContentInspectors {
  packages(places: readonly ExpertPackagePlace[]): Promise<InspectedPackage[]>;
  chapter(content: { chapter: ChapterContent; chapter_id: string | null }): ContentDiagnostic[];
}

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

interface CheckOptions { signal?: AbortSignal; inspectors?: ContentInspectors }

/** Checks a folder or `.tar.gz` of content of any kind. Without inspectors expert packages and consultation rules are only found, not judged. */
export async function checkContent(path: string, options: CheckOptions = {}): Promise<ContentCheck> {
  const check: ContentCheck = { chapters: [], agents: [], templates: [], experts: [], findings: [], errors: 0, warnings: 0 };
  const opened = await openContent(path, options.signal).catch((error: unknown) => {
    if (!(error instanceof SidecarError) || error.code !== 'CONTENT_CORRUPT') throw error;
    add(check, 'bundle', fault('CONTENT_CORRUPT', error.message));
    return null;
  });
  if (opened !== null) await checkFolder(check, opened, options);
  check.errors = check.findings.filter(isError).length;
  check.warnings = check.findings.length - check.errors;
  return check;
}

async function checkFolder(check: ContentCheck, content: OpenedContent, { signal, inspectors }: CheckOptions): Promise<void> {
  await using opened = content;
  const verifier = new ManifestVerifier();
  await collect(check, 'bundle', async (diagnostics) => {
    diagnostics.push(...(await verifier.check(opened.dir, signal)).diagnostics);
  });
  const shared: ContentDiagnostic[] = [];
  check.agents = await findSharedTexts(opened.dir, shared);
  for (const place of await findChapters(opened.dir)) {
    await collect(check, `chapter ${formatChapterId(place)}`, async (diagnostics) => {
      const { manifest } = await verifier.check(place.dir, signal);
      const chapter = await loadChapter(place, manifest, diagnostics);
      diagnostics.push(...inspectors?.chapter({ chapter, chapter_id: idForSettings(place, manifest) }) ?? []);
      check.chapters.push(await describeChapter({ place, chapter, shared: { dir: opened.dir, agents: check.agents } }, diagnostics));
    });
  }
  for (const diagnostic of shared) add(check, 'agents', diagnostic);
  await collect(check, 'templates', async (diagnostics) => {
    check.templates = await findSharedTemplates(opened.dir, diagnostics);
  });
  await checkExperts(check, opened.dir, inspectors ?? null);
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

/** The folder of a bundle has any name; its manifest knows the chapter's. */
function idForSettings(place: ChapterPlace, manifest: BundleManifest | null): string | null {
  return place.place === '' ? manifest?.scope_id ?? null : formatChapterId(place);
}

interface DescribedPlace { place: ChapterPlace; chapter: ChapterContent; shared: { dir: string; agents: readonly string[] } }

async function describeChapter({ place, chapter, shared }: DescribedPlace, diagnostics: ContentDiagnostic[]): Promise<CheckedChapter> {
  const plan = await planStarterFiles(place);
  diagnostics.push(...plan.diagnostics);
  const files = [...new Set(plan.copies.map((copy) => copy.from))];
  const { title, language, tasks } = chapter;
  return {
    chapter_id: formatChapterId(place), place: place.place, layout: place.layout, title, language, tasks, files,
    texts: await describeTexts(place, chapter, shared),
  };
}

async function checkExperts(check: ContentCheck, dir: string, inspectors: ContentInspectors | null): Promise<void> {
  const places = await packagesIn(dir, 'bundle');
  check.experts = places.map(({ folderId }) => folderId ?? '.');
  if (inspectors === null) {
    for (const found of places) await collect(check, `expert ${found.folderId ?? '.'}`, async (diagnostics) => await checkPackage(found, diagnostics));
    return;
  }
  const packages = await inspectors.packages(places);
  check.experts = [...new Set(packages.map(({ expert_id: id }) => id))];
  for (const { expert_id: id, findings } of packages) for (const finding of findings) add(check, `expert ${id}`, finding);
}

async function checkPackage({ dir }: ExpertPackagePlace, diagnostics: ContentDiagnostic[]): Promise<void> {
  const principles = await readOptionalText(dir, 'principles.md', diagnostics);
  if (principles === null) diagnostics.push(fault('text_missing', 'principles.md is missing', { path: 'principles.md' }));
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

function add(check: ContentCheck, subject: string, diagnostic: Finding): void {
  check.findings.push({ subject, ...diagnostic });
}

function isError(finding: Finding): boolean {
  return finding.severity === 'error';
}
