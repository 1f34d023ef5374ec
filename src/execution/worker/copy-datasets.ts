import { createHash } from 'node:crypto';
import { constants, readdirSync } from 'node:fs';
import { copyFile, lstat, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileOriginRow, Store } from '../../store/index.ts';
import type { Clock } from '../../config/index.ts';

export interface DatasetFolders { sessionId: string; uploads: string; workspace: string }

/**
 * Copies uploads and chapter datasets that are not in the workspace yet under their bare names. Whatever has the name already wins, unless
 * it is our own copy of an upload that another one has replaced since. The copy keeps its origin, so that it counts for nobody's quota.
 */
export async function copyDatasets(tools: { store: Store; clock: Clock }, folders: DatasetFolders): Promise<string[]> {
  // Most runs copy nothing, and two lists take less time here than two trips to the thread pool.
  const names = filesIn(folders.uploads);
  if (names.length === 0) return [];
  const present = new Set(readdirSync(folders.workspace));
  const outdated = names.some((name) => present.has(name)) ? outdatedCopies(tools.store, folders.sessionId) : NONE;
  const copied: string[] = [];
  for (const name of names) {
    const old = outdated.get(name.normalize('NFC'));
    if (old !== undefined && present.has(name) && await dropUntouched(join(folders.workspace, name), old)) present.delete(name);
    if (!present.has(name) && await copyOne(folders, name)) copied.push(name);
  }
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

const NONE: ReadonlyMap<string, FileOriginRow> = new Map();

/** Copies that we made of files which another one of their name has replaced since, by name. */
function outdatedCopies(store: Store, sessionId: string): ReadonlyMap<string, FileOriginRow> {
  const uploads = rowsByName(store, sessionId, 'upload');
  const isOutdated = ({ name, origin, sha256 }: FileOriginRow): boolean => {
    const upload = uploads.get(name);
    // A file of the chapter that only shares its name with an upload is no copy of it.
    return upload !== undefined && upload.origin === origin && upload.sha256 !== null && sha256 !== null && upload.sha256 !== sha256;
  };
  return new Map([...rowsByName(store, sessionId, 'workspace')].filter(([, row]) => isOutdated(row)));
}

function rowsByName(store: Store, sessionId: string, area: FileOriginRow['area']): Map<string, FileOriginRow> {
  return new Map(store.files.list(sessionId, area).map((row) => [row.name, row]));
}

/** Removes a copy that is still what we put there. False when anybody changed it, which makes it the learner's. */
async function dropUntouched(path: string, row: FileOriginRow): Promise<boolean> {
  try {
    const isUntouched = await hashOf(path, row.size_bytes) === row.sha256;
    if (isUntouched) await unlink(path);
    return isUntouched;
  } catch {
    return false; // No plain file any more, or one that cannot be read or removed now: it stays as it is.
  }
}

/** SHA-256 of a regular file of this size; null for anything else. */
async function hashOf(path: string, size: number): Promise<string | null> {
  // Follows no link and waits for no pipe. Windows knows neither flag.
  await using handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  const stats = await handle.stat();
  if (!stats.isFile() || stats.size !== size) return null;
  const hash = createHash('sha256');
  for await (const chunk of handle.createReadStream({ autoClose: false })) hash.update(chunk as Buffer);
  return hash.digest('hex');
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
  const origins = rowsByName(store, sessionId, 'upload');
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
