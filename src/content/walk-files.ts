import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isJunk } from './names.ts';

/** An entry of a folder tree. `path` is relative, with `/`. Links and special files are named, never followed. */
export interface FoundFile { path: string; real: string; kind: 'file' | 'other'; size: number; changed: string }

/** A tree, and whether it was cut at the bounds. */
export interface FoundTree { files: FoundFile[]; isCut: boolean }

export interface WalkBounds { maxFiles: number; maxDepth: number }

/** Lists all files below a real folder in code-unit order, junk left out, within the bounds. */
export async function walkFiles(root: string, bounds: WalkBounds): Promise<FoundTree> {
  const files: FoundFile[] = [];
  let isCut = false;
  const pending: { real: string; path: string; depth: number }[] = [{ real: root, path: '', depth: 0 }];
  for (let folder = pending.shift(); folder !== undefined; folder = pending.shift()) {
    const entries = await readdir(folder.real, { withFileTypes: true }).catch(() => []);
    for (const entry of entries.filter(({ name }) => !isJunk(name))) {
      const path = folder.path === '' ? entry.name : `${folder.path}/${entry.name}`;
      const real = join(folder.real, entry.name);
      const isFull = files.length >= bounds.maxFiles || (entry.isDirectory() && folder.depth >= bounds.maxDepth);
      if (isFull) isCut = true;
      else if (entry.isDirectory()) pending.push({ real, path, depth: folder.depth + 1 });
      else files.push(await describe(real, path));
    }
  }
  return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), isCut };
}

async function describe(real: string, path: string): Promise<FoundFile> {
  const stat = await lstat(real).catch(() => null);
  if (stat === null || !stat.isFile()) return { path, real, kind: 'other', size: 0, changed: '' };
  return { path, real, kind: 'file', size: stat.size, changed: `${stat.mtimeMs}/${stat.ctimeMs}` };
}
