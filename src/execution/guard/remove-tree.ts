import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

const LIFT_DEPTH = 64;

/** Removes a folder with all it holds, however deep it is nested; links are removed, not followed. False when something stays. */
export async function removeTree(folder: string): Promise<boolean> {
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
