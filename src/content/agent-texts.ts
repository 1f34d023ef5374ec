import type { ContentDiagnostic, Provenance } from './diagnostic.ts';
import { fault, warn } from './diagnostic.ts';
import { readOptionalText } from './read-text.ts';
import { findFolder } from './safe-file.ts';
import { isRecord, splitFrontMatter } from './yaml-data.ts';

/** The agents whose policy content may replace. */
export const AGENT_NAMES = ['companion', 'roadmap_manager', 'memo'] as const;
export type AgentName = (typeof AGENT_NAMES)[number];

/** The two shared protocol texts. */
export const PROTOCOL_NAMES = ['interaction_protocol', 'socratic_vs_direct'] as const;
export type ProtocolName = (typeof PROTOCOL_NAMES)[number];

/** A text in use and where it came from. `missing` texts are empty and reported. */
export interface ResolvedText { text: string; provenance: Provenance }

/** The policy of one agent; `skills` only where the content speaks the current prompt interface. */
export interface AgentTexts { policy: ResolvedText; skills: ResolvedText | null }

/** A real folder in the order in which it is asked. */
export interface TextRoot { root: string; provenance: 'bundle' | 'environment' }

const PROTOCOL_PLACES = ['', 'shared/', 'companion/', 'global/'];

/** The folder of an agents bundle that holds the agents: the first of `content/agents`, `agents`, the root. */
export async function findAgentsRoot(bundle: string): Promise<string> {
  return (await findFolder(bundle, 'content/agents')) ?? (await findFolder(bundle, 'agents')) ?? bundle;
}

/** The policy texts of all agents: the first root that has one wins, agent by agent; else the packaged text. */
export async function resolveAgentTexts(roots: readonly TextRoot[], packagedPrompts: string | null, diagnostics: ContentDiagnostic[]): Promise<Record<AgentName, AgentTexts>> {
  const resolve = async (agent: AgentName): Promise<AgentTexts> => {
    for (const root of roots) {
      const policy = await readOptionalText(root.root, `${agent}/principles.md`, diagnostics);
      if (policy === null) continue;
      return { policy: { text: policy, provenance: root.provenance }, skills: await readSkills(root, agent, diagnostics) };
    }
    return { policy: await readPackaged(packagedPrompts, `policy/${agent}.md`, diagnostics), skills: null };
  };
  return { companion: await resolve('companion'), roadmap_manager: await resolve('roadmap_manager'), memo: await resolve('memo') };
}

/** A global protocol text: the first root and place that has it. Null = none has it. */
export async function findProtocolText(root: TextRoot, name: ProtocolName, diagnostics: ContentDiagnostic[]): Promise<ResolvedText | null> {
  for (const place of PROTOCOL_PLACES) {
    const text = await readOptionalText(root.root, `${place}${name}.md`, diagnostics);
    if (text !== null) return { text, provenance: root.provenance };
  }
  return null;
}

/** A packaged text without its front matter; a package without it is a damaged one, so it is reported as an error. */
export async function readPackaged(packagedPrompts: string | null, path: string, diagnostics: ContentDiagnostic[]): Promise<ResolvedText> {
  const text = packagedPrompts === null ? null : await readOptionalText(packagedPrompts, path, diagnostics);
  if (text !== null) return { text: splitFrontMatter(text).body, provenance: 'packaged' };
  diagnostics.push(fault('text_missing', `the package lacks ${path}`, { path }));
  return { text: '', provenance: 'missing' };
}

/** Older skills describe an output format that is no longer spoken, so they count only when the content says otherwise. */
async function readSkills(root: TextRoot, agent: AgentName, diagnostics: ContentDiagnostic[]): Promise<ResolvedText | null> {
  const path = `${agent}/skills.md`;
  const skills = await readOptionalText(root.root, path, diagnostics);
  if (skills === null) return null;
  if (await speaksPromptApi(root.root, diagnostics)) return { text: skills, provenance: root.provenance };
  diagnostics.push(warn('legacy_agent_skills_ignored', `${path} is written for an older output format`, { path }));
  return null;
}

async function speaksPromptApi(root: string, diagnostics: ContentDiagnostic[]): Promise<boolean> {
  const text = await readOptionalText(root, 'agents.json', diagnostics);
  if (text === null) return false;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) && value['prompt_api'] === 1;
  } catch {
    return false; // A broken agents.json says nothing; the skills it should vouch for are reported as ignored.
  }
}
