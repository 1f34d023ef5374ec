import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { realpath } from 'node:fs/promises';
import { SidecarError } from '../contracts/index.ts';
import type { ContentDiagnostic } from './diagnostic.ts';
import { warn } from './diagnostic.ts';
import type { ContentRoots, ContentSources } from './content-roots.ts';
import { isInside, realFolder } from './safe-file.ts';

/** The folders that a session may really use, as real paths. */
export interface TrustedSources {
  chapterBundle: string | null;
  appAgents: string | null;
  expertsShared: string | null;
  expertBundles: { expertId: string; root: string }[];
  scope: ContentSources['scope'];
  promptSources: Record<'interaction_protocol' | 'socratic_vs_direct', PromptSource[]>;
}

/** One candidate file of `prompt_sources` with the root that it must not leave. */
export interface PromptSource { root: string; name: string }

/** A path that a session named and may not use. The path itself is not repeated. */
export interface RefusedPath { field: string; reason: 'not_absolute' | 'not_found' | 'not_allowed' }

/** What may be used, what may not, and which prompt sources were left out. */
export interface CheckedSources { trusted: TrustedSources; refused: RefusedPath[]; diagnostics: ContentDiagnostic[] }

const BUNDLE_TYPES = new Set(['app_agents', 'experts_shared', 'experts', 'chapter', 'python_runtime']);

/** Checks every path of a session against the trusted roots. A caller with a token may name any folder when no root is set. */
export async function checkBundlePaths(sources: ContentSources, roots: ContentRoots, caller: { hasToken: boolean }): Promise<CheckedSources> {
  const trust = await createTrust(roots, caller.hasToken);
  const refused: RefusedPath[] = [];
  const check = async (field: string, path: string | undefined): Promise<string | null> => {
    if (path === undefined) return null;
    const result = await checkFolder(path, trust);
    if ('root' in result) return result.root;
    refused.push({ field, reason: result.reason });
    return null;
  };
  const expertBundles: TrustedSources['expertBundles'] = [];
  const chapterBundle = await check('chapter_bundle_path', sources.chapterBundle);
  const appAgents = await check('app_agents_path', sources.appAgents);
  const expertsShared = await check('experts_shared_path', sources.expertsShared);
  for (const [expertId, path] of Object.entries(sources.expertBundles)) {
    const root = await check(`expert_bundle_paths.${expertId.slice(0, 64)}`, path);
    if (root !== null) expertBundles.push({ expertId, root });
  }
  const diagnostics: ContentDiagnostic[] = [];
  const promptSources = {
    interaction_protocol: await checkPromptSources(sources.interactionProtocolCandidates, trust, diagnostics),
    socratic_vs_direct: await checkPromptSources(sources.socraticVsDirectCandidates, trust, diagnostics),
  };
  return { trusted: { chapterBundle, appAgents, expertsShared, expertBundles, scope: sources.scope, promptSources }, refused, diagnostics };
}

/** Throws BUNDLE_PATH_NOT_ALLOWED when a session names a folder that it may not use. */
export function requireTrusted(checked: CheckedSources): TrustedSources {
  const [first] = checked.refused;
  if (first === undefined) return checked.trusted;
  const detail = checked.refused.map((path) => path.field).join(', ');
  throw new SidecarError('BUNDLE_PATH_NOT_ALLOWED', `${detail}: ${first.reason}`, { detail });
}

type Trust = (real: string) => boolean;

async function createTrust(roots: ContentRoots, hasToken: boolean): Promise<Trust> {
  if (hasToken && roots.tutorRoot === undefined && roots.contentRoots.length === 0) return () => true;
  const named = [
    ...(roots.tutorRoot === undefined ? [] : [join(roots.tutorRoot, 'bundles')]),
    ...roots.contentRoots,
    ...[roots.curriculumDir, roots.expertsDir, roots.mainAgentsDir, roots.curriculumTemplatesDir].flatMap((path) => path ?? []),
  ];
  const real = (await Promise.all(named.map(realFolder))).flatMap((root) => root ?? []);
  const home = await realFolder(roots.homeDir);
  return (path) => real.some((root) => isInside(root, path)) || (home !== null && isInMovedStorage(home, path));
}

/** `…/TutorApp/bundles/<type>/…` below the user's home: where the app kept its bundles before they were moved. */
function isInMovedStorage(home: string, path: string): boolean {
  if (!isInside(home, path)) return false;
  const segments = relative(home, path).split(sep);
  return segments.some((segment, index) =>
    segment === 'TutorApp' && segments[index + 1] === 'bundles' && BUNDLE_TYPES.has(segments[index + 2] ?? '') && segments.length > index + 3);
}

async function checkFolder(path: string, trust: Trust): Promise<{ root: string } | { reason: RefusedPath['reason'] }> {
  // Shares are absolute on Windows, but asking for one already sends the user's credentials to its host.
  if (!isAbsolute(path) || /^[\\/]{2}/.test(path)) return { reason: 'not_absolute' };
  const root = await realFolder(path);
  if (root === null) return { reason: 'not_found' };
  return trust(root) ? { root } : { reason: 'not_allowed' };
}

async function checkPromptSources(candidates: readonly string[], trust: Trust, diagnostics: ContentDiagnostic[]): Promise<PromptSource[]> {
  const sources: PromptSource[] = [];
  for (const candidate of candidates) {
    if (!isAbsolute(candidate) || /^[\\/]{2}/.test(candidate)) continue;
    const real = await realpath(candidate).catch(() => null);
    // Candidates are guesses of the app; an absent one is ordinary.
    if (real === null) continue;
    if (trust(real)) sources.push({ root: dirname(real), name: relative(dirname(real), real) });
    else diagnostics.push(warn('file_skipped', 'a prompt source lies outside the trusted roots'));
  }
  return sources;
}
