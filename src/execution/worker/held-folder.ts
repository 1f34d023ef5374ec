import { closeSync, constants, lstatSync, openSync, readdirSync, realpathSync } from 'node:fs';
import type { Dirent } from 'node:fs';
import { join } from 'node:path';

/** A folder that programs can write, held open: `path` leads to it whatever happens to its name meanwhile. */
export interface HeldFolder { path: string; real: string; fd: number | null }

/** Opens a folder, entering `names` from the root one by one without following a link; null when one of them is no folder. */
export function holdFolder(root: string, names: readonly string[] = []): HeldFolder | null {
  let held = hold(root, root);
  for (const name of names) {
    const parent: HeldFolder | null = held;
    if (parent === null) return null;
    held = holdBelow(parent, name);
    releaseFolder(parent);
  }
  return held;
}

/** Opens a folder in a held one. */
export function holdBelow(folder: HeldFolder, name: string): HeldFolder | null {
  return hold(join(folder.path, name), join(folder.real, name));
}

export function releaseFolder({ fd }: HeldFolder): void {
  if (fd !== null) closeSync(fd);
}

/** What lies in a held folder; nothing when it is gone. */
export function entriesOf(folder: HeldFolder): Dirent[] {
  try {
    // Without a held descriptor the real path must still be the plain one.
    if (folder.fd === null && realpathSync(folder.real) !== folder.real) return [];
    return readdirSync(folder.path, { withFileTypes: true });
  } catch {
    return []; // Removed meanwhile.
  }
}

function hold(path: string, real: string): HeldFolder | null {
  try {
    if (!lstatSync(path).isDirectory()) return null;
    if (process.platform !== 'linux') return { path: real, real, fd: null };
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    return { path: `/proc/self/fd/${fd}`, real, fd };
  } catch {
    return null; // Gone, or a link by now.
  }
}
