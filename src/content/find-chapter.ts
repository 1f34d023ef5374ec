import { join } from 'node:path';
import type { BundleManifest } from './bundle-manifest.ts';
import type { TrustedSources } from './bundle-paths.ts';
import type { ChapterId } from './chapter-id.ts';
import { formatChapterId } from './chapter-id.ts';
import type { ContentRoots } from './content-roots.ts';
import type { ContentDiagnostic } from './diagnostic.ts';
import { warn } from './diagnostic.ts';
import type { ChapterPlace, Located } from './locate-chapter.ts';
import { chapterNotFound, locateInBundle, locateInCurriculum } from './locate-chapter.ts';
import type { ManifestVerifier } from './manifest-verifier.ts';
import { realFolder } from './safe-file.ts';
import type { SessionContent } from './session-content.ts';

/** A chapter with the root kind it was found in and the manifest that describes it. */
export interface FoundChapter { place: ChapterPlace; provenance: SessionContent['chapter_provenance']; manifest: BundleManifest | null }

/** What resolving needs besides the request. */
export interface ContentContext { roots: ContentRoots; verifier: ManifestVerifier }

/** Which chapter to look for, among which sources. */
export interface ChapterRequest { id: ChapterId; sources: TrustedSources; signal?: AbortSignal | undefined }

/** The root of the packaged sample curriculum, or null in a damaged package. */
export async function packagedCurriculum(roots: ContentRoots): Promise<string | null> {
  return (await realFolder(join(roots.packagedDir, 'curriculum'))) ?? realFolder(roots.packagedDir);
}

/** Compares a bundle with its manifest; findings say which bundle they are about. Throws CONTENT_CORRUPT. */
export async function checkBundle(context: ContentContext, bundle: { root: string; label: string; signal?: AbortSignal | undefined }, diagnostics: ContentDiagnostic[]): Promise<BundleManifest | null> {
  const verified = await context.verifier.check(bundle.root, bundle.signal);
  diagnostics.push(...verified.diagnostics.map((finding) => ({ ...finding, message: `${bundle.label}: ${finding.message}` })));
  return verified.manifest;
}

/** Finds a chapter: in the session's bundle and nowhere else if there is one, else in the environment, else in the package. */
export async function findChapter(context: ContentContext, request: ChapterRequest, diagnostics: ContentDiagnostic[]): Promise<FoundChapter> {
  const { chapterBundle } = request.sources;
  if (chapterBundle !== null) {
    // First the manifest: a required file that is gone from a bundle is damage, not an incomplete chapter.
    const rootManifest = await checkBundle(context, { root: chapterBundle, label: 'chapter bundle', signal: request.signal }, diagnostics);
    const place = requireFound(request.id, await locateInBundle(chapterBundle, request.id));
    const manifest = await chapterManifest(context, { place, rootManifest }, request);
    diagnostics.push(...scopeFindings(manifest, request));
    return { place, provenance: 'bundle', manifest };
  }
  const curriculum = context.roots.curriculumDir === undefined ? null : await realFolder(context.roots.curriculumDir);
  const inCurriculum = curriculum === null ? null : await locateInCurriculum(curriculum, request.id);
  if (inCurriculum?.kind === 'found') return environmentChapter(context, request, { place: inCurriculum.place, diagnostics });
  // A chapter that is there but incomplete must not be replaced by another one of the same name.
  if (inCurriculum?.incomplete != null) throw chapterNotFound(request.id, inCurriculum);
  const packaged = await packagedCurriculum(context.roots);
  const absent: Located = inCurriculum ?? { kind: 'absent', tried: [], incomplete: null };
  const inPackage = packaged === null ? absent : await locateInCurriculum(packaged, request.id);
  if (inPackage.kind === 'absent') throw chapterNotFound(request.id, inCurriculum ?? inPackage);
  return { place: inPackage.place, provenance: 'packaged', manifest: null };
}

function requireFound(id: ChapterId, located: Located): ChapterPlace {
  if (located.kind === 'absent') throw chapterNotFound(id, located);
  return located.place;
}

async function environmentChapter(context: ContentContext, request: ChapterRequest, found: { place: ChapterPlace; diagnostics: ContentDiagnostic[] }): Promise<FoundChapter> {
  const { place, diagnostics } = found;
  const findings: ContentDiagnostic[] = [];
  const rootManifest = await checkBundle(context, { root: place.root, label: 'curriculum', signal: request.signal }, findings);
  const manifest = await chapterManifest(context, { place, rootManifest }, request);
  // A curriculum of bundles has its manifests at the chapters; then none is missing.
  if (rootManifest !== null || manifest === null) diagnostics.push(...findings);
  return { place, provenance: 'environment', manifest };
}

/** A chapter that lies deeper may have a manifest of its own, which then describes it better than that of the root. */
async function chapterManifest(context: ContentContext, found: { place: ChapterPlace; rootManifest: BundleManifest | null }, request: ChapterRequest): Promise<BundleManifest | null> {
  const { place, rootManifest } = found;
  if (place.dir === place.root) return rootManifest;
  return (await context.verifier.check(place.dir, request.signal)).manifest ?? rootManifest;
}

function scopeFindings(manifest: BundleManifest | null, { id, sources }: ChapterRequest): ContentDiagnostic[] {
  if (manifest === null) return [];
  const { courseId, chapterCode, chapterId, scopeId } = sources.scope;
  const bare = id.course === null ? manifest.scope_id.endsWith(`/${id.chapter}`) : manifest.scope_id === id.chapter;
  const known = [formatChapterId(id), scopeId, chapterId, chapterCode, `${courseId ?? ''}/${chapterCode ?? ''}`];
  if (manifest.bundle_type === 'chapter' && (bare || known.includes(manifest.scope_id))) return [];
  const message = `the bundle is ${manifest.bundle_type} ${manifest.scope_id.slice(0, 128)}, asked for was chapter ${formatChapterId(id)}`;
  return [warn('scope_mismatch', message)];
}
