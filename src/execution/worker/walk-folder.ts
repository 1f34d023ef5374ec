import { closeSync, constants, lstatSync, openSync, readdirSync, realpathSync } from 'node:fs';
import type { Dirent, Stats } from 'node:fs';
import { join } from 'node:path';

/** Bounds of one walk; code is stopped long before it makes more. */
const MAX_ENTRIES = 25_000;
const MAX_DEPTH = 32;
/** Entries between two breaths of the event loop. */
const SLICE = 400;

/** A regular file, as it stood when it was looked at. `name` is relative, with `/`. */
export interface SeenFile { name: string; size: number; stamp: string }

interface Walk { files: Map<string, SeenFile>; entries: number; slice: number; skip: ReadonlySet<string> }
interface Held { path: string; real: string; fd: number | null }

/**
 * Regular files below a folder. Follows no link, opens no file, and holds each folder open while it is read, so that nobody can lead
 * the walk outside by swapping a parent for a link. A missing folder is empty; `skip` names entries of the top folder.
 */
export async function walkFolder(root: string, skip: readonly string[] = []): Promise<Map<string, SeenFile>> {
  const walk: Walk = { files: new Map(), entries: 0, slice: 0, skip: new Set(skip) };
  const top = hold(root, root);
  if (top !== null) await visit(walk, top, []);
  return walk.files;
}

/** Opens a folder without following a last link; null when it is none. */
function hold(path: string, real: string): Held | null {
  try {
    if (!lstatSync(path).isDirectory()) return null;
    if (process.platform !== 'linux') return { path: real, real, fd: null };
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    return { path: `/proc/self/fd/${fd}`, real, fd };
  } catch {
    return null; // Gone, or a link by now.
  }
}

async function visit(walk: Walk, folder: Held, parents: readonly string[]): Promise<void> {
  try {
    for (const entry of entriesOf(folder)) {
      if (parents.length === 0 && walk.skip.has(entry.name)) continue;
      walk.entries += 1;
      walk.slice += 1;
      if (walk.entries > MAX_ENTRIES) return;
      if (walk.slice > SLICE) await breathe(walk);
      if (entry.isFile()) addFile(walk, folder, [...parents, entry.name]);
      else if (entry.isDirectory() && parents.length + 1 < MAX_DEPTH) await visitBelow(walk, folder, [...parents, entry.name]);
    }
  } finally {
    if (folder.fd !== null) closeSync(folder.fd);
  }
}

async function breathe(walk: Walk): Promise<void> {
  walk.slice = 0;
  await new Promise((resolve) => { setImmediate(resolve); });
}

async function visitBelow(walk: Walk, folder: Held, names: readonly string[]): Promise<void> {
  const name = names.at(-1) ?? '';
  const below = hold(join(folder.path, name), join(folder.real, name));
  if (below !== null) await visit(walk, below, names);
}

function entriesOf(folder: Held): Dirent[] {
  try {
    // Without a held descriptor the real path must still be the plain one.
    if (folder.fd === null && realpathSync(folder.real) !== folder.real) return [];
    return readdirSync(folder.path, { withFileTypes: true });
  } catch {
    return []; // Removed meanwhile.
  }
}

function addFile(walk: Walk, folder: Held, names: readonly string[]): void {
  const name = names.join('/');
  let stats: Stats;
  try {
    stats = lstatSync(join(folder.path, names.at(-1) ?? ''));
  } catch {
    return; // Removed meanwhile.
  }
  if (stats.isFile()) walk.files.set(name, { name, size: stats.size, stamp: `${stats.ino}.${stats.mtimeMs}.${stats.ctimeMs}` });
}
