import { LIMITS, SidecarError } from '../../../contracts/index.ts';
import type { NotebookFiles } from '../notebook-contract.ts';
import { parseNotebook, parseNotebookBytes, serializeNotebook } from './notebook-document.ts';
import type { Notebook } from './notebook-document.ts';

/** Only `.ipynb` files are notebooks. Throws INVALID_PATH. */
export function requireNotebookName(name: string): void {
  if (!name.toLowerCase().endsWith('.ipynb')) {
    throw new SidecarError('INVALID_PATH', 'not a notebook name', { detail: { en: 'a notebook ends in .ipynb', zh: '笔记本文件以 .ipynb 结尾' } });
  }
}

/** Reads a notebook of the workspace. Throws FILE_NOT_FOUND, INVALID_PATH, NOTEBOOK_INVALID. */
export async function readNotebookFile(
  files: Pick<NotebookFiles, 'readRaw'>, sessionId: string, name: string,
): Promise<{ path: string; notebook: Notebook; etag: string; warnings: string[] }> {
  requireNotebookName(name);
  const { bytes, etag } = await files.readRaw(sessionId, name);
  return { path: name, etag, ...parseNotebookBytes(bytes) };
}

/** Checks a notebook and writes it at once; the old file stays when it is not valid. */
export async function writeNotebookFile<Entry extends { size_bytes: number; etag: string }>(
  files: { writeBytes(sessionId: string, name: string, change: { bytes: Uint8Array; ifMatch: string | null; maxBytes?: number }): Promise<Entry> },
  sessionId: string, change: { name: string; notebook: unknown; ifMatch: string | null },
): Promise<{ entry: Entry; warnings: string[] }> {
  requireNotebookName(change.name);
  const { notebook, warnings } = parseNotebook(change.notebook);
  const bytes = serializeNotebook(notebook);
  return { entry: await files.writeBytes(sessionId, change.name, { bytes, ifMatch: change.ifMatch, maxBytes: LIMITS.notebook_put_bytes }), warnings };
}
