import type { FileContent, UploadedFile, WorkspaceAnswer, WorkspaceEntry } from '../contracts/index.ts';
import type { Http } from './http.ts';
import { readBody } from './http.ts';
import { sessionPath } from './session-calls.ts';

interface Options { signal?: AbortSignal | undefined }
type WriteOptions = Options & { encoding?: 'utf-8' | 'base64'; ifMatch?: string };

/** Calls for the workspace and uploads of a session. Names are workspace-relative with `/`. */
export interface FileCalls {
  workspace(sessionId: string, options?: Options): Promise<WorkspaceAnswer>;
  listFiles(sessionId: string, options?: Options & { prefix?: string }): Promise<WorkspaceEntry[]>;
  readFile(sessionId: string, name: string, options?: Options): Promise<FileContent & { etag: string | null }>;
  readFileBytes(sessionId: string, name: string, options?: Options): Promise<Uint8Array>;
  writeFile(sessionId: string, file: { name: string; content: string }, options?: WriteOptions): Promise<WorkspaceEntry>;
  deleteFile(sessionId: string, name: string, options?: Options & { recursive?: boolean }): Promise<void>;
  moveFile(sessionId: string, move: { from: string; to: string; overwrite?: boolean }, options?: Options): Promise<WorkspaceEntry>;
  upload(sessionId: string, files: readonly { name: string; content: Blob }[], options?: Options): Promise<{ files: UploadedFile[]; message: string }>;
  listUploads(sessionId: string, options?: Options): Promise<UploadedFile[]>;
  deleteUpload(sessionId: string, name: string, options?: Options): Promise<void>;
}

const filePath = (sessionId: string, name: string): string =>
  sessionPath(sessionId, `/workspace/files/${name.split('/').map(encodeURIComponent).join('/')}`);

/** Binds the file routes to a requester. */
export function createFileCalls(http: Http): FileCalls {
  return {
    workspace: (id, { signal } = {}) => http.json(sessionPath(id, '/workspace'), { signal }),
    listFiles: async (id, { signal, prefix } = {}) =>
      (await http.json<{ files: WorkspaceEntry[] }>(sessionPath(id, '/workspace/files'), { query: { prefix }, signal })).files,
    readFile: async (id, name, { signal } = {}) => {
      const response = await http.open(filePath(id, name), { signal });
      // The contract of the route is the proof of the shape.
      return { ...(await readBody(() => response.json(), signal) as FileContent), etag: response.headers.get('etag') };
    },
    readFileBytes: async (id, name, { signal } = {}) => {
      const response = await http.open(filePath(id, name), { query: { raw: true }, signal });
      return new Uint8Array(await readBody(() => response.arrayBuffer(), signal));
    },
    writeFile: (id, { name, content }, { signal, encoding, ifMatch } = {}) =>
      http.json(filePath(id, name), { method: 'PUT', body: { content, encoding }, headers: { 'if-match': ifMatch }, signal }),
    deleteFile: (id, name, { signal, recursive } = {}) => http.json(filePath(id, name), { method: 'DELETE', query: { recursive }, signal }),
    moveFile: (id, move, { signal } = {}) => http.json(sessionPath(id, '/workspace/move'), { method: 'POST', body: move, signal }),
    upload: (id, files, { signal } = {}) => {
      const form = new FormData();
      for (const { name, content } of files) form.append('files', content, name);
      return http.json(sessionPath(id, '/upload'), { method: 'POST', form, signal });
    },
    listUploads: async (id, { signal } = {}) => (await http.json<{ files: UploadedFile[] }>(sessionPath(id, '/files'), { signal })).files,
    deleteUpload: (id, name, { signal } = {}) => http.json(sessionPath(id, `/files/${encodeURIComponent(name)}`), { method: 'DELETE', signal }),
  };
}
