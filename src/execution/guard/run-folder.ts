import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Folder that holds one folder per child. */
export function runsFolder(stateDir: string): string {
  return join(stateDir, 'runs');
}

/** Makes the private folder of one child: `tmp` and `shm` inside are its temporary space where that is a folder. */
export async function createRunFolder(stateDir: string, id: string): Promise<string> {
  const folder = join(runsFolder(stateDir), id);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await Promise.all(['tmp', 'shm'].map(async (name) => await mkdir(join(folder, name), { mode: 0o700 })));
  return folder;
}

/** What the program learns from the host before it restricts itself; it removes the file. */
export function writePolicy(runFolder: string, policy: object): void {
  writeFileSync(join(runFolder, 'guard.json'), JSON.stringify(policy), { mode: 0o600 });
}

/** Run folders that are there now. */
export function listRunFolders(stateDir: string): string[] {
  const folder = runsFolder(stateDir);
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}
