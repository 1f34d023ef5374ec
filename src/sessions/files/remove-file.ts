import { rmdir, unlink } from 'node:fs/promises';
import { SidecarError } from '../../contracts/index.ts';
import { discard, setAside } from '../session-folder.ts';
import type { FilesContext } from './files-context.ts';
import { forgetOrigins } from './file-origins.ts';
import { fileNotFound } from './read-file.ts';
import type { Place } from './resolve-in-workspace.ts';
import { resolveInWorkspace } from './resolve-in-workspace.ts';
import { storageError, systemCode } from './storage-error.ts';

/** Removes a file, a link itself, or a folder; a folder with content only when `recursive` is set. */
export async function removeFile(
  context: FilesContext, target: { sessionId: string; name: string }, options: { recursive: boolean },
): Promise<void> {
  context.require(target.sessionId);
  await context.queue.run(target.sessionId, async () => {
    const { workspace } = await context.folders(target.sessionId);
    await using place = await resolveInWorkspace(workspace, target.name, 'look');
    if (place === null || place.kind === 'nothing') throw fileNotFound();
    await removePlace(context, place, options);
    forgetOrigins(context, target.sessionId, place.name);
  });
}

async function removePlace(context: FilesContext, place: Place, { recursive }: { recursive: boolean }): Promise<void> {
  try {
    if (place.kind !== 'folder') await unlink(place.path);
    else if (recursive) await discard(setAside(context.sessionsDir, place.path, context.ids));
    else await rmdir(place.path);
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (code === 'ENOENT') throw fileNotFound();
    if (code === 'ENOTEMPTY' || code === 'EEXIST') throw new SidecarError('DIRECTORY_NOT_EMPTY', 'the folder holds files', { cause: error });
    throw storageError(error, 'the file could not be removed');
  }
}
