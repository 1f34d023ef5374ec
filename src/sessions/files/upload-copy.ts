import { unlink } from 'node:fs/promises';
import type { FileOriginRow } from '../../store/index.ts';
import { readRegular, sha256 } from './file-bytes.ts';
import type { FilesContext } from './files-context.ts';
import { resolveInWorkspace } from './resolve-in-workspace.ts';

/** Removes the copy of an upload that a run has put into the workspace, unless somebody has changed it since. */
export async function removeCopy(context: FilesContext, upload: { sessionId: string; workspace: string; name: string }): Promise<void> {
  const { sessionId, workspace, name } = upload;
  const row = (area: FileOriginRow['area']): FileOriginRow | undefined => context.store.files.list(sessionId, area).find((each) => each.name === name);
  const [original, copy] = [row('upload'), row('workspace')];
  const isCopy = copy !== undefined && copy.origin === original?.origin && copy.sha256 !== null && copy.sha256 === original.sha256;
  if (!isCopy) return;
  await using place = await resolveInWorkspace(workspace, name, 'look').catch(() => null); // Held by something else than a file.
  if (place?.kind !== 'file' || place.stats?.size !== copy.size_bytes) return;
  const bytes = await readRegular(place.path, copy.size_bytes).catch(() => null); // Gone or changed meanwhile.
  if (bytes === null || sha256(bytes) !== copy.sha256) return;
  // A program may hold it open; then the next run brings it up to date.
  const isGone = await unlink(place.path).then(() => true, () => false);
  if (isGone) context.store.files.remove(sessionId, 'workspace', name);
}
