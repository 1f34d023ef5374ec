import type { ExpertPackagePlace } from '../../content/index.ts';
import type { ExpertDiagnostic } from './expert-diagnostic.ts';
import { loadPackage } from './load-package.ts';
import type { ExpertPackage } from './load-package.ts';

/** The usable experts by id, and everything worth telling about their packages. */
export interface ExpertRegistry { experts: ReadonlyMap<string, ExpertPackage>; diagnostics: ExpertDiagnostic[] }

/** Loads packages in the order of precedence; the first usable one of an id wins. */
export async function loadRegistry(places: readonly ExpertPackagePlace[]): Promise<ExpertRegistry> {
  const diagnostics: ExpertDiagnostic[] = [];
  const experts = new Map<string, ExpertPackage>();
  for (const place of places) {
    const found = await loadPackage(place, diagnostics);
    if (found === null) continue;
    if (!experts.has(found.expertId)) experts.set(found.expertId, found);
    else {
      diagnostics.push({
        code: 'package_shadowed', severity: 'warning', expert_id: found.expertId, path: place.folderId ?? '',
        message: `a package from ${found.provenance} is hidden by one that stands before it`,
      });
    }
  }
  return { experts, diagnostics };
}
