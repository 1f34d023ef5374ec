import { createHash } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ContentDiagnostic } from './diagnostic.ts';
import { warn } from './diagnostic.ts';
import type { ChapterPlace } from './locate-chapter.ts';
import { isManifestName, isPortablePath, isReferenceSolution, twinKey } from './names.ts';
import { findFolder, openRegular } from './safe-file.ts';
import type { FoundFile } from './walk-files.ts';
import { walkFiles } from './walk-files.ts';

/** The two folders of a session that take files of the chapter. */
export type StarterTarget = 'user_workspace' | 'working_files';

/** One copy to make: `from` is the path in the chapter, `path` the one in the target; all with `/`. */
export interface StarterCopy { kind: 'code' | 'dataset'; from: string; real: string; target: StarterTarget; path: string; size: number }

/** Everything that would be copied for a session; nothing has been written yet. */
export interface StarterPlan { copies: StarterCopy[]; hasStarterCode: boolean; hasDatasets: boolean; diagnostics: ContentDiagnostic[] }

/** A copy that was made, with the SHA-256 of its bytes. Its origin is `bundle`. */
export interface CopiedFile { kind: 'code' | 'dataset'; name: string; target: StarterTarget; path: string; size: number; sha256: string }

const MAX_FILE_BYTES = 20 * 1024 * 1024;
const MAX_TOTAL_BYTES = 100 * 1024 * 1024;
const BOUNDS = { maxFiles: 2000, maxDepth: 8 };
const CHUNK_BYTES = 1024 * 1024;
const CODE_FOLDERS = ['scripts', 'code'] as const;
const DATA_FOLDERS = ['datasets', 'dataset'] as const;

interface PlanState { plan: StarterPlan; taken: Map<string, string>; bytes: number }

/** Lists what a chapter gives to a new session and where it goes. Solutions, junk and manifests are left out silently. */
export async function planStarterFiles(place: Pick<ChapterPlace, 'dir'>): Promise<StarterPlan> {
  const plan: StarterPlan = { copies: [], hasStarterCode: false, hasDatasets: false, diagnostics: [] };
  const state: PlanState = { plan, taken: new Map(), bytes: 0 };
  for (const folder of CODE_FOLDERS) {
    for (const file of await filesOf(place.dir, folder, plan)) {
      addFile(state, { folder, file, kind: 'code' }, [{ target: 'user_workspace', path: file.path }]);
    }
  }
  for (const folder of DATA_FOLDERS) {
    for (const file of await filesOf(place.dir, folder, plan)) {
      if (file.path.toLowerCase().endsWith('.md')) continue;
      const name = file.path.slice(file.path.lastIndexOf('/') + 1);
      addFile(state, { folder, file, kind: 'dataset' }, [
        { target: 'working_files', path: name }, { target: 'user_workspace', path: `${folder}/${file.path}` },
      ]);
    }
  }
  plan.hasStarterCode = plan.copies.some((copy) => copy.kind === 'code');
  plan.hasDatasets = plan.copies.some((copy) => copy.kind === 'dataset');
  return plan;
}

/** Makes the copies of a plan in the given folders. Never overwrites: a name that is taken is a diagnostic. */
export async function copyStarterFiles(plan: StarterPlan, folders: Readonly<Record<StarterTarget, string>>, signal?: AbortSignal): Promise<{ copied: CopiedFile[]; diagnostics: ContentDiagnostic[] }> {
  const copied: CopiedFile[] = [];
  const diagnostics: ContentDiagnostic[] = [];
  for (const copy of plan.copies) {
    signal?.throwIfAborted();
    const result = await copyOne(copy, join(folders[copy.target], ...copy.path.split('/')), signal);
    if (typeof result === 'string') diagnostics.push(warn(result, `${copy.from} was not copied to ${copy.target}/${copy.path}`, { path: copy.from }));
    else copied.push({ kind: copy.kind, name: copy.path, target: copy.target, path: copy.path, ...result });
  }
  return { copied, diagnostics };
}

async function filesOf(dir: string, folder: string, plan: StarterPlan): Promise<FoundFile[]> {
  const root = await findFolder(dir, folder);
  if (root === null) return [];
  const tree = await walkFiles(root, BOUNDS);
  if (tree.isCut) plan.diagnostics.push(warn('file_skipped', `${folder}/ holds more files or folders than are copied`, { path: folder }));
  return tree.files.filter((file) => !isReferenceSolution(file.path) && !isManifestName(file.path.slice(file.path.lastIndexOf('/') + 1)));
}

interface SourceFile { folder: string; file: FoundFile; kind: StarterCopy['kind'] }

function addFile(state: PlanState, source: SourceFile, targets: { target: StarterTarget; path: string }[]): void {
  const { plan } = state;
  const from = `${source.folder}/${source.file.path}`;
  const problem = skipReason(state, source.file, targets);
  if (problem !== null) {
    plan.diagnostics.push(warn('file_skipped', `${from} ${problem}`, { path: from }));
    return;
  }
  state.bytes += source.file.size;
  for (const { target, path } of targets) {
    const key = `${target}/${twinKey(path)}`;
    const holder = state.taken.get(key);
    if (holder !== undefined) {
      plan.diagnostics.push(warn('name_collision', `${from} and ${holder} both want ${target}/${path}; the latter has it`, { path: from }));
      continue;
    }
    state.taken.set(key, from);
    plan.copies.push({ kind: source.kind, from, real: source.file.real, target, path, size: source.file.size });
  }
}

function skipReason(state: PlanState, file: FoundFile, targets: readonly { path: string }[]): string | null {
  if (file.kind !== 'file') return 'is not a regular file';
  if (!targets.every(({ path }) => isPortablePath(path))) return 'has a name that no workspace can hold';
  if (file.size > MAX_FILE_BYTES) return `is larger than ${MAX_FILE_BYTES / 1024 / 1024} MB`;
  if (state.bytes + file.size > MAX_TOTAL_BYTES) return `exceeds ${MAX_TOTAL_BYTES / 1024 / 1024} MB in all`;
  return null;
}

async function copyOne(copy: StarterCopy, to: string, signal?: AbortSignal): Promise<{ size: number; sha256: string } | 'file_skipped' | 'name_collision'> {
  const source = await openRegular(copy.real);
  if (source === null) return 'file_skipped';
  try {
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    const target = await open(to, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return null;
      throw error;
    });
    if (target === null) return 'name_collision';
    let result: { size: number; sha256: string } | null = null;
    try {
      result = await pump(source, target, signal);
    } finally {
      await target.close();
      if (result === null) await rm(to, { force: true });
    }
    return result ?? 'file_skipped';
  } finally {
    await source.close();
  }
}

type Handle = Awaited<ReturnType<typeof open>>;

/** Copies the bytes; null when the file has grown beyond the limit since it was planned. */
async function pump(source: Handle, target: Handle, signal?: AbortSignal): Promise<{ size: number; sha256: string } | null> {
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let size = 0;
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await source.read(chunk, 0, chunk.length);
    if (bytesRead === 0) return { size, sha256: hash.digest('hex') };
    size += bytesRead;
    if (size > MAX_FILE_BYTES) return null;
    const part = chunk.subarray(0, bytesRead);
    hash.update(part);
    await target.writeFile(part);
  }
}
