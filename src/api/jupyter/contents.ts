import { createHash } from 'node:crypto';
import { LIMITS, SidecarError } from '../../contracts/index.ts';
import { readNotebookFile, writeNotebookFile } from '../../execution/notebook/index.ts';
import type { SessionFiles, Sessions } from '../../sessions/index.ts';

/** A file, notebook or folder as Jupyter Server shows it. */
export interface ContentsModel {
  name: string; path: string; type: 'directory' | 'file' | 'notebook'; created: string; last_modified: string; writable: boolean;
  size: number | null; mimetype: string | null; format: string | null; content: unknown; hash: string | null; hash_algorithm: string | null;
}

/** A place below `/api/contents`: the session, and the name in its workspace ('' = the workspace itself). */
export interface ContentsPath { sessionId: string; name: string }

export interface ContentsQuery { wantsContent: boolean; format: string | null; wantsHash: boolean }
export interface SaveBody { type?: unknown; format?: unknown; content?: unknown; path?: unknown; ext?: unknown; copy_from?: unknown }

type Deps = { sessions: Sessions };
const EPOCH = new Date(0).toISOString();
const isNotebook = (name: string): boolean => name.toLowerCase().endsWith('.ipynb');
const joinPath = ({ sessionId, name }: ContentsPath): string => (name === '' ? sessionId : `${sessionId}/${name}`);
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** All sessions as folders. */
export async function listRoot({ sessions }: Deps): Promise<ContentsModel> {
  const known = await sessions.list({ limit: 200 });
  const content = known.map(({ session_id: id, last_updated: at }) => folderModel({ sessionId: id, name: '' }, { at, content: null }));
  return { ...folderModel({ sessionId: '', name: '' }, { at: EPOCH, content }), writable: false };
}

/** A folder with its entries, or a file with its content as far as it is wanted. Throws FILE_NOT_FOUND, INVALID_PATH. */
export async function readContents(deps: Deps, path: ContentsPath, query: ContentsQuery): Promise<ContentsModel> {
  const { files } = deps.sessions;
  const entries = await files.list(path.sessionId, undefined);
  const found = entries.find(({ name }) => name === path.name);
  if (found === undefined) return listFolder(path, entries, query);
  const model = fileModel(path, found);
  if (!query.wantsContent && !query.wantsHash) return model;
  const raw = await files.readRaw(path.sessionId, path.name);
  const hashed = query.wantsHash ? { ...model, hash: createHash('sha256').update(raw.bytes).digest('hex'), hash_algorithm: 'sha256' } : model;
  if (!query.wantsContent) return hashed;
  if (isNotebook(path.name)) return { ...hashed, format: 'json', content: (await readNotebookFile(files, path.sessionId, path.name)).notebook };
  return { ...hashed, ...textOrBase64(raw.bytes, query.format), mimetype: raw.contentType };
}

/** Saves a file or notebook. Throws NOTEBOOK_INVALID, VALIDATION_FAILED and what writing throws. */
export async function saveContents({ sessions }: Deps, path: ContentsPath, body: SaveBody): Promise<ContentsModel> {
  const { files } = sessions;
  if (body.type === 'directory') throw wrong('a folder comes with its first file');
  if (body.type === 'notebook' || isNotebook(path.name)) {
    const { entry } = await writeNotebookFile(files, path.sessionId, { name: path.name, notebook: body.content, ifMatch: null });
    return fileModel(path, entry);
  }
  if (typeof body.content !== 'string') throw wrong('content must be text');
  const bytes = Buffer.from(body.content, body.format === 'base64' ? 'base64' : 'utf8');
  return fileModel(path, await files.writeBytes(path.sessionId, path.name, { bytes, ifMatch: null }));
}

/** Renames within a session. */
export async function renameContents({ sessions }: Deps, path: ContentsPath, body: SaveBody): Promise<ContentsModel> {
  const target = typeof body.path === 'string' ? parseContentsPath(body.path) : null;
  if (target === null || target.sessionId !== path.sessionId || target.name === '') throw new SidecarError('INVALID_PATH', 'rename within a session');
  return fileModel(target, await sessions.files.move(path.sessionId, { from: path.name, to: target.name, overwrite: false }));
}

/** A new file in a folder, empty or a copy. */
export async function createContents(deps: Deps, folder: ContentsPath, body: SaveBody): Promise<ContentsModel> {
  const { files } = deps.sessions;
  const taken = new Set((await files.list(folder.sessionId, undefined)).map(({ name }) => name));
  const within = (name: string): string => (folder.name === '' ? name : `${folder.name}/${name}`);
  if (typeof body.copy_from === 'string') return await copyFile(files, { folder, from: body.copy_from, within, taken });
  if (body.type === 'directory') throw wrong('a folder comes with its first file');
  const extension = body.type === 'notebook' ? '.ipynb' : String(body.ext ?? '.txt');
  const name = freeName(taken, within, { stem: 'Untitled', extension });
  const content = body.type === 'notebook' ? { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [] } : '';
  return await saveContents(deps, { sessionId: folder.sessionId, name }, { type: body.type, content });
}

/** Decodes a path once; a `..`, an empty part or a foreign separator leads nowhere. Throws FILE_NOT_FOUND. */
export function parseContentsPath(path: string): ContentsPath {
  const [sessionId = '', ...rest] = path.split('/');
  if (sessionId === '' || rest.some((part) => part === '' || part === '..' || part === '.')) throw new SidecarError('FILE_NOT_FOUND', 'no such path');
  return { sessionId, name: rest.join('/') };
}

interface Copy { folder: ContentsPath; from: string; within(name: string): string; taken: ReadonlySet<string> }

async function copyFile(files: SessionFiles, { folder, from, within, taken }: Copy): Promise<ContentsModel> {
  const source = parseContentsPath(from);
  if (source.sessionId !== folder.sessionId) throw new SidecarError('INVALID_PATH', 'copy within a session');
  const { bytes } = await files.readRaw(source.sessionId, source.name);
  const base = nameOf(source.name);
  const dot = base.lastIndexOf('.');
  const name = freeName(taken, within, { stem: `${dot > 0 ? base.slice(0, dot) : base}-Copy`, extension: dot > 0 ? base.slice(dot) : '' });
  const entry = await files.writeBytes(folder.sessionId, name, { bytes, ifMatch: null, maxBytes: LIMITS.notebook_put_bytes });
  return fileModel({ sessionId: folder.sessionId, name }, entry);
}

function freeName(taken: ReadonlySet<string>, within: (name: string) => string, { stem, extension }: { stem: string; extension: string }): string {
  for (let count = 0; ; count += 1) {
    const name = within(`${stem}${count === 0 ? '' : count}${extension}`);
    if (!taken.has(name)) return name;
  }
}

interface Entry { name: string; size_bytes: number; modified_at: string }

function listFolder(path: ContentsPath, entries: readonly Entry[], query: ContentsQuery): ContentsModel {
  const prefix = path.name === '' ? '' : `${path.name}/`;
  const below = entries.filter(({ name }) => name.startsWith(prefix));
  if (path.name !== '' && below.length === 0) throw new SidecarError('FILE_NOT_FOUND', 'no such file or folder');
  const models = new Map<string, ContentsModel>();
  for (const entry of below) {
    const [first = '', ...deeper] = entry.name.slice(prefix.length).split('/');
    const child = { sessionId: path.sessionId, name: `${prefix}${first}` };
    models.set(first, deeper.length === 0 ? fileModel(child, entry) : folderModel(child, { at: entry.modified_at, content: null }));
  }
  return folderModel(path, { at: below[0]?.modified_at ?? EPOCH, content: query.wantsContent ? [...models.values()] : null });
}

function folderModel(path: ContentsPath, { at, content }: { at: string; content: ContentsModel[] | null }): ContentsModel {
  const full = joinPath(path);
  return {
    name: nameOf(full), path: full, type: 'directory', created: at, last_modified: at, writable: true, size: null, mimetype: null,
    format: content === null ? null : 'json', content, hash: null, hash_algorithm: null,
  };
}

function fileModel(path: ContentsPath, entry: Pick<Entry, 'size_bytes' | 'modified_at'>): ContentsModel {
  const full = joinPath(path);
  return {
    name: nameOf(full), path: full, type: isNotebook(path.name) ? 'notebook' : 'file', created: entry.modified_at, last_modified: entry.modified_at,
    writable: true, size: entry.size_bytes, mimetype: null, format: null, content: null, hash: null, hash_algorithm: null,
  };
}

function textOrBase64(bytes: Uint8Array, wanted: string | null): { format: string; content: string } {
  if (wanted !== 'base64') {
    try {
      return { format: 'text', content: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
    } catch {
      if (wanted === 'text') throw wrong('the file is not text');
    }
  }
  return { format: 'base64', content: Buffer.from(bytes).toString('base64') };
}

function wrong(rule: string): SidecarError {
  return new SidecarError('VALIDATION_FAILED', rule, { detail: rule });
}
