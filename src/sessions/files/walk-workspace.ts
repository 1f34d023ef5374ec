import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { isPortablePath } from '../../content/index.ts';
import { HeldFolder } from './held-folder.ts';
import { systemCode } from './storage-error.ts';

/** A regular file of a workspace. `name` is in NFC and follows the rules of names. */
export interface FoundFile { name: string; stats: Stats }

/** Everything below a folder; `files` and `bytes` also count what has no legal name. */
export interface WorkspaceTree { files: FoundFile[]; fileCount: number; bytes: number }

/** Entries beyond this number are not looked at; the lanes stop code far earlier. */
const MAX_ENTRIES = 50_000;
const MAX_DEPTH = 32;

interface Walk { tree: WorkspaceTree; entries: number }

/** Lists all regular files below a folder, following no link and opening no file. A missing folder is empty. */
export async function walkWorkspace(root: string): Promise<WorkspaceTree> {
  const walk: Walk = { tree: { files: [], fileCount: 0, bytes: 0 }, entries: 0 };
  try {
    await using folder = await HeldFolder.open(root);
    await visit(walk, folder, []);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  walk.tree.files.sort((left, right) => (left.name < right.name ? -1 : Number(left.name > right.name)));
  return walk.tree;
}

async function visit(walk: Walk, folder: HeldFolder, parents: readonly string[]): Promise<void> {
  if (parents.length >= MAX_DEPTH) return;
  const entries = await readdir(folder.path, { withFileTypes: true }).catch(() => []); // Removed meanwhile by learner code.
  for (const entry of entries) {
    walk.entries += 1;
    if (walk.entries > MAX_ENTRIES) return;
    await visitEntry(walk, folder, { entry, parents });
  }
}

async function visitEntry(walk: Walk, folder: HeldFolder, { entry, parents }: { entry: Dirent; parents: readonly string[] }): Promise<void> {
  const path = [...parents, entry.name];
  if (entry.isFile()) {
    const stats = await lstat(folder.child(entry.name)).catch(() => null);
    if (stats?.isFile() === true) addFile(walk.tree, path.join('/').normalize('NFC'), stats);
    return;
  }
  if (!entry.isDirectory()) return;
  const next = await folder.enter(entry.name).catch(() => null); // A link by now, or gone: neither is listed.
  if (next === null) return;
  await using below = next;
  await visit(walk, below, path);
}

function addFile(tree: WorkspaceTree, name: string, stats: Stats): void {
  tree.fileCount += 1;
  tree.bytes += stats.size;
  if (isPortablePath(name)) tree.files.push({ name, stats });
}
