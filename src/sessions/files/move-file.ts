import { lstat, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { MoveRequest, WorkspaceEntry } from '../../contracts/index.ts';
import { SidecarError } from '../../contracts/index.ts';
import { isPortablePath, twinKey } from '../../content/index.ts';
import type { FilesContext } from './files-context.ts';
import { extensionOf, writableBytes } from './file-kinds.ts';
import { entryOf, forgetOrigins, moveOrigins, originsOf } from './file-origins.ts';
import { fileNotFound } from './read-file.ts';
import type { Place } from './resolve-in-workspace.ts';
import { resolveInWorkspace } from './resolve-in-workspace.ts';
import { storageError } from './storage-error.ts';
import { walkWorkspace } from './walk-workspace.ts';
import { invalidPath, readWorkspacePath } from './workspace-path.ts';

/** Moves or renames a file or folder. A file takes the place of another only with `overwrite`; a folder never does. */
export async function moveFile(context: FilesContext, sessionId: string, request: MoveRequest): Promise<WorkspaceEntry> {
  context.require(sessionId);
  const from = readWorkspacePath(request.from).name;
  const to = readWorkspacePath(request.to).name;
  return await context.queue.run(sessionId, async () => {
    const { workspace } = await context.folders(sessionId);
    await using source = await resolveInWorkspace(workspace, request.from, 'look');
    if (source === null || source.kind === 'nothing') throw fileNotFound();
    if (source.kind === 'other') throw invalidPath('links and special files are not moved');
    await checkTarget(workspace, { from, to, source });
    await using target = await openTarget(workspace, { from, to: request.to });
    requireFree(source, target, { overwrite: request.overwrite, isSame: from === to });
    await rename(source.path, target.path).catch((error: unknown) => { throw storageError(error, 'the file could not be moved'); });
    if (from !== to) {
      forgetOrigins(context, sessionId, to);
      moveOrigins(context, sessionId, { from, to });
    }
    return await describe(context, { sessionId, name: to, path: target.path });
  });
}

interface Names { from: string; to: string }

/** Checks what the names alone cannot say: types, and the depth of what a folder carries along. */
async function checkTarget(workspace: string, move: Names & { source: Place }): Promise<void> {
  const { from, to, source } = move;
  if (source.kind === 'file') {
    if (extensionOf(from) !== extensionOf(to)) writableBytes(to);
    return;
  }
  if (to.startsWith(`${from}/`)) throw invalidPath('a folder cannot move into itself');
  const carried = (await walkWorkspace(join(workspace, ...from.split('/')))).files;
  if (!carried.every((file) => isPortablePath(`${to}/${file.name}`))) throw invalidPath('a path below the folder would be too deep or long');
}

/** The place of the new name. A rename that changes only case or normal form finds itself as its twin, which is no conflict. */
async function openTarget(workspace: string, { from, to }: Names): Promise<Place> {
  const isRespelling = twinKey(from) === twinKey(to);
  if (!isRespelling) {
    const place = await resolveInWorkspace(workspace, to, 'put');
    if (place === null) throw fileNotFound();
    return place;
  }
  const place = await resolveInWorkspace(workspace, to, 'look');
  if (place === null) throw new SidecarError('FILE_EXISTS', 'a parent differs only by case');
  return place;
}

function requireFree(source: Place, target: Place, options: { overwrite: boolean; isSame: boolean }): void {
  if (options.isSame || target.kind === 'nothing') return;
  const isReplaceable = options.overwrite && source.kind === 'file' && target.kind === 'file';
  if (!isReplaceable) throw new SidecarError('FILE_EXISTS', 'the new name is taken');
}

async function describe(context: FilesContext, moved: { sessionId: string; name: string; path: string }): Promise<WorkspaceEntry> {
  const stats = await lstat(moved.path).catch((error: unknown) => { throw storageError(error, 'the moved file is gone'); });
  const entry = entryOf(moved.name, stats, originsOf(context, moved.sessionId).get(moved.name));
  return stats.isDirectory() ? { ...entry, size_bytes: 0 } : entry;
}
