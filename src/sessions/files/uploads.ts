import { readdir, rename, unlink, lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { UploadedFile } from '../../contracts/index.ts';
import { LIMITS, SidecarError } from '../../contracts/index.ts';
import { isPortableName, twinKey } from '../../content/index.ts';
import type { FileOriginRow } from '../../store/index.ts';
import type { UploadPart } from '../sessions-contract.ts';
import { discard, draftPath, setAside } from '../session-folder.ts';
import type { FilesContext } from './files-context.ts';
import { sha256, writeNew } from './file-bytes.ts';
import { extensionOf, requireUploadType, tooLarge } from './file-kinds.ts';
import { fileNotFound } from './read-file.ts';
import { removeCopy } from './upload-copy.ts';
import { resolveInWorkspace } from './resolve-in-workspace.ts';
import { storageError, systemCode } from './storage-error.ts';
import { cleanUploadName, takeFreeName } from './upload-name.ts';
import { invalidPath, readWorkspacePath } from './workspace-path.ts';
import { quotaExceeded } from './write-file.ts';

/** Uploads and chapter datasets, newest first. */
export async function listUploads(context: FilesContext, sessionId: string): Promise<UploadedFile[]> {
  context.require(sessionId);
  const { uploads } = await context.folders(sessionId);
  const files = await readUploads(uploads, context.store.files.list(sessionId, 'upload'));
  return files.map(({ file }) => file).sort((left, right) => right.upload_time - left.upload_time || (left.filename < right.filename ? -1 : 1));
}

/** Stores all parts or none. */
export async function addUploads(
  context: FilesContext, sessionId: string, parts: readonly UploadPart[],
): Promise<{ files: UploadedFile[]; message: string }> {
  const session = context.require(sessionId);
  checkParts(parts);
  const names = parts.map((part) => cleanUploadName(part.name));
  names.forEach(requireUploadType);
  return await context.queue.run(sessionId, async () => {
    const { uploads } = await context.folders(sessionId);
    const present = await readUploads(uploads, context.store.files.list(sessionId, 'upload'));
    checkQuota(present, parts);
    const taken = new Set((await readdir(uploads)).map(twinKey));
    const drafts = parts.map((part, index) => ({ part, name: takeFreeName(names[index] ?? '', taken), path: draftPath(context.sessionsDir, context.ids) }));
    await storeDrafts(context, drafts, { sessionId, uploads, turnIndex: session.state.turn_index });
    const stored = new Set(drafts.map((draft) => draft.name));
    const files = (await listUploads(context, sessionId)).filter((file) => stored.has(file.filename));
    const zh = session.language.toLowerCase().startsWith('zh');
    return { files, message: zh ? `已上传 ${files.length} 个文件` : `${files.length} file${files.length === 1 ? '' : 's'} uploaded` };
  });
}

/** Removes one upload or dataset copy, and with it the copy in the workspace that nobody has changed. */
export async function removeUpload(context: FilesContext, sessionId: string, name: string): Promise<{ success: true; message: string }> {
  const session = context.require(sessionId);
  if (readWorkspacePath(name).segments.length !== 1) throw invalidPath('uploads have no folders');
  await context.queue.run(sessionId, async () => {
    const { uploads, workspace } = await context.folders(sessionId);
    await using place = await resolveInWorkspace(uploads, name, 'look');
    if (place === null || place.kind === 'nothing' || place.kind === 'folder') throw fileNotFound();
    await unlink(place.path).catch((error: unknown) => {
      throw systemCode(error) === 'ENOENT' ? fileNotFound() : storageError(error, 'the upload could not be removed');
    });
    await removeCopy(context, { sessionId, workspace, name: place.name });
    context.store.files.remove(sessionId, 'upload', place.name);
  });
  return { success: true, message: session.language.toLowerCase().startsWith('zh') ? '文件已删除' : 'file deleted' };
}

function checkParts(parts: readonly UploadPart[]): void {
  if (parts.length === 0) throw new SidecarError('VALIDATION_FAILED', 'files: required', { detail: 'files: required' });
  if (parts.length > LIMITS.upload_files) {
    throw new SidecarError('TOO_MANY_FILES', 'too many parts', { detail: { en: `at most ${LIMITS.upload_files}`, zh: `最多 ${LIMITS.upload_files} 个` } });
  }
  const bytes = parts.reduce((sum, part) => sum + part.bytes.length, 0);
  if (bytes > LIMITS.upload_file_bytes) throw tooLarge(LIMITS.upload_file_bytes);
}

interface StoredUpload { file: UploadedFile; size: number; isOwn: boolean }

/** Chapter datasets count for nobody's quota. */
function checkQuota(present: readonly StoredUpload[], parts: readonly UploadPart[]): void {
  const own = present.filter((upload) => upload.isOwn);
  if (own.length + parts.length > LIMITS.upload_session_files) {
    throw quotaExceeded(`${LIMITS.upload_session_files} files`, `${LIMITS.upload_session_files} 个文件`);
  }
  const bytes = [...own.map(({ size }) => size), ...parts.map((part) => part.bytes.length)].reduce((sum, size) => sum + size, 0);
  if (bytes > LIMITS.upload_session_bytes) throw quotaExceeded('200 MiB', '200 MiB');
}

interface Draft { part: UploadPart; name: string; path: string }

async function storeDrafts(
  context: FilesContext, drafts: readonly Draft[], session: { sessionId: string; uploads: string; turnIndex: number },
): Promise<void> {
  const done: string[] = [];
  try {
    for (const { part, path } of drafts) {
      done.push(path);
      await writeNew(path, part.bytes);
    }
    for (const { name, path } of drafts) {
      const place = join(session.uploads, name);
      await rename(path, place).catch((error: unknown) => { throw storageError(error, 'the upload could not be stored'); });
      done.push(place);
    }
    recordUploads(context, drafts, session);
  } catch (error) {
    for (const path of done) await discard(setAside(context.sessionsDir, path, context.ids));
    throw error;
  }
}

function recordUploads(context: FilesContext, drafts: readonly Draft[], session: { sessionId: string; turnIndex: number }): void {
  const createdAt = context.clock.now().toISOString();
  context.store.transaction(() => {
    for (const { part, name } of drafts) {
      context.store.files.put({
        session_id: session.sessionId, area: 'upload', name, origin: 'upload', sha256: sha256(part.bytes), size_bytes: part.bytes.length,
        created_at: createdAt, turn_index: session.turnIndex,
      });
    }
  });
}

async function readUploads(folder: string, rows: readonly FileOriginRow[]): Promise<StoredUpload[]> {
  const origins = new Map(rows.map((row) => [row.name, row]));
  const found: StoredUpload[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const filename = entry.name.normalize('NFC');
    const stats = entry.isFile() && isPortableName(filename) ? await lstat(join(folder, entry.name)).catch(() => null) : null;
    if (stats === null) continue;
    const row = origins.get(filename);
    const origin = row?.origin === 'bundle' ? 'bundle' : 'upload';
    const time = row === undefined ? stats.mtimeMs : Date.parse(row.created_at);
    found.push({
      file: { filename, size: stats.size, upload_time: time / 1000, file_type: extensionOf(filename), origin },
      size: stats.size, isOwn: origin === 'upload',
    });
  }
  return found;
}
