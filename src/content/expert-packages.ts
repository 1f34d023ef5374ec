import type { TrustedSources } from './bundle-paths.ts';
import type { ContentDiagnostic } from './diagnostic.ts';
import type { ContentContext } from './find-chapter.ts';
import { checkBundle } from './find-chapter.ts';
import { findFolder, listNames, realFolder } from './safe-file.ts';

/** A folder that holds an expert package. `folderId` is the folder's name, null when the root itself is the package. */
export interface ExpertPackagePlace {
  folderId: string | null;
  root: string;
  dir: string;
  provenance: 'bundle' | 'environment' | 'packaged';
}

/**
 * Verifies the experts' bundles and finds their packages, in the order in which the first of an id wins: the session's
 * expert bundles, its shared bundle, the environment, the package. Throws CONTENT_CORRUPT.
 */
export async function findExpertPackages(context: ContentContext, request: { sources: TrustedSources; signal?: AbortSignal | undefined }, diagnostics: ContentDiagnostic[]): Promise<ExpertPackagePlace[]> {
  const { expertBundles, expertsShared } = request.sources;
  const bundles = [
    ...expertBundles.map(({ expertId, root }) => ({ label: `expert bundle ${expertId}`, root })),
    ...(expertsShared === null ? [] : [{ label: 'shared experts bundle', root: expertsShared }]),
  ];
  const packages: ExpertPackagePlace[] = [];
  for (const { label, root } of bundles) {
    await checkBundle(context, { root, label, signal: request.signal }, diagnostics);
    packages.push(...(await packagesIn(root, 'bundle')));
  }
  const { expertsDir, packagedDir } = context.roots;
  const environment = expertsDir === undefined ? null : await realFolder(expertsDir);
  if (environment !== null) packages.push(...(await packagesIn(environment, 'environment')));
  const packaged = await realFolder(packagedDir);
  if (packaged !== null) packages.push(...(await packagesIn(packaged, 'packaged')));
  return packages;
}

/** The packages of one root: every folder in `experts/`, folders of the root with `principles.md`, or the root itself. */
export async function packagesIn(root: string, provenance: ExpertPackagePlace['provenance']): Promise<ExpertPackagePlace[]> {
  const names = await listNames(root);
  if (names.includes('principles.md')) return [{ folderId: null, root, dir: root, provenance }];
  const experts = await findFolder(root, 'experts');
  const inExperts = experts === null ? [] : await Promise.all((await packageNames(experts)).map(async (folderId) => ({ folderId, dir: await findFolder(root, `experts/${folderId}`) })));
  const inRoot = await Promise.all((await packageNames(root)).map(async (folderId) => ({ folderId, dir: await folderWithPrinciples(root, folderId) })));
  return [...inExperts, ...inRoot].flatMap(({ folderId, dir }) => (dir === null ? [] : [{ folderId, root, dir, provenance }]));
}

async function packageNames(folder: string): Promise<string[]> {
  return (await listNames(folder)).filter((name) => !name.startsWith('_'));
}

async function folderWithPrinciples(root: string, name: string): Promise<string | null> {
  const dir = await findFolder(root, name);
  return dir !== null && (await listNames(dir)).includes('principles.md') ? dir : null;
}
