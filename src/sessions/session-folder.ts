import { access, lstat, mkdir, readdir, rm, unlink, writeFile } from 'node:fs/promises';
import { renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Ids } from '../config/index.ts';
import { storageError, systemCode } from './files/storage-error.ts';

/** The folders of one session. */
export interface SessionPaths {
  readonly folder: string;
  /** What the learner sees and learner code may write. */
  readonly workspace: string;
  /** Uploads and chapter datasets. */
  readonly uploads: string;
  /** `HOME` of learner code. */
  readonly home: string;
  /** The learner's view of the chapter, made on first request. */
  readonly chapterView: string;
}

/** Prefixes of what is being made or thrown away; what still exists at a start is a leftover of a killed process. */
const MAKING = '.new-';
const LEAVING = '.trash-';
/** Lies in a new session's folder until its row is committed. */
const UNSETTLED = '.sidecar-new';

/** Where a session's files lie. */
export function sessionPaths(sessionsDir: string, sessionId: string): SessionPaths {
  return pathsOf(join(sessionsDir, sessionId));
}

function pathsOf(folder: string): SessionPaths {
  return {
    folder, workspace: join(folder, 'user_workspace'), uploads: join(folder, 'working_files'), home: join(folder, 'home'),
    chapterView: join(folder, 'chapter_view'),
  };
}

/** A folder that is being made beside its final place. */
export interface FolderDraft extends AsyncDisposable {
  readonly paths: SessionPaths;
  /** Puts it into its place at once. Synchronous, so that it can be part of a transaction. */
  settle(sessionId: string): void;
}

/** A path beside the session folders for something unfinished. */
export function draftPath(sessionsDir: string, ids: Ids): string {
  return join(sessionsDir, `${MAKING}${ids.secret(9)}`);
}

/** Makes the empty folders of a session under a temporary name; disposing removes them unless they were settled. */
export async function draftSessionFolder(sessionsDir: string, ids: Ids): Promise<FolderDraft> {
  const paths = pathsOf(draftPath(sessionsDir, ids));
  await makeFolders(paths);
  await writeFile(join(paths.folder, UNSETTLED), '', { mode: 0o600 }).catch((error: unknown) => {
    throw storageError(error, 'the session folder could not be made');
  });
  let settled = false;
  return {
    paths,
    settle: (sessionId) => {
      try {
        renameSync(paths.folder, join(sessionsDir, sessionId));
      } catch (error) {
        throw storageError(error, 'the session folder could not be made');
      }
      settled = true;
    },
    [Symbol.asyncDispose]: async () => {
      if (!settled) await rm(paths.folder, { recursive: true, force: true });
    },
  };
}

/** Makes what is missing of a session's folders; the sessions folder itself is never made again. */
export async function ensureSessionFolders(paths: SessionPaths): Promise<void> {
  await makeFolders(paths);
}

/** A folder that came from elsewhere may hold links where its own folders belong; the links go, never what they lead to. Returns their names. */
export async function removeLinkedFolders({ workspace, uploads, home }: SessionPaths): Promise<string[]> {
  const removed: string[] = [];
  for (const path of [workspace, uploads, home]) {
    const stats = await lstat(path).catch(() => null);
    if (stats?.isSymbolicLink() !== true) continue;
    await unlink(path);
    removed.push(basename(path));
  }
  return removed;
}

async function makeFolders({ folder, workspace, uploads, home }: SessionPaths): Promise<void> {
  try {
    for (const path of [folder, workspace, uploads, home]) {
      await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
        if (systemCode(error) !== 'EEXIST') throw error;
      });
    }
  } catch (error) {
    throw storageError(error, 'the session folder could not be made');
  }
}

/** Moves something out of sight at once; returns where it went, or null when it was not there. Synchronous for transactions. */
export function setAside(sessionsDir: string, path: string, ids: Ids): string | null {
  const target = join(sessionsDir, `${LEAVING}${ids.secret(9)}`);
  try {
    renameSync(path, target);
    return target;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw storageError(error, 'the folder could not be removed');
  }
}

/** Removes what `setAside` moved. Failing only leaves work for the next start. */
export async function discard(path: string | null): Promise<void> {
  if (path !== null) await rm(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 50 }).catch(() => undefined);
}

/** The row of a new session is committed: its folder is no draft any more. */
export async function markSettled(paths: SessionPaths): Promise<void> {
  await unlink(join(paths.folder, UNSETTLED)).catch(() => undefined); // Left for the next start, which looks at the row.
}

/** True for the folder of a session whose row was never committed. */
export async function isUnsettled(paths: SessionPaths): Promise<boolean> {
  return await access(join(paths.folder, UNSETTLED)).then(() => true, () => false);
}

/** Removes what a killed process left unfinished; returns how many entries went. `isKnown`: does a session have a row? */
export async function sweepLeftovers(sessionsDir: string, isKnown: (sessionId: string) => boolean): Promise<number> {
  const names = await readdir(sessionsDir).catch(() => []);
  let removed = 0;
  for (const name of names) {
    const paths = sessionPaths(sessionsDir, name);
    const isTemporary = name.startsWith(MAKING) || name.startsWith(LEAVING);
    const isDraft = !isTemporary && await isUnsettled(paths);
    if (isDraft && isKnown(name)) await markSettled(paths);
    else if (isDraft || isTemporary) {
      await discard(paths.folder);
      removed += 1;
    }
  }
  return removed;
}
