import { lstat, readdir, realpath } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { isInside, isJunk, isPortablePath, isReferenceSolution } from '../../content/index.ts';
import type { Store } from '../../store/index.ts';

/** A file that an expert may look at. `name` is unique; `path` is real and stays here. */
export interface SessionFile { name: string; path: string; bytes: number; kind: 'table' | 'code' | 'text' | 'other'; origin: 'upload' | 'bundle' | 'workspace' }

const MAX_FILES = 200;
const MAX_DEPTH = 6;
const KINDS: Readonly<Record<string, SessionFile['kind']>> = {
  '.csv': 'table', '.tsv': 'table', '.xlsx': 'table', '.xls': 'table', '.json': 'table', '.jsonl': 'table', '.py': 'code', '.ipynb': 'code',
  '.md': 'text', '.txt': 'text', '.log': 'text', '.yaml': 'text', '.yml': 'text',
};

/**
 * Uploads and datasets first, then the learner's own files, by name. Links, junk, reference solutions and names that not
 * every system can hold are no files.
 */
export async function listSessionFiles(store: Store, sessionId: string, sessionFolder: string): Promise<SessionFile[]> {
  const uploads = await walk(join(sessionFolder, 'working_files'), 1);
  const own = await walk(join(sessionFolder, 'user_workspace'), MAX_DEPTH);
  const bundled = (area: 'upload' | 'workspace'): Set<string> =>
    new Set(store.files.list(sessionId, area).filter(({ origin }) => origin === 'bundle').map(({ name }) => name));
  const fromUploads = originOf(uploads, bundled('upload'), 'upload');
  const taken = new Set(fromUploads.map(({ name }) => name));
  const fromWorkspace = originOf(own.filter(({ name }) => !taken.has(name)), bundled('workspace'), 'workspace');
  return [...fromUploads, ...fromWorkspace].slice(0, MAX_FILES);
}

interface Found { name: string; path: string; bytes: number }

function originOf(files: readonly Found[], bundled: ReadonlySet<string>, otherwise: 'upload' | 'workspace'): SessionFile[] {
  return files.map((file) => ({
    ...file, kind: KINDS[extname(file.name).toLowerCase()] ?? 'other', origin: bundled.has(file.name) ? 'bundle' : otherwise,
  }));
}

async function walk(root: string, depth: number): Promise<Found[]> {
  const real = await realpath(root).catch(() => null);
  if (real === null) return []; // A session without this folder simply has no such files.
  const found: Found[] = [];
  await visit({ real, folder: real, prefix: '', depth }, found);
  return found;
}

async function visit(place: { real: string; folder: string; prefix: string; depth: number }, found: Found[]): Promise<void> {
  const entries = await readdir(place.folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = `${place.prefix}${entry.name}`;
    if (found.length >= MAX_FILES || isJunk(entry.name) || isReferenceSolution(entry.name) || !isPortablePath(name)) continue;
    const path = join(place.folder, entry.name);
    if (entry.isFile() && isInside(place.real, path)) found.push({ name, path, bytes: (await lstat(path)).size });
    else if (entry.isDirectory() && place.depth > 1) await visit({ ...place, folder: path, prefix: `${name}/`, depth: place.depth - 1 }, found);
  }
}
