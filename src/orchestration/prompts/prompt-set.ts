import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PROMPT_CATALOGUE, PROMPT_IDS, type PromptId } from './catalogue.ts';
import { wrapData } from './data-block.ts';
import { parsePrompt, type Prompt } from './parse-prompt.ts';
import { renderTemplate } from './template.ts';

/** Values of one rendering. `origins` says, for data variables, whose words they are; unnamed ones are called by their variable. */
export interface PromptValues {
  values: Readonly<Record<string, string>>;
  boundary: string;
  origins?: Readonly<Record<string, string>>;
}

/** The validated prompts of this process. */
export interface PromptSet {
  /** Renders one prompt. A missing required or an undeclared value is a defect and throws. */
  render(id: PromptId, input: PromptValues): string;
  versionOf(id: PromptId): number;
}

/** Where prompt files lie. Files in `overrideDir`, for development, replace packaged ones by name. */
export interface PromptPlaces { directory: string; overrideDir?: string | null }

/** Reads and validates every prompt. Rejects with the first fault: a file that is missing, unknown, or disagrees with the code. */
export async function loadPrompts(places: PromptPlaces): Promise<PromptSet> {
  const { directory, overrideDir } = places;
  await refuseUnknown(directory);
  const overrides = overrideDir ? await refuseUnknown(overrideDir) : new Set<string>();
  const entries = await Promise.all(PROMPT_IDS.map(async (id) => {
    const folder = overrideDir && overrides.has(`${id}.md`) ? overrideDir : directory;
    const source = await readFile(join(folder, `${id}.md`), 'utf8').catch((cause: unknown) => {
      throw new Error(`prompt ${id}.md is missing`, { cause });
    });
    return [id, parsePrompt(source, { id, contract: PROMPT_CATALOGUE[id] })] as const;
  }));
  return createPromptSet(new Map(entries));
}

/** A set over parsed prompts. */
export function createPromptSet(prompts: ReadonlyMap<PromptId, Prompt>): PromptSet {
  const get = (id: PromptId): Prompt => {
    const prompt = prompts.get(id);
    if (prompt === undefined) throw new Error(`prompt ${id} is not loaded`);
    return prompt;
  };
  return { render: (id, input) => renderPrompt(get(id), id, input), versionOf: (id) => get(id).version };
}

function renderPrompt(prompt: Prompt, id: PromptId, { values, boundary, origins = {} }: PromptValues): string {
  const { required, optional } = PROMPT_CATALOGUE[id];
  const names = new Set<string>([...required, ...optional]);
  for (const name of Object.keys(values)) if (!names.has(name)) throw new Error(`prompt ${id} has no variable ${name}`);
  const filled = new Map<string, string>();
  for (const name of names) {
    const value = values[name];
    if (value === undefined && (required as readonly string[]).includes(name)) throw new Error(`prompt ${id} needs ${name}`);
    filled.set(name, dress(prompt, { name, value: value ?? '', boundary, origin: origins[name] }));
  }
  return renderTemplate(prompt.nodes, filled);
}

/** Empty stays empty, so that a block around it is dropped; data gets its delimiters. */
function dress(prompt: Prompt, part: { name: string; value: string; boundary: string; origin: string | undefined }): string {
  if (part.value === '' || !prompt.data.has(part.name)) return part.value;
  return wrapData(part.value, { boundary: part.boundary, origin: part.origin ?? part.name.toLowerCase().replaceAll('_', ' ') });
}

async function refuseUnknown(directory: string): Promise<Set<string>> {
  const entries = await readdir(directory, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.md') && !entry.name.startsWith('.'));
  const known = new Set<string>(PROMPT_IDS.map((id) => `${id}.md`));
  for (const { name } of files) if (!known.has(name)) throw new Error(`prompt ${name} is unknown`);
  return new Set(files.map((entry) => entry.name));
}
