import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TrustedSources } from './bundle-paths.ts';
import type { ContentRoots } from './content-roots.ts';
import { readContentSources } from './content-roots.ts';
import type { ContentResolver } from './content-resolver.ts';
import { createContentResolver } from './content-resolver.ts';

/** Files by path below a folder; for tests. */
export type Tree = Readonly<Record<string, string | Uint8Array>>;

/** A temporary folder that is removed when the test leaves its block. */
export interface Workshop extends AsyncDisposable {
  dir: string;
  /** Writes files below `name` and returns that folder. */
  write(name: string, tree: Tree): Promise<string>;
  /** A resolver over a small package, with these roots. */
  resolver(roots?: Partial<ContentRoots>): Promise<ContentResolver>;
}

/** Makes a temporary folder for content; for tests. */
export async function openWorkshop(): Promise<Workshop> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'content-test-')));
  const write = async (name: string, tree: Tree): Promise<string> => {
    const root = join(dir, name);
    await mkdir(root, { recursive: true });
    for (const [path, text] of Object.entries(tree)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    return root;
  };
  const resolver = async (roots: Partial<ContentRoots> = {}): Promise<ContentResolver> => {
    const packagedDir = await write('package/content', prefixed('curriculum/sample/ch1', chapterTree({ marker: 'packaged' })));
    const packagedPromptsDir = await write('package/prompts', PACKAGED_PROMPTS);
    return createContentResolver({ roots: { contentRoots: [], homeDir: join(dir, 'home'), packagedDir, packagedPromptsDir, ...roots } });
  };
  return { dir, write, resolver, [Symbol.asyncDispose]: async () => rm(dir, { recursive: true, force: true }) };
}

export const PACKAGED_PROMPTS: Tree = {
  'policy/companion.md': '---\nid: policy.companion\nversion: 3\n---\npackaged companion',
  'policy/roadmap_manager.md': 'packaged roadmap',
  'policy/memo.md': 'packaged memo',
  'protocol/interaction_protocol.md': 'packaged interaction',
  'protocol/socratic_vs_direct.md': 'packaged socratic',
  'templates/dynamic_report_template.md': '## Tasks\n## Next step\npackaged',
  'templates/student_error_summary_template.md': 'packaged errors',
  'templates/final_learning_report_template.md': 'packaged final',
};

export const TASK_LIST = '# Tasks\n\n## Core tasks\n\n### Task 1: Read the table\n- **read_table**: read it [type: core]\n';

/** The three required files of a chapter; `marker` shows which copy was found. */
export function chapterTree(options: { marker?: string; layout?: 'v1' | 'v2'; taskList?: string } = {}): Record<string, string> {
  const folder = options.layout === 'v2' ? 'prompts/' : '';
  return {
    [`${folder}chapter_context.md`]: `# Chapter ${options.marker ?? 'one'}\n\n## Overview\n\nAbout *tables* and \`rows\`.\n`,
    [`${folder}task_list.md`]: options.taskList ?? TASK_LIST,
    [`${folder}task_completion_principles.md`]: 'Done means explained.\n',
  };
}

/** The same tree below a folder. */
export function prefixed<T>(folder: string, tree: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(tree).map(([path, text]) => [`${folder}/${path}`, text]));
}

/** The tree with a manifest that fits it. */
export function withManifest(tree: Tree, fields: Record<string, unknown> = {}): Tree {
  const files = Object.entries(tree).map(([path, text]) => {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    return { path, sha256: createHash('sha256').update(bytes).digest('hex'), size_bytes: bytes.length };
  });
  const manifest = {
    format_version: 'bundle-v2', bundle_type: 'chapter', scope_id: 'ch1', version: '1.0.0', created_at: '2026-01-01T00:00:00Z', files, ...fields,
  };
  return { ...tree, 'bundle.manifest.json': JSON.stringify(manifest) };
}

/** Sources as they come out of the path check, without one. */
export function sourcesOf(parts: Partial<TrustedSources> = {}): TrustedSources {
  return {
    chapterBundle: null, appAgents: null, expertsShared: null, expertBundles: [], scope: readContentSources(null).scope,
    promptSources: { interaction_protocol: [], socratic_vs_direct: [] }, ...parts,
  };
}
