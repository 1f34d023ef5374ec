import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

const PART_DEPTH = 64;

/** Removes a folder with all it holds, however deep it is nested; links are removed, not followed. False when something stays. */
export async function removeTree(folder: string): Promise<boolean> {
  const end = await removeWhole(folder);
  return end === 'too deep' ? await removeInParts(folder) : end === 'removed';
}

async function removeWhole(folder: string): Promise<'removed' | 'stays' | 'too deep'> {
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 2, retryDelay: 20 });
    return 'removed';
  } catch (error) {
    return codeOf(error) === 'ENAMETOOLONG' ? 'too deep' : 'stays';
  }
}

/** Code can nest folders by `chdir` beyond the longest path. Each part that is low enough is cut off at its bottom; what hung there is the next. */
async function removeInParts(top: string): Promise<boolean> {
  const pit = join(top, `cut-${process.hrtime.bigint().toString(36)}`);
  let count = 0;
  const cut = async (part: string): Promise<string[]> => {
    const places: string[] = [];
    for (const folder of await foldersAt(part, PART_DEPTH)) {
      const place = join(pit, String(count += 1));
      if (await rename(folder, place).then(() => true, isMissing)) places.push(place);
    }
    return places;
  };
  try {
    await mkdir(pit);
    const parts = await cut(top);
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      parts.push(...await cut(part));
      if ((await removeWhole(part)) !== 'removed') return false;
    }
  } catch {
    return false; // It stays, whatever the reason.
  }
  return (await removeWhole(top)) === 'removed';
}

async function foldersAt(top: string, depth: number): Promise<string[]> {
  let level = [top];
  for (let each = 0; each < depth && level.length > 0; each += 1) level = (await Promise.all(level.map(foldersIn))).flat();
  return level;
}

/** A removal that failed goes on for a moment in its other branches, so that a folder may go while it is looked at. */
function isMissing(error: unknown): false {
  if (codeOf(error) === 'ENOENT') return false;
  throw error;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : null;
}

async function foldersIn(folder: string): Promise<string[]> {
  try {
    if (!(await lstat(folder)).isDirectory()) return [];
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
  } catch (error) {
    return isMissing(error) || [];
  }
}
