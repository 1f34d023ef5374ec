import { lstatSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { entriesOf, holdBelow, holdFolder, releaseFolder } from './held-folder.ts';
import type { HeldFolder } from './held-folder.ts';

/** Bounds of one walk; code is stopped long before it makes more. */
const MAX_ENTRIES = 25_000;
const MAX_DEPTH = 32;
/** Entries between two breaths of the event loop. */
const SLICE = 400;

/** A regular file, as it stood when it was looked at. `name` is relative, with `/`. */
export interface SeenFile { name: string; size: number; stamp: string }

interface Walk { files: Map<string, SeenFile>; entries: number; slice: number; skip: ReadonlySet<string> }
/** What a walk leaves aside, and how it gets to where it starts. */
export interface WalkOptions {
  /** Names of the first folder that are passed over. */
  skip?: readonly string[];
  /** Folders to enter from the root, one by one, before the walk begins. */
  below?: readonly string[];
}

/**
 * Regular files below a folder. Follows no link, opens no file, and holds each folder open while it is read, so that nobody can lead
 * the walk outside by swapping a parent for a link. A missing folder is empty.
 */
export async function walkFolder(root: string, { skip = [], below = [] }: WalkOptions = {}): Promise<Map<string, SeenFile>> {
  const walk: Walk = { files: new Map(), entries: 0, slice: 0, skip: new Set(skip) };
  const top = holdFolder(root, below);
  if (top !== null) await visit(walk, top, []);
  return walk.files;
}

async function visit(walk: Walk, folder: HeldFolder, parents: readonly string[]): Promise<void> {
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
    releaseFolder(folder);
  }
}

async function breathe(walk: Walk): Promise<void> {
  walk.slice = 0;
  await new Promise((resolve) => { setImmediate(resolve); });
}

async function visitBelow(walk: Walk, folder: HeldFolder, names: readonly string[]): Promise<void> {
  const name = names.at(-1) ?? '';
  const below = holdBelow(folder, name);
  if (below !== null) await visit(walk, below, names);
}

function addFile(walk: Walk, folder: HeldFolder, names: readonly string[]): void {
  const name = names.join('/');
  let stats: Stats;
  try {
    stats = lstatSync(join(folder.path, names.at(-1) ?? ''));
  } catch {
    return; // Removed meanwhile.
  }
  if (stats.isFile()) walk.files.set(name, { name, size: stats.size, stamp: `${stats.ino}.${stats.mtimeMs}.${stats.ctimeMs}` });
}
