import { lstatSync, opendirSync, statfsSync } from 'node:fs';
import { childrenOf } from './process-files.linux.ts';

const BLOCK_BYTES = 512;
const GIB = 1024 ** 3;
const TMPFS = 0x0102_1994;

/** What was counted in some folders; the walk stops one past a limit. */
export interface DiskCount { bytes: number; entries: number; depth: number }

/** Adds up folders without following links, and stops as soon as `most` is passed in one respect. What was made after `bornBefore` is left out. */
export function walkFolders(folders: readonly string[], most: DiskCount, bornBefore = Infinity): DiskCount {
  const count: DiskCount = { bytes: 0, entries: 0, depth: 0 };
  const waiting = folders.map((path) => ({ path, depth: 0 }));
  for (let next = waiting.pop(); next !== undefined && !isPast(count, most); next = waiting.pop()) {
    const { path, depth } = next;
    eachEntry(path, (name, isFolder) => {
      const full = `${path}/${name}`; // read by the system only, so nothing is normalised: this runs for every file four times a second
      const { bytes, bornMs } = factsOf(full);
      if (bornMs > bornBefore) return true;
      count.entries += 1;
      count.depth = Math.max(count.depth, depth + 1);
      if (isFolder && depth < most.depth) waiting.push({ path: full, depth: depth + 1 });
      count.bytes += bytes;
      return !isPast(count, most);
    });
  }
  return count;
}

/** What lies in file systems in memory that the sandboxed child of a process sees at these places: a million empty files cost one question. */
export function askFileSystems(places: readonly string[], parent: number): DiskCount {
  const count: DiskCount = { bytes: 0, entries: 0, depth: 0 };
  const [first] = childrenOf(parent);
  const [program = first] = first === undefined ? [] : childrenOf(first);
  if (program === undefined) return count;
  for (const place of places) {
    try {
      const { type, blocks, bfree, bsize, files, ffree } = statfsSync(`/proc/${program}/root${place}`);
      if (type !== TMPFS) continue;
      count.bytes += (blocks - bfree) * bsize;
      count.entries += files - ffree;
    } catch {
      // It has ended, or may not be looked into: its memory limit still counts what it holds.
    }
  }
  return count;
}

/** True when one of the counts is above its limit. */
export function isPast(count: DiskCount, most: DiskCount): boolean {
  return count.bytes > most.bytes || count.entries > most.entries || count.depth > most.depth;
}

/** Free bytes that are missing on the volume of a folder: it must keep 1 GiB and 2 %. 0 = enough. */
export function missingSpace(folder: string): number {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder);
    return Math.max(0, Math.max(GIB, blocks * bsize * 0.02) - bavail * bsize);
  } catch {
    return 0;
  }
}

function eachEntry(folder: string, visit: (name: string, isFolder: boolean) => boolean): void {
  let handle;
  try {
    handle = opendirSync(folder);
  } catch {
    return; // removed meanwhile, or made unreadable by its owner: the volume's free space still counts
  }
  try {
    for (let entry = handle.readSync(); entry !== null; entry = handle.readSync()) {
      if (!visit(entry.name, entry.isDirectory())) return;
    }
  } finally {
    handle.closeSync();
  }
}

/** What a file takes on the disk, where a sparse file counts what is there, and when it was made. */
function factsOf(path: string): { bytes: number; bornMs: number } {
  try {
    const { blocks, size, birthtimeMs } = lstatSync(path);
    return { bytes: blocks === undefined ? size : Math.min(blocks * BLOCK_BYTES, size + 4096), bornMs: birthtimeMs };
  } catch {
    return { bytes: 0, bornMs: 0 };
  }
}
