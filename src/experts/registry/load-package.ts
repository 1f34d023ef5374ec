import { createHash } from 'node:crypto';
import { relative, sep } from 'node:path';
import { findFolder, listNames, readText } from '../../content/index.ts';
import type { ExpertPackagePlace } from '../../content/index.ts';
import { estimateTokens } from '../../models/index.ts';
import { OUTPUT_TYPES } from '../outputs/output-schemas.ts';
import { deriveWhitelist, isToolName, listedWhitelist } from '../tools/tool-names.ts';
import type { ToolName } from '../tools/tool-names.ts';
import type { ExpertDiagnostic, ExpertDiagnosticCode } from './expert-diagnostic.ts';
import { CONSULTATION_LIMITS, readPrinciples } from './metadata.ts';
import type { ConsultationLimits, ExpertMetadata } from './metadata.ts';

/** An expert as its package describes it; texts are held, paths are not. */
export interface ExpertPackage {
  expertId: string;
  description: string;
  tags: readonly string[];
  outputModes: readonly string[];
  skillHandles: readonly string[];
  /** What the package may use, before the machine is asked. */
  whitelist: readonly ToolName[];
  limits: ConsultationLimits;
  /** Policy of the prompt. */
  principles: string;
  /** Documents by handle, and knowledge by file name. */
  skills: ReadonlyMap<string, string>;
  knowledge: ReadonlyMap<string, string>;
  /** SHA-256 over all texts. */
  hash: string;
  provenance: ExpertPackagePlace['provenance'];
}

const MAX_FILES = 64;
const MAX_PRINCIPLES_TOKENS = 6000;

/** Reads one package. A broken one gives null and an error that names it. */
export async function loadPackage(place: ExpertPackagePlace, diagnostics: ExpertDiagnostic[]): Promise<ExpertPackage | null> {
  const prefix = relative(place.root, place.dir).split(sep).join('/');
  const at = (name: string): string => (prefix === '' ? name : `${prefix}/${name}`);
  const tell = createTeller(diagnostics, place.folderId ?? 'unknown');
  const main = await readText(place.root, at('principles.md'));
  if (main.kind === 'problem') return tell.broken(at('principles.md'), `principles.md cannot be used (${main.problem})`);
  const reading = readPrinciples(main.text);
  if (reading.kind === 'broken') return tell.broken(at('principles.md'), reading.reason);
  const { metadata } = reading;
  if (place.folderId !== null && metadata.expert_id !== place.folderId) {
    return tell.broken(at('principles.md'), `expert_id ${metadata.expert_id} differs from the folder's name`);
  }
  const named = createTeller(diagnostics, metadata.expert_id);
  const budget = { files: MAX_FILES - 1 };
  const skills = await readTexts(place.root, { folder: at('skills'), pattern: /\.md$/i, keepsExtension: false, budget }, named);
  const knowledge = await readTexts(place.root, { folder: at('knowledge'), pattern: /\.(md|txt)$/i, keepsExtension: true, budget }, named);
  warnAbout(metadata, skills, { path: at('principles.md'), tell: named });
  return {
    expertId: metadata.expert_id, description: metadata.description, tags: metadata.tags, outputModes: [...new Set(metadata.output_modes)],
    skillHandles: metadata.skill_handles, whitelist: whitelistOf(metadata, skills, knowledge), limits: limitsOf(metadata),
    principles: clipPrinciples(reading.prose, () => named.warn('principles_clipped', at('principles.md'), 'principles.md is longer than 6000 tokens')),
    skills, knowledge, hash: hashOf(main.text, skills, knowledge), provenance: place.provenance,
  };
}

interface Teller {
  warn(code: ExpertDiagnosticCode, path: string, message: string): void;
  broken(path: string, message: string): null;
}

function createTeller(diagnostics: ExpertDiagnostic[], expertId: string): Teller {
  return {
    warn: (code, path, message) => void diagnostics.push({ code, severity: 'warning', expert_id: expertId, path, message }),
    broken: (path, message) => {
      diagnostics.push({ code: 'package_broken', severity: 'error', expert_id: expertId, path, message });
      return null;
    },
  };
}

interface TextFolder { folder: string; pattern: RegExp; keepsExtension: boolean; budget: { files: number } }

async function readTexts(root: string, { folder, pattern, keepsExtension, budget }: TextFolder, tell: Teller): Promise<Map<string, string>> {
  const real = await findFolder(root, folder);
  const texts = new Map<string, string>();
  const names = real === null ? [] : (await listNames(real)).filter((name) => pattern.test(name) && !name.startsWith('_'));
  for (const name of names) {
    const path = `${folder}/${name}`;
    if (budget.files <= 0) {
      tell.warn('file_skipped', path, `a package has at most ${MAX_FILES} texts`);
      continue;
    }
    budget.files -= 1;
    const result = await readText(root, path);
    if (result.kind === 'text') texts.set(keepsExtension ? name : name.replace(/\.md$/i, ''), result.text);
    else tell.warn('file_skipped', path, `the text cannot be used (${result.problem})`);
  }
  return texts;
}

function warnAbout(metadata: ExpertMetadata, skills: ReadonlyMap<string, string>, { path, tell }: { path: string; tell: Teller }): void {
  for (const handle of metadata.skill_handles) {
    if (!skills.has(handle)) tell.warn('handle_without_document', path, `skill ${handle} has no document`);
  }
  for (const tool of metadata.tools ?? []) if (!isToolName(tool)) tell.warn('tool_unknown', path, `there is no tool ${tool}`);
  for (const mode of metadata.output_modes) {
    if (!OUTPUT_TYPES.includes(mode)) tell.warn('output_mode_unknown', path, `output mode ${mode} has no schema; any object is taken`);
  }
}

function whitelistOf(metadata: ExpertMetadata, skills: ReadonlyMap<string, string>, knowledge: ReadonlyMap<string, string>): ToolName[] {
  if (metadata.tools !== undefined) return listedWhitelist(metadata.tools);
  return deriveWhitelist({ skillHandles: metadata.skill_handles, hasSkills: skills.size > 0, hasKnowledge: knowledge.size > 0 });
}

function limitsOf({ limits }: ExpertMetadata): ConsultationLimits {
  return {
    steps: limits.steps ?? CONSULTATION_LIMITS.steps, calls: limits.calls ?? CONSULTATION_LIMITS.calls,
    seconds: limits.seconds ?? CONSULTATION_LIMITS.seconds, tokens: limits.tokens ?? CONSULTATION_LIMITS.tokens,
  };
}

function clipPrinciples(prose: string, onClip: () => void): string {
  if (estimateTokens(prose, 1) <= MAX_PRINCIPLES_TOKENS) return prose;
  onClip();
  let kept = prose;
  while (estimateTokens(kept, 1) > MAX_PRINCIPLES_TOKENS) kept = kept.slice(0, Math.floor(kept.length * 0.9));
  return `${kept.trimEnd()}\n[…]`;
}

function hashOf(principles: string, skills: ReadonlyMap<string, string>, knowledge: ReadonlyMap<string, string>): string {
  const sorted = (texts: ReadonlyMap<string, string>): [string, string][] => [...texts].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify([principles, sorted(skills), sorted(knowledge)])).digest('hex');
}
