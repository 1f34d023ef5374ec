import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Folder that holds one folder per child. */
export function runsFolder(stateDir: string): string {
  return join(stateDir, 'runs');
}

/** Makes the private folder of one child: `tmp` and `shm` inside are its temporary space where that is a folder. */
export function createRunFolder(stateDir: string, id: string): string {
  const folder = join(runsFolder(stateDir), id);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of ['tmp', 'shm']) mkdirSync(join(folder, name), { mode: 0o700 });
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
