import type { SessionFiles } from '../sessions-contract.ts';
import type { SessionsContext } from '../session-context.ts';
import { showChapter } from './chapter-view.ts';
import { moveFile } from './move-file.ts';
import { listFiles, readFile, readRawFile } from './read-file.ts';
import { removeFile } from './remove-file.ts';
import { addUploads, listUploads, removeUpload } from './uploads.ts';
import { writeBytes, writeFile } from './write-file.ts';

/** The files of sessions: workspace, uploads and the view of the chapter. */
export function createSessionFiles(context: SessionsContext): SessionFiles {
  const { files } = context;
  return {
    workspace: (sessionId) => showChapter(files, sessionId, async (row) => {
      const { trusted } = await context.content.checkSources(row.desktop_context ?? {}, context.defaultCaller);
      return (await context.content.resolve({ chapterId: row.chapter_id, sources: trusted, signal: context.closing })).place;
    }),
    list: (sessionId, prefix) => listFiles(files, sessionId, prefix),
    read: (sessionId, name) => readFile(files, sessionId, name),
    readRaw: (sessionId, name) => readRawFile(files, sessionId, name),
    write: (sessionId, name, change) => writeFile(files, { sessionId, name }, change),
    writeBytes: (sessionId, name, change) => writeBytes(files, { sessionId, name }, change),
    remove: (sessionId, name, options) => removeFile(files, { sessionId, name }, options),
    move: (sessionId, request) => moveFile(files, sessionId, request),
    upload: (sessionId, parts) => addUploads(files, sessionId, parts),
    uploads: (sessionId) => listUploads(files, sessionId),
    removeUpload: (sessionId, name) => removeUpload(files, sessionId, name),
  };
}
