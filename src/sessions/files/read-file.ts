import type { FileContent, WorkspaceEntry } from '../../contracts/index.ts';
import { SidecarError } from '../../contracts/index.ts';
import type { FilesContext } from './files-context.ts';
import { decodeExactly, etagOf, readRegular } from './file-bytes.ts';
import { rawContentType } from './file-kinds.ts';
import { entryOf, originsOf } from './file-origins.ts';
import { invalidPath } from './workspace-path.ts';
import { resolveInWorkspace } from './resolve-in-workspace.ts';
import { walkWorkspace } from './walk-workspace.ts';

/** Code can create larger files; they stay listed and can be deleted or moved. */
const MAX_READ_BYTES = 32 * 1024 * 1024;

/** All regular files of the workspace, sorted by name; with a prefix, only names that begin with it. */
export async function listFiles(context: FilesContext, sessionId: string, prefix: string | undefined): Promise<WorkspaceEntry[]> {
  context.require(sessionId);
  const { workspace } = await context.folders(sessionId);
  const wanted = (prefix ?? '').normalize('NFC');
  const tree = await walkWorkspace(workspace);
  const origins = originsOf(context, sessionId);
  return tree.files.filter(({ name }) => name.startsWith(wanted)).map(({ name, stats }) => entryOf(name, stats, origins.get(name)));
}

/** One file as text, or as base64 when it is no UTF-8. */
export async function readFile(context: FilesContext, sessionId: string, name: string): Promise<FileContent & { etag: string }> {
  const file = await readBytes(context, sessionId, name);
  const text = decodeExactly(file.bytes);
  const content = text ?? Buffer.from(file.bytes).toString('base64');
  return { name: file.name, content, size_bytes: file.bytes.length, encoding: text === null ? 'base64' : 'utf-8', etag: etagOf(file.bytes) };
}

/** One file as bytes, with the type that a raw answer gives. */
export async function readRawFile(
  context: FilesContext, sessionId: string, name: string,
): Promise<{ bytes: Uint8Array; contentType: string; fileName: string; etag: string }> {
  const { name: normal, bytes } = await readBytes(context, sessionId, name);
  return { bytes, contentType: rawContentType(normal), fileName: normal.slice(normal.lastIndexOf('/') + 1), etag: etagOf(bytes) };
}

async function readBytes(context: FilesContext, sessionId: string, name: string): Promise<{ name: string; bytes: Buffer }> {
  context.require(sessionId);
  const { workspace } = await context.folders(sessionId);
  await using place = await resolveInWorkspace(workspace, name, 'look');
  if (place === null || place.kind === 'nothing' || place.kind === 'folder') throw fileNotFound();
  if (place.kind === 'other') throw invalidPath('not a regular file');
  return { name: place.name, bytes: await readRegular(place.path, MAX_READ_BYTES) };
}

/** The refusal of a name that leads nowhere. */
export function fileNotFound(): SidecarError {
  return new SidecarError('FILE_NOT_FOUND', 'no such file in the workspace');
}
