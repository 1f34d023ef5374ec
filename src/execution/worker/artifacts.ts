import { rmdirSync, unlinkSync } from 'node:fs';
import { extname, join } from 'node:path';
import { entriesOf, holdBelow, holdFolder, releaseFolder } from './held-folder.ts';
import type { HeldFolder } from './held-folder.ts';
import { walkFolder } from './walk-folder.ts';
import type { SeenFile } from './walk-folder.ts';

const FIGURES = '.figures';
const MAX_FILES = 200;
const MAX_FIGURES = 20;
const KEPT_FIGURE_RUNS = 50;
/** Files that are removed of one run at a time. */
const MAX_REMOVED = 100;

/** A file that a run made or changed. */
export interface Artifact { path: string; size_bytes: number; mime: string; kind: 'file' | 'figure' }

const MIME: Readonly<Record<string, string>> = {
  '.csv': 'text/csv', '.tsv': 'text/tab-separated-values', '.txt': 'text/plain', '.log': 'text/plain', '.md': 'text/markdown',
  '.py': 'text/x-python', '.json': 'application/json', '.jsonl': 'application/jsonl', '.html': 'text/html', '.xml': 'application/xml',
  '.yaml': 'application/yaml', '.yml': 'application/yaml', '.png': 'image/png', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.gif': 'image/gif',
  '.svg': 'image/svg+xml', '.webp': 'image/webp', '.bmp': 'image/bmp', '.pdf': 'application/pdf', '.ipynb': 'application/x-ipynb+json',
  '.xlsx': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', '.parquet': 'application/vnd.apache.parquet', '.zip': 'application/zip',
};

/** Type by the name alone; the content of learners' files is never looked at for it. */
export function mimeOf(name: string): string {
  return MIME[extname(name).toLowerCase()] ?? 'application/octet-stream';
}

export type Snapshot = ReadonlyMap<string, SeenFile>;

/** How the workspace stands before a run. */
export async function takeSnapshot(workspace: string): Promise<Snapshot> {
  return await walkFolder(workspace, { skip: [FIGURES] });
}

/** New and changed regular files, then the run's figures. `leftOut` counts files beyond the list. */
export async function collectArtifacts(
  workspace: string, before: Snapshot, executionId: string,
): Promise<{ artifacts: Artifact[]; leftOut: number }> {
  const changed = [...(await walkFolder(workspace, { skip: [FIGURES] })).values()].filter((file) => before.get(file.name)?.stamp !== file.stamp);
  changed.sort((left, right) => (left.name < right.name ? -1 : Number(left.name > right.name)));
  const files = changed.slice(0, MAX_FILES).map((file) => toArtifact(file, 'file'));
  const folder = `${FIGURES}/${executionId}`;
  const figures = [...(await walkFolder(workspace, { below: [FIGURES, executionId] })).values()].filter(({ name }) => /^\d{1,3}\.png$/.test(name));
  figures.sort((left, right) => Number.parseInt(left.name, 10) - Number.parseInt(right.name, 10));
  const shown = figures.slice(0, MAX_FIGURES).map((file) => toArtifact({ ...file, name: `${folder}/${file.name}` }, 'figure'));
  return { artifacts: [...files, ...shown], leftOut: changed.length - files.length };
}

/**
 * Keeps the figures of the last runs. Run ids sort by time; what has another name is not ours. Only files go, each by the folder that is
 * held open: a program that runs meanwhile can not lead the removal elsewhere.
 */
export function pruneFigures(workspace: string): void {
  const figures = holdFolder(workspace, [FIGURES]);
  if (figures === null) return;
  try {
    const runs = entriesOf(figures).filter((entry) => entry.isDirectory() && entry.name.startsWith('exe_')).map((entry) => entry.name).sort();
    for (const name of runs.slice(0, -KEPT_FIGURE_RUNS)) removeFigures(figures, name);
  } finally {
    releaseFolder(figures);
  }
}

function removeFigures(figures: HeldFolder, name: string): void {
  const run = holdBelow(figures, name);
  if (run === null) return;
  try {
    for (const entry of entriesOf(run).slice(0, MAX_REMOVED)) if (!entry.isDirectory()) unlinkSync(join(run.path, entry.name));
    rmdirSync(join(figures.path, name));
  } catch {
    // Changed meanwhile, or something of the learner's lies in it: it stays.
  } finally {
    releaseFolder(run);
  }
}

function toArtifact(file: SeenFile, kind: Artifact['kind']): Artifact {
  return { path: file.name, size_bytes: file.size, mime: mimeOf(file.name), kind };
}
