import type { ProtocolName, ResolvedText, TextRoot } from './agent-texts.ts';
import { findAgentsRoot, findProtocolText, readPackaged, resolveAgentTexts } from './agent-texts.ts';
import type { TrustedSources } from './bundle-paths.ts';
import { readChapterId } from './chapter-id.ts';
import type { ContentRoots } from './content-roots.ts';
import type { ContentDiagnostic } from './diagnostic.ts';
import { findExpertPackages } from './expert-packages.ts';
import type { ContentContext, FoundChapter } from './find-chapter.ts';
import { checkBundle, findChapter } from './find-chapter.ts';
import { inRoot, loadChapter, readChapterFile } from './load-chapter.ts';
import { readOptionalText } from './read-text.ts';
import type { TemplatePlace } from './resolve-templates.ts';
import { resolveTemplates } from './resolve-templates.ts';
import { realFolder } from './safe-file.ts';
import type { ResolvedContent, SessionContent } from './session-content.ts';

/** What a session asks for; the sources are those that `checkBundlePaths` let through. */
export interface ContentRequest { chapterId: string; sources: TrustedSources; signal?: AbortSignal | undefined }

/** Turns a request into content: the session's own bundles, then the environment, then the package. Writes nothing. */
export async function resolveContent(context: ContentContext, request: ContentRequest): Promise<ResolvedContent> {
  const id = readChapterId(request.chapterId, request.sources.scope.scopeId);
  const diagnostics: ContentDiagnostic[] = [];
  const found = await findChapter(context, { id, sources: request.sources, signal: request.signal }, diagnostics);
  const chapter = await loadChapter(found.place, found.manifest, diagnostics);
  const packaged = await realFolder(context.roots.packagedPromptsDir);
  const agents = await agentRoots(context, request, diagnostics);
  const content: SessionContent = {
    chapter_id: request.chapterId,
    course_id: found.place.course,
    bundle_version: found.manifest?.version ?? null,
    scope_id: found.manifest?.scope_id ?? null,
    chapter,
    chapter_provenance: found.provenance,
    agents: await resolveAgentTexts(agents.all, packaged, diagnostics),
    protocol: await resolveProtocol({ found, agents, request, packaged }, diagnostics),
    templates: await resolveTemplates(await templatePlaces(context.roots, found), packaged, diagnostics),
  };
  const experts = await findExpertPackages(context, request, diagnostics);
  return { content, place: found.place, experts, diagnostics };
}

interface AgentRoots { bundle: TextRoot[]; environment: TextRoot[]; all: TextRoot[] }

async function agentRoots(context: ContentContext, request: ContentRequest, diagnostics: ContentDiagnostic[]): Promise<AgentRoots> {
  const bundle: TextRoot[] = [];
  if (request.sources.appAgents !== null) {
    await checkBundle(context, { root: request.sources.appAgents, label: 'agents bundle', signal: request.signal }, diagnostics);
    bundle.push({ root: await findAgentsRoot(request.sources.appAgents), provenance: 'bundle' });
  }
  const folder = context.roots.mainAgentsDir === undefined ? null : await realFolder(context.roots.mainAgentsDir);
  const environment: TextRoot[] = folder === null ? [] : [{ root: folder, provenance: 'environment' }];
  return { bundle, environment, all: [...bundle, ...environment] };
}

interface ProtocolSearch { found: FoundChapter; agents: AgentRoots; request: ContentRequest; packaged: string | null }

async function resolveProtocol(search: ProtocolSearch, diagnostics: ContentDiagnostic[]): Promise<Record<ProtocolName, ResolvedText>> {
  const resolve = async (name: ProtocolName): Promise<ResolvedText> => {
    const own = await readChapterFile(search.found.place, `${name}.md`, diagnostics);
    if (own !== null) return { text: own, provenance: 'chapter' };
    for (const root of search.agents.bundle) {
      const text = await findProtocolText(root, name, diagnostics);
      if (text !== null) return text;
    }
    for (const source of search.request.sources.promptSources[name]) {
      const text = await readOptionalText(source.root, source.name, diagnostics);
      if (text !== null) return { text, provenance: 'bundle' };
    }
    for (const root of search.agents.environment) {
      const text = await findProtocolText(root, name, diagnostics);
      if (text !== null) return text;
    }
    return readPackaged(search.packaged, `protocol/${name}.md`, diagnostics);
  };
  return { interaction_protocol: await resolve('interaction_protocol'), socratic_vs_direct: await resolve('socratic_vs_direct') };
}

/** The chapter's own templates, those of the session's bundle, the templates folder, those of the curriculum. */
async function templatePlaces(roots: ContentRoots, { place, provenance }: FoundChapter): Promise<TemplatePlace[]> {
  const shared: TemplatePlace[] = ['templates', '_templates'].map((folder) => ({ root: place.root, folder, provenance }));
  const nested: TemplatePlace[] = place.place.startsWith('content/curriculum/')
    ? ['templates', '_templates'].map((folder) => ({ root: place.root, folder: `content/curriculum/${folder}`, provenance }))
    : [];
  const ofRoot = [...nested, ...shared];
  const folder = roots.curriculumTemplatesDir === undefined ? null : await realFolder(roots.curriculumTemplatesDir);
  const named: TemplatePlace[] = folder === null ? [] : [{ root: folder, folder: '', provenance: 'environment' }];
  const own: TemplatePlace = { root: place.root, folder: inRoot(place, 'templates'), provenance: 'chapter' };
  return [own, ...(provenance === 'bundle' ? [...ofRoot, ...named] : [...named, ...ofRoot])];
}
