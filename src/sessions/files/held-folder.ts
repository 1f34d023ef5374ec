import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, realpath, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { twinKey } from '../../content/index.ts';
import { invalidPath } from './workspace-path.ts';
import { systemCode } from './storage-error.ts';

/** What a folder holds under a name: the entry as it is spelled on the disk, or a twin that differs by more than normal form. */
export interface FoundName { exact: string | null; twin: string | null }

/** True when `target` is `root` or lies below it; both are real paths. */
export function isBelow(root: string, target: string): boolean {
  const path = relative(root, target);
  return path === '' || (path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path));
}

/**
 * A folder that is reached through its open descriptor, so that nobody can swap a parent for a link between check and use.
 * Where the system offers no way through a descriptor, the real path is checked at every step instead.
 */
export class HeldFolder implements AsyncDisposable {
  readonly #root: string;
  readonly #real: string;
  readonly #handle: FileHandle | null;

  private constructor(root: string, real: string, handle: FileHandle | null) {
    this.#root = root;
    this.#real = real;
    this.#handle = handle;
  }

  /** Opens the root of a workspace. Throws the system's error when it is missing, INVALID_PATH when it is a link. */
  static async open(root: string): Promise<HeldFolder> {
    if (!(await lstat(root)).isDirectory()) throw invalidPath('the root of the workspace is no folder');
    const real = await realpath(root);
    return new HeldFolder(real, real, await holdFolder(root));
  }

  /** Path of an entry for the next system call. */
  child(name: string): string {
    return join(this.path, name);
  }

  /** Path of the folder for the next system call. */
  get path(): string {
    return this.#handle === null ? this.#real : `/proc/self/fd/${this.#handle.fd}`;
  }

  /** Looks a name up as it is spelled on the disk; normal forms count as equal, case does not. */
  async find(name: string): Promise<FoundName> {
    const names = await readdir(this.path);
    if (names.includes(name)) return { exact: name, twin: null };
    const exact = names.find((candidate) => candidate.normalize('NFC') === name) ?? null;
    const twin = exact === null ? (names.find((candidate) => twinKey(candidate) === twinKey(name)) ?? null) : null;
    return { exact, twin };
  }

  /** Opens a folder below; null when the name is a file. Throws INVALID_PATH for links and anything special. */
  async enter(name: string): Promise<HeldFolder | null> {
    const path = this.child(name);
    const entry = await lstat(path);
    if (entry.isFile()) return null;
    if (!entry.isDirectory()) throw invalidPath('a parent is a link or no folder');
    const handle = await holdFolder(path);
    const real = join(this.#real, name);
    try {
      // A real path that is not the plain one means that a parent is a link by now.
      if (handle === null && (await realpath(real)) !== real) throw invalidPath('a parent is a link');
      if (!isBelow(this.#root, real)) throw invalidPath('the path leaves the workspace');
    } catch (error) {
      await handle?.close();
      throw error;
    }
    return new HeldFolder(this.#root, real, handle);
  }

  /** Makes a folder below and opens it; an existing one is opened. */
  async make(name: string): Promise<HeldFolder | null> {
    await mkdir(this.child(name), { mode: 0o700 }).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error;
    });
    return await this.enter(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close();
  }
}

/** Opens a folder without following a last link; null where paths cannot go through a descriptor. */
async function holdFolder(path: string): Promise<FileHandle | null> {
  if (process.platform !== 'linux') return null;
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (systemCode(error) === 'ELOOP' || systemCode(error) === 'ENOTDIR') throw invalidPath('a parent is a link or no folder');
    throw error;
  }
  if (await stat(`/proc/self/fd/${handle.fd}`).catch(() => null) !== null) return handle;
  await handle.close();
  return null; // A container without /proc; the checks by real path remain.
}
