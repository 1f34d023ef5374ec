import type { AgentName } from './agent-texts.ts';
import { AGENT_NAMES, PROTOCOL_NAMES, findAgentsRoot, findProtocolText, resolveAgentTexts } from './agent-texts.ts';
import type { ContentDiagnostic, Provenance } from './diagnostic.ts';
import { inRoot, readChapterFile } from './load-chapter.ts';
import type { ChapterContent } from './load-chapter.ts';
import type { ChapterPlace } from './locate-chapter.ts';
import { TEMPLATE_NAMES } from './report-template.ts';
import { resolveTemplates } from './resolve-templates.ts';
import type { TemplatePlace } from './resolve-templates.ts';

/** Names of texts, as in a pin, and where each comes from. */
export type TextSources = Record<string, Provenance>;

const TEMPLATE_FOLDERS = ['', 'templates', '_templates', 'content/curriculum/templates', 'content/curriculum/_templates'];

/** Agents' policies and protocol texts that a folder of content brings. */
export async function findSharedTexts(dir: string, diagnostics: ContentDiagnostic[]): Promise<string[]> {
  const root = await findAgentsRoot(dir);
  const findings: ContentDiagnostic[] = [];
  const texts = await resolveAgentTexts([{ root, provenance: 'bundle' }], null, findings);
  const protocol = await Promise.all(PROTOCOL_NAMES.map((name) => findProtocolText({ root, provenance: 'bundle' }, name, findings)));
  diagnostics.push(...withoutMissing(findings));
  return [
    ...AGENT_NAMES.filter((agent) => texts[agent].policy.provenance === 'bundle'),
    ...PROTOCOL_NAMES.filter((_name, index) => protocol[index] != null),
  ];
}

/** Templates that a folder of content brings. */
export async function findSharedTemplates(dir: string, diagnostics: ContentDiagnostic[]): Promise<string[]> {
  const findings: ContentDiagnostic[] = [];
  const texts = await resolveTemplates(sharedPlaces(dir), null, findings);
  diagnostics.push(...withoutMissing(findings));
  return TEMPLATE_NAMES.filter((name) => texts[name].provenance === 'bundle');
}

/**
 * Where each text of a chapter comes from when a session uses this folder and nothing else: the chapter's own file, the folder's, the
 * package's. `shared` are the names that the folder brings.
 */
export async function describeTexts(place: ChapterPlace, content: ChapterContent, shared: { dir: string; agents: readonly string[] }): Promise<TextSources> {
  const quiet: ContentDiagnostic[] = [];
  const fromFolder = (name: string): Provenance => (shared.agents.includes(name) ? 'bundle' : 'packaged');
  const own: TemplatePlace = { root: place.root, folder: inRoot(place, 'templates'), provenance: 'chapter' };
  const templates = await resolveTemplates([own, ...sharedPlaces(shared.dir)], null, quiet);
  const protocol = await Promise.all(PROTOCOL_NAMES.map(async (name): Promise<[string, Provenance]> =>
    [`protocol.${name}`, await readChapterFile(place, `${name}.md`, quiet) === null ? fromFolder(name) : 'chapter']));
  const given = (['consultation_config', 'consultation_guide'] as const).filter((name) => content[name] !== null);
  return {
    chapter_context: 'chapter', task_list: 'chapter', task_completion_principles: 'chapter',
    ...Object.fromEntries(given.map((name): [string, Provenance] => [name, 'chapter'])),
    ...Object.fromEntries(protocol),
    ...Object.fromEntries(TEMPLATE_NAMES.map((name): [string, Provenance] => [`template.${name}`, orPackaged(templates[name].provenance)])),
    ...Object.fromEntries(AGENT_NAMES.map((agent: AgentName): [string, Provenance] => [`policy.${agent}`, fromFolder(agent)])),
  };
}

function sharedPlaces(dir: string): TemplatePlace[] {
  return TEMPLATE_FOLDERS.map((folder) => ({ root: dir, folder, provenance: 'bundle' }));
}

/** What the folder lacks comes from the package at run time. */
function withoutMissing(findings: readonly ContentDiagnostic[]): ContentDiagnostic[] {
  return findings.filter((finding) => finding.code !== 'text_missing');
}

function orPackaged(provenance: Provenance): Provenance {
  return provenance === 'missing' ? 'packaged' : provenance;
}
