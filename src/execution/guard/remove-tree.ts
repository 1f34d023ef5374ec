import { lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

const LIFT_DEPTH = 64;
/** Entries that may be removed without leaving the event loop. */
const QUICK_ENTRIES = 12;

/** Removes a folder with all it holds, however deep it is nested; links are removed, not followed. False when something stays. */
export async function removeTree(folder: string): Promise<boolean> {
  if (removeQuickly(folder)) return true;
  for (let round = 0; round < 1000; round += 1) {
    try {
      await rm(folder, { recursive: true, force: true, maxRetries: 2, retryDelay: 20 });
      return true;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : null;
      if (code !== 'ENAMETOOLONG' || !(await liftDeepFolders(folder).catch(isMissing))) return false;
    }
  }
  return false;
}

/** Most run folders hold one file and some empty folders: that takes less time here than one trip to the thread pool. */
function removeQuickly(folder: string): boolean {
  try {
    if (!lstatSync(folder).isDirectory()) return false;
    const entries = readdirSync(folder, { withFileTypes: true });
    if (entries.length > QUICK_ENTRIES) return false;
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) rmdirSync(path);
      else unlinkSync(path);
    }
    rmdirSync(folder);
    return true;
  } catch {
    return false; // Not empty inside, or gone already: the thorough way decides.
  }
}

/** Code can nest folders by `chdir` beyond the longest path; the deep part is moved up, so that paths become short enough. */
async function liftDeepFolders(top: string): Promise<boolean> {
  const lifted = join(top, `lifted-${process.hrtime.bigint().toString(36)}`);
  let level = [top];
  for (let depth = 0; depth < LIFT_DEPTH && level.length > 0; depth += 1) level = (await Promise.all(level.map(foldersIn))).flat();
  if (level.length === 0) return false;
  await mkdir(lifted);
  for (const [index, folder] of level.entries()) await rename(folder, join(lifted, String(index)));
  return true;
}

/** A removal that failed goes on for a moment in its other branches, so that a folder may go while it is looked at. */
function isMissing(error: unknown): true {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return true;
  throw error;
}

async function foldersIn(folder: string): Promise<string[]> {
  if (!(await lstat(folder)).isDirectory()) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
}
