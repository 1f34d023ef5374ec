import { lstat } from 'node:fs/promises';
import type { PutFileRequest, WorkspaceEntry } from '../../contracts/index.ts';
import { LIMITS, SidecarError } from '../../contracts/index.ts';
import { draftPath } from '../session-folder.ts';
import type { SessionPaths } from '../session-folder.ts';
import type { FilesContext } from './files-context.ts';
import { etagOf, putInPlace, readRegular, writeNew } from './file-bytes.ts';
import { tooLarge, writableBytes } from './file-kinds.ts';
import { originsOf, ownUse, recordWrite } from './file-origins.ts';
import { resolveInWorkspace } from './resolve-in-workspace.ts';
import { storageError } from './storage-error.ts';
import { walkWorkspace } from './walk-workspace.ts';
import { invalidPath, readWorkspacePath } from './workspace-path.ts';

/** New bytes for a workspace file. `maxBytes` widens the limit of the file's type, for callers with a limit of their own. */
export interface FileChange { bytes: Uint8Array; ifMatch: string | null; maxBytes?: number }

/** Writes a file as a request states it. Throws VALIDATION_FAILED for content that is not what `encoding` says. */
export async function writeFile(
  context: FilesContext, target: { sessionId: string; name: string }, change: PutFileRequest & { ifMatch: string | null },
): Promise<WorkspaceEntry> {
  context.require(target.sessionId);
  const { etag: _etag, ...entry } = await writeBytes(context, target, { bytes: decodeContent(change), ifMatch: change.ifMatch });
  return entry;
}

/** Writes a file at once or not at all, making the folders above it. Quotas, types, twins and `if-match` are checked before. */
export async function writeBytes(
  context: FilesContext, target: { sessionId: string; name: string }, change: FileChange,
): Promise<WorkspaceEntry & { etag: string }> {
  context.require(target.sessionId);
  const { name } = readWorkspacePath(target.name);
  const limit = Math.max(writableBytes(name), change.maxBytes ?? 0);
  if (change.bytes.length > limit) throw tooLarge(limit);
  return await context.queue.run(target.sessionId, async () => {
    const paths = await context.folders(target.sessionId);
    const oldSize = await checkCurrent(paths, target.name, change);
    await checkQuota(context, paths, { sessionId: target.sessionId, oldSize, newSize: change.bytes.length });
    await using place = await resolveInWorkspace(paths.workspace, target.name, 'put');
    if (place === null || place.kind === 'folder') throw new SidecarError('FILE_EXISTS', 'a folder has this name');
    if (place.kind === 'other') throw invalidPath('not a regular file');
    const draft = draftPath(context.sessionsDir, context.ids);
    await writeNew(draft, change.bytes);
    await putInPlace(draft, place.path);
    recordWrite(context, target.sessionId, { name, bytes: change.bytes });
    const stats = await lstat(place.path).catch((error: unknown) => { throw storageError(error, 'the written file is gone'); });
    return {
      name, size_bytes: change.bytes.length, modified_at: stats.mtime.toISOString(), source: 'user', etag: etagOf(change.bytes),
    };
  });
}

/** Size of the file that will be replaced, null for a new one. Throws PRECONDITION_FAILED. */
async function checkCurrent(paths: SessionPaths, name: string, change: FileChange): Promise<number | null> {
  await using place = await resolveInWorkspace(paths.workspace, name, 'look');
  const size = place?.kind === 'file' ? (place.stats?.size ?? 0) : null;
  if (change.ifMatch === null) return size;
  if (place === null || size === null) throw preconditionFailed();
  const wanted = change.ifMatch.split(',').map((tag) => tag.trim());
  if (wanted.includes('*')) return size;
  const current = etagOf(await readRegular(place.path, Math.max(size, LIMITS.workspace_text_bytes)));
  if (!wanted.includes(current)) throw preconditionFailed();
  return size;
}

async function checkQuota(
  context: FilesContext, paths: SessionPaths, write: { sessionId: string; oldSize: number | null; newSize: number },
): Promise<void> {
  if (write.oldSize !== null && write.newSize <= write.oldSize) return;
  const use = ownUse(await walkWorkspace(paths.workspace), originsOf(context, write.sessionId));
  const files = use.files + (write.oldSize === null ? 1 : 0);
  const bytes = use.bytes - (write.oldSize ?? 0) + write.newSize;
  if (files > LIMITS.workspace_files) throw quotaExceeded(`${LIMITS.workspace_files} files`, `${LIMITS.workspace_files} 个文件`);
  if (bytes > LIMITS.workspace_bytes) throw quotaExceeded('200 MiB', '200 MiB');
}

function decodeContent({ content, encoding }: PutFileRequest): Uint8Array {
  if (encoding === 'utf-8') {
    if (!content.isWellFormed()) throw wrongContent('not well-formed text');
    return Buffer.from(content, 'utf8');
  }
  const bytes = Buffer.from(content, 'base64');
  // Buffer skips what it does not know; only a text that comes back the same was base64.
  if (bytes.toString('base64') !== content) throw wrongContent('not base64');
  return bytes;
}

/** The refusal of bytes or files beyond a session's quota. */
export function quotaExceeded(en: string, zh: string): SidecarError {
  return new SidecarError('QUOTA_EXCEEDED', `quota: ${en}`, { detail: { en: `at most ${en}`, zh: `最多 ${zh}` } });
}

function wrongContent(rule: string): SidecarError {
  return new SidecarError('VALIDATION_FAILED', `content: ${rule}`, { detail: `content: ${rule}` });
}

function preconditionFailed(): SidecarError {
  return new SidecarError('PRECONDITION_FAILED', 'if-match names another version');
}
