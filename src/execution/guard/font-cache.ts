import { copyFileSync, constants, lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { GuardedChild, SpawnRequest } from './guard-contract.ts';
import { removeTree } from './remove-tree.ts';

const MAKE_MS = 60_000;
const CACHE_FILE = /^fontlist-v[\w.]{1,40}\.json$/;
const MOST_BYTES = 16 * 1024 * 1024;

/** Lets matplotlib list the fonts once, inside the sandbox, and keeps the list. */
export async function makeFontCache(stateDir: string, start: (request: SpawnRequest) => Promise<GuardedChild>): Promise<boolean> {
  const kept = join(stateDir, 'matplotlib');
  if (cachesIn(kept).length > 0) return true;
  const folder = join(stateDir, 'font-cache');
  mkdirSync(join(folder, 'workspace'), { recursive: true, mode: 0o700 });
  const child = await start({
    lane: 'user', program: { script: 'selftest.py', matplotlibBackend: 'agg' },
    workspace: { folder: join(folder, 'workspace'), home: join(folder, 'home'), packages: null, sessionId: 'font-cache' },
  });
  const timer = setTimeout(() => void child.kill(), MAKE_MS);
  timer.unref();
  for (const stream of [child.stdout, child.stderr]) stream.resume();
  child.stdin.write(`${JSON.stringify({ test: 'fonts', limits: child.arm({}) })}\n`);
  await child.gone;
  clearTimeout(timer);
  const made = join(folder, 'home', '.matplotlib');
  for (const name of cachesIn(made)) {
    mkdirSync(kept, { recursive: true, mode: 0o700 });
    copyFileSync(join(made, name), join(kept, `${name}.new`));
    renameSync(join(kept, `${name}.new`), join(kept, name));
  }
  await removeTree(folder);
  return cachesIn(kept).length > 0;
}

/** Gives a child the list, where it has none yet and its folder is still to be made. */
export function seedFontCache(stateDir: string, target: string): void {
  const kept = join(stateDir, 'matplotlib');
  const names = cachesIn(kept);
  if (names.length === 0) return;
  try {
    // Only into a folder that is made here: code may have put a link in the place of an older one.
    mkdirSync(target, { mode: 0o700 });
  } catch {
    return;
  }
  for (const name of names) copyFileSync(join(kept, name), join(target, name), constants.COPYFILE_FICLONE);
}

/** Regular files of a sane size that look like a list of fonts. */
function cachesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => CACHE_FILE.test(name)).filter((name) => {
      const entry = lstatSync(join(folder, name));
      return entry.isFile() && entry.size <= MOST_BYTES;
    });
  } catch {
    return [];
  }
}
