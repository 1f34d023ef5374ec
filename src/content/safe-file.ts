import { constants } from 'node:fs';
import { lstat, open, readdir, realpath } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { isJunk, twinKey } from './names.ts';

/** Why a file of a root was not read. `missing` is ordinary; the others are worth telling. */
export type ReadProblem = 'missing' | 'outside' | 'not_regular' | 'too_large' | 'case_twin' | 'unreadable';

/** The bytes of a file, or why there are none. */
export type ReadResult = { kind: 'read'; bytes: Buffer } | { kind: 'refused'; problem: ReadProblem };

/** Texts of agents, chapters and templates. */
export const MAX_TEXT_BYTES = 256 * 1024;

/** True when `target` is `root` or lies below it; both are real paths. */
export function isInside(root: string, target: string): boolean {
  const path = relative(root, target);
  return path === '' || (path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path));
}

/** The real path of an existing folder named by an absolute path, or null. A blank path never means the current folder. */
export async function realFolder(path: string): Promise<string | null> {
  if (!isAbsolute(path)) return null;
  try {
    const real = await realpath(path);
    return (await lstat(real)).isDirectory() ? real : null;
  } catch {
    return null; // Gone or not ours to see: for content that is the same as absent.
  }
}

/** The names in a folder without junk, sorted; an unreadable folder has none. */
export async function listNames(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => !isJunk(name)).sort();
  } catch {
    return []; // Absent folders are ordinary here; whoever needs one says so itself.
  }
}

/**
 * Finds `path` (with `/`) below a real root, comparing each name exactly even where the disk does not, and following links
 * only while they stay inside. A name with a twin that differs by case is refused, since other systems cannot hold both.
 */
export async function findInside(root: string, path: string): Promise<{ real: string } | { problem: ReadProblem }> {
  let current = root;
  for (const segment of path === '' ? [] : path.split('/')) {
    const names = await listNames(current);
    if (!names.includes(segment)) return { problem: 'missing' };
    if (names.some((name) => name !== segment && twinKey(name) === twinKey(segment))) return { problem: 'case_twin' };
    try {
      current = await realpath(join(current, segment));
    } catch {
      return { problem: 'unreadable' };
    }
    if (!isInside(root, current)) return { problem: 'outside' };
  }
  return { real: current };
}

/** The real path of a folder below a root, or null when it is absent, a file or outside. */
export async function findFolder(root: string, path: string): Promise<string | null> {
  const found = await findInside(root, path);
  return 'real' in found ? realFolder(found.real) : null;
}

/** Opens a regular file by its real path; never follows a last link, never waits for a pipe. The caller closes it. */
export async function openRegular(real: string): Promise<FileHandle | null> {
  // Windows has neither flag; there the check of the handle is the guard.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const handle = await open(real, flags).catch(() => null);
  if (handle === null) return null;
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  return null;
}

/** Reads a regular file of at most `maxBytes` below a real root. */
export async function readInside(root: string, path: string, maxBytes = MAX_TEXT_BYTES): Promise<ReadResult> {
  const found = await findInside(root, path);
  if ('problem' in found) return { kind: 'refused', problem: found.problem };
  const stat = await lstat(found.real).catch(() => null);
  if (stat === null || !stat.isFile()) return { kind: 'refused', problem: stat === null ? 'unreadable' : 'not_regular' };
  const handle = await openRegular(found.real);
  if (handle === null) return { kind: 'refused', problem: 'unreadable' };
  try {
    return await readBounded(handle, maxBytes);
  } finally {
    await handle.close();
  }
}

/** Reads one byte more than allowed, so that a file that grows meanwhile is still noticed. */
async function readBounded(handle: FileHandle, maxBytes: number): Promise<ReadResult> {
  const size = (await handle.stat()).size;
  if (size > maxBytes) return { kind: 'refused', problem: 'too_large' };
  const buffer = Buffer.alloc(size + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return { kind: 'read', bytes: buffer.subarray(0, Math.min(length, size)) };
}
