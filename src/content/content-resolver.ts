import type { CheckedSources, TrustedSources } from './bundle-paths.ts';
import { checkBundlePaths } from './bundle-paths.ts';
import type { ContentRoots } from './content-roots.ts';
import { cleanContentRoots, readContentSources } from './content-roots.ts';
import type { ContentDiagnostic } from './diagnostic.ts';
import type { ExpertPackagePlace } from './expert-packages.ts';
import { findExpertPackages } from './expert-packages.ts';
import type { ContentContext } from './find-chapter.ts';
import type { ContentListing } from './list-content.ts';
import { listContent } from './list-content.ts';
import type { SignatureCheck } from './manifest-verifier.ts';
import { ManifestVerifier } from './manifest-verifier.ts';
import type { ContentRequest } from './resolve-content.ts';
import { resolveContent } from './resolve-content.ts';
import type { ResolvedContent } from './session-content.ts';

/** The only thing that turns names of chapters, agents and experts into places on disk. Writes nothing. */
export interface ContentResolver {
  /** Reads a `desktop_context` of any shape and checks its paths; create refuses what is refused, reattach keeps its old paths. */
  checkSources(desktopContext: unknown, caller: { hasToken: boolean }): Promise<CheckedSources>;
  /** Throws the refusals of content: CHAPTER_*, TASK_*, CONTENT_CORRUPT. */
  resolve(request: ContentRequest): Promise<ResolvedContent>;
  /** The expert packages of a session, first wins per id. */
  findExperts(sources: TrustedSources, signal?: AbortSignal): Promise<{ packages: ExpertPackagePlace[]; diagnostics: ContentDiagnostic[] }>;
  /** What can be opened: the environment's curriculum, else the packaged sample. */
  list(signal?: AbortSignal): Promise<ContentListing>;
}

/** Makes the resolver. It keeps nothing but the results of manifest checks. */
export function createContentResolver(options: { roots: ContentRoots; checkSignature?: SignatureCheck }): ContentResolver {
  const roots = cleanContentRoots(options.roots);
  const context: ContentContext = { roots, verifier: new ManifestVerifier({ checkSignature: options.checkSignature }) };
  return {
    checkSources: (desktopContext, caller) => checkBundlePaths(readContentSources(desktopContext), roots, caller),
    resolve: (request) => resolveContent(context, request),
    list: (signal) => listContent(context, signal),
    findExperts: async (sources, signal) => {
      const diagnostics: ContentDiagnostic[] = [];
      return { packages: await findExpertPackages(context, { sources, signal }, diagnostics), diagnostics };
    },
  };
}
