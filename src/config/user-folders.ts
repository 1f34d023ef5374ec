import { existsSync } from 'node:fs';
import { dirname, join, posix, win32 } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where programs of this user keep things, by the rules of the system. */
export interface UserFolders { data: string; cache: string }

interface UserFacts { env: NodeJS.ProcessEnv; home: string; platform: NodeJS.Platform }

/** The folders of this program for the current user; they may not exist yet. */
export function userFolders({ env, home, platform }: UserFacts): UserFolders {
  const at = platform === 'win32' ? win32 : posix;
  const given = (name: string): string | null => {
    const value = env[name]?.trim() ?? '';
    return value !== '' && at.isAbsolute(value) ? value : null;
  };
  if (platform === 'win32') {
    const local = given('LOCALAPPDATA') ?? at.join(home, 'AppData', 'Local');
    return { data: at.join(local, 'sidecar'), cache: at.join(local, 'sidecar', 'cache') };
  }
  if (platform === 'darwin') {
    return { data: at.join(home, 'Library', 'Application Support', 'sidecar'), cache: at.join(home, 'Library', 'Caches', 'sidecar') };
  }
  return {
    data: at.join(given('XDG_DATA_HOME') ?? at.join(home, '.local', 'share'), 'sidecar'),
    cache: at.join(given('XDG_CACHE_HOME') ?? at.join(home, '.cache'), 'sidecar'),
  };
}

/** The folder that holds `prompts/` and `content/`: the program's own, or the checkout's when sources run. */
export function findProgramFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const candidates = [here, dirname(here), dirname(dirname(here))];
  return candidates.find((folder) => existsSync(join(folder, 'prompts'))) ?? here;
}

/** The checkout that a program folder belongs to, or null for an installed program. */
export function findCheckout(programDir: string): string | null {
  const candidates = [programDir, dirname(dirname(programDir))];
  return candidates.find((folder) => existsSync(join(folder, 'package-lock.json')) && existsSync(join(folder, 'src', 'main.ts'))) ?? null;
}
