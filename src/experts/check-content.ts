import { isRecord, readYamlData } from '../content/index.ts';
import type { ContentDiagnostic, ContentInspectors, ExpertPackagePlace, InspectedPackage, SessionContent } from '../content/index.ts';
import { readChapterConsultation } from './chapter/consultation-config.ts';
import { loadRegistry } from './registry/load-registry.ts';

/** What is worth telling about how a chapter consults. A configuration that is no YAML is told by who read the chapter. */
export function consultationDiagnostics(content: Parameters<typeof readChapterConsultation>[0]): ContentDiagnostic[] {
  const { consultation_config: config } = content.chapter;
  const data = config === null ? null : readYamlData(config);
  if (data === null || data.kind === 'invalid') return [];
  const path = 'consultation_config.yaml';
  const { experts, problems, unparsed } = readChapterConsultation(content);
  const code = experts.length === 0 || !isRecord(data.value) ? 'consultation_config_invalid' as const : 'consultation_config_problem' as const;
  return [
    ...problems.map((message): ContentDiagnostic => ({ code, severity: 'warning', message, path })),
    ...unparsed.map(({ name, reason }): ContentDiagnostic => ({ code: 'unparsed_rule', severity: 'warning', message: `${name}: ${reason}`, path })),
  ];
}

async function inspectPackages(places: readonly ExpertPackagePlace[]): Promise<InspectedPackage[]> {
  const { experts, diagnostics } = await loadRegistry(places);
  return [
    ...[...experts.values()].map(({ expertId }) => ({ expert_id: expertId, findings: [] })),
    ...diagnostics.map(({ expert_id, code, severity, path, message }) => ({ expert_id, findings: [{ code, severity, path, message }] })),
  ];
}

/** Lets a check of content judge expert packages and consultation settings as the running program does. */
export const contentInspectors: ContentInspectors = {
  packages: inspectPackages,
  chapter: (content: Pick<SessionContent, 'chapter'> & { chapter_id: string | null }) => consultationDiagnostics(content),
};
