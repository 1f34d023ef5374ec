import { constants, readdirSync } from 'node:fs';
import { copyFile, lstat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store } from '../../store/index.ts';
import type { Clock } from '../../config/index.ts';

export interface DatasetFolders { sessionId: string; uploads: string; workspace: string }

/**
 * Copies uploads and chapter datasets that are not in the workspace yet under their bare names. Whatever has the name already wins.
 * The copy keeps its origin, so that it counts for nobody's quota.
 */
export async function copyDatasets(tools: { store: Store; clock: Clock }, folders: DatasetFolders): Promise<string[]> {
  // Most runs copy nothing, and two lists take less time here than two trips to the thread pool.
  const names = filesIn(folders.uploads);
  if (names.length === 0) return [];
  const present = new Set(readdirSync(folders.workspace));
  const missing = names.filter((name) => !present.has(name));
  const copied: string[] = [];
  for (const name of missing) if (await copyOne(folders, name)) copied.push(name);
  if (copied.length > 0) await record(tools, folders, copied);
  return copied;
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => entry.name);
  } catch {
    return []; // Nothing was ever uploaded.
  }
}

async function copyOne({ uploads, workspace }: DatasetFolders, name: string): Promise<boolean> {
  const target = join(workspace, name);
  try {
    // Exclusive: a link or file that appears meanwhile is left alone. Cloned where the file system can.
    await copyFile(join(uploads, name), target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    await unlink(target).catch(() => {}); // A half copy; gone already when it never began.
    throw error;
  }
}

async function record({ store, clock }: { store: Store; clock: Clock }, { sessionId, workspace }: DatasetFolders, names: readonly string[]): Promise<void> {
  const origins = new Map(store.files.list(sessionId, 'upload').map((row) => [row.name, row]));
  const sizes = await Promise.all(names.map(async (name) => (await lstat(join(workspace, name))).size));
  const turnIndex = store.sessions.get(sessionId)?.state.turn_index ?? 0;
  store.transaction(() => {
    names.forEach((name, index) => {
      const origin = origins.get(name.normalize('NFC'));
      store.files.put({
        session_id: sessionId, area: 'workspace', name: name.normalize('NFC'), origin: origin?.origin ?? 'upload', sha256: origin?.sha256 ?? null,
        size_bytes: sizes[index] ?? 0, created_at: clock.now().toISOString(), turn_index: turnIndex,
      });
    });
  });
}
