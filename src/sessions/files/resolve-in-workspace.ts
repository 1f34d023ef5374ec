import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { lstat, open, realpath } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SidecarError } from '../../contracts/index.ts';
import { HeldFolder } from './held-folder.ts';
import { storageError, systemCode } from './storage-error.ts';
import { invalidPath, readWorkspacePath } from './workspace-path.ts';

/** `look`: twins and missing parents mean "not there". `put`: twins are refused, missing parents are made. */
export type Purpose = 'look' | 'put';

/** Where a name leads, with its parent held open. `path` is only good for system calls while the place is held. */
export interface Place extends AsyncDisposable {
  /** In NFC. */
  readonly name: string;
  readonly path: string;
  readonly kind: 'nothing' | 'file' | 'folder' | 'other';
  readonly stats: Stats | null;
}

/** macOS refuses a link anywhere in the path with this flag; Node has no name for it. */
const O_NOFOLLOW_ANY = process.platform === 'darwin' ? 0x2000_0000 : 0;

/**
 * The one way from a workspace-relative name to a file. Returns null when a parent is missing (`look` only).
 * Throws INVALID_PATH for names that break the rules and for parents that are links, FILE_EXISTS for twins (`put`).
 */
export async function resolveInWorkspace(root: string, name: string, purpose: Purpose): Promise<Place | null> {
  const path = readWorkspacePath(name);
  const leaf = path.segments.at(-1) ?? '';
  try {
    const parent = await openParent(await HeldFolder.open(root), path.segments.slice(0, -1), purpose);
    return parent === null ? null : await placeIn(parent, { leaf, name: path.name, isNormal: path.isNormal, purpose });
  } catch (error) {
    if (purpose === 'look' && systemCode(error) === 'ENOENT') return null;
    throw storageError(error, 'the workspace could not be searched');
  }
}

/** Opens a regular file for reading: follows no link, waits for no pipe. The caller closes it. */
export async function openRegular(path: string): Promise<FileHandle> {
  // Windows knows neither flag; there the check of the handle is the guard.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const handle = await open(path, path.startsWith('/proc/') ? flags : flags | O_NOFOLLOW_ANY).catch((error: unknown) => {
    if (['ELOOP', 'ENXIO', 'EMLINK'].includes(systemCode(error) ?? '')) throw invalidPath('not a regular file');
    throw error;
  });
  try {
    const opened = await handle.stat();
    if (!opened.isFile()) throw invalidPath('not a regular file');
    // Without a held parent the descriptor must still be the file that the plain path names.
    if (!path.startsWith('/proc/')) await requireSameFile(path, opened);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function requireSameFile(path: string, opened: Stats): Promise<void> {
  const parent = dirname(path);
  const now = await lstat(path);
  if ((await realpath(parent)) !== parent || now.ino !== opened.ino || now.dev !== opened.dev) throw invalidPath('the path changed meanwhile');
}

async function openParent(root: HeldFolder, segments: readonly string[], purpose: Purpose): Promise<HeldFolder | null> {
  let folder = root;
  for (const segment of segments) {
    await using current = folder;
    const next = await step(current, segment, purpose);
    if (next === null) return null;
    folder = next;
  }
  return folder;
}

async function step(folder: HeldFolder, segment: string, purpose: Purpose): Promise<HeldFolder | null> {
  const found = await folder.find(segment);
  if (purpose === 'look') return found.exact === null ? null : await folder.enter(found.exact);
  if (found.twin !== null) throw twinExists();
  const next = await (found.exact === null ? folder.make(segment) : folder.enter(found.exact));
  if (next === null) throw new SidecarError('FILE_EXISTS', 'a parent is a file');
  return next;
}

interface Leaf { leaf: string; name: string; isNormal: boolean; purpose: Purpose }

async function placeIn(parent: HeldFolder, { leaf, name, isNormal, purpose }: Leaf): Promise<Place> {
  try {
    const found = await parent.find(leaf);
    const isTwin = found.twin !== null || (found.exact !== null && !isNormal);
    if (purpose === 'put' && isTwin) throw twinExists();
    const path = parent.child(found.exact ?? leaf);
    const stats = found.exact === null ? null : await lstat(path);
    return { name, path, kind: kindOf(stats), stats, [Symbol.asyncDispose]: () => parent[Symbol.asyncDispose]() };
  } catch (error) {
    await parent[Symbol.asyncDispose]();
    throw error;
  }
}

function kindOf(stats: Stats | null): Place['kind'] {
  if (stats === null) return 'nothing';
  if (stats.isFile()) return 'file';
  return stats.isDirectory() ? 'folder' : 'other';
}

function twinExists(): SidecarError {
  return new SidecarError('FILE_EXISTS', 'a name that differs only by case or normal form exists', {
    detail: { en: 'it differs only in case or spelling form', zh: '仅大小写或字符形式不同' },
  });
}
