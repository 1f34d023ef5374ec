import { mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReadEntry } from 'tar';
import { SidecarError } from '../contracts/index.ts';
import { corrupt } from './bundle-manifest.ts';
import { isJunk, twinKey } from './names.ts';

/** A folder of content. Closing it removes what was unpacked for it; a folder that was given stays. */
export interface OpenedContent extends AsyncDisposable { dir: string }

const MAX_ENTRIES = 30_000;
const MAX_TOTAL_BYTES = 512 * 1024 * 1024;

/** Opens a folder, or unpacks a `.tar.gz` into a temporary one. Throws CONTENT_CORRUPT for an archive that is not safe. */
export async function openContent(path: string, signal?: AbortSignal): Promise<OpenedContent> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new SidecarError('FILE_NOT_FOUND', 'no such folder or archive', { cause });
  });
  if (found.isDirectory()) return { dir: await realpath(path), [Symbol.asyncDispose]: async () => undefined };
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'sidecar-content-')));
  const close = async (): Promise<void> => rm(dir, { recursive: true, force: true });
  try {
    await unpack(path, dir, signal);
  } catch (error) {
    await close();
    throw error;
  }
  return { dir, [Symbol.asyncDispose]: close };
}

async function unpack(file: string, cwd: string, signal?: AbortSignal): Promise<void> {
  const { extract } = await import('tar'); // Only commands open archives; the server never loads it.
  const review = createReview();
  try {
    await extract({
      file, cwd, preserveOwner: false, noMtime: true, noChmod: true,
      filter: (path, entry) => signal?.aborted !== true && review.admits(path, entry),
      onwarn: (code, message) => review.note(code, message),
    });
  } catch (cause) {
    throw corrupt('the archive cannot be read', cause);
  }
  signal?.throwIfAborted();
  if (review.problem !== null) throw corrupt(review.problem);
}

interface Review { problem: string | null; admits: (path: string, entry: unknown) => boolean; note: (code: string, message: string | Error) => void }

/** Judges entries one by one; after the first unsafe one nothing more is written. */
function createReview(): Review {
  const seen = new Map<string, string>();
  let bytes = 0;
  const review: Review = {
    problem: null,
    note: (code, message) => {
      if (code !== 'TAR_ENTRY_INFO') review.problem ??= `${code}: ${String(message).slice(0, 200)}`;
    },
    admits: (path, entry) => {
      if (review.problem !== null) return false;
      const { type, size } = readEntry(entry);
      const clean = path.replace(/^(\.\/)+/, '').replace(/\/+$/, '');
      const segments = clean.split('/');
      if (clean === '' || clean === '.' || segments.some(isJunk)) return false;
      bytes += size;
      review.problem = entryProblem({ clean, segments, type }) ?? boundProblem(seen, { clean, bytes });
      return review.problem === null;
    },
  };
  return review;
}

function readEntry(entry: unknown): { type: string; size: number } {
  // While extracting, the filter is always called with the archive's entry, never with a file's stat.
  const { type, size } = entry as ReadEntry;
  return { type, size };
}

function entryProblem({ clean, segments, type }: { clean: string; segments: readonly string[]; type: string }): string | null {
  if (!['File', 'OldFile', 'ContiguousFile', 'Directory', 'GNUDumpDir'].includes(type)) return `${clean} is a ${type}, not a file`;
  const isUnsafe = segments.some((segment) => segment === '' || segment === '.' || segment === '..') || /[\\\0]|^[A-Za-z]:/.test(clean);
  return isUnsafe ? `${clean} leads out of the archive` : null;
}

function boundProblem(seen: Map<string, string>, { clean, bytes }: { clean: string; bytes: number }): string | null {
  const twin = seen.get(twinKey(clean));
  if (twin !== undefined && twin !== clean) return `${clean} and ${twin} differ only by case`;
  seen.set(twinKey(clean), clean);
  if (seen.size > MAX_ENTRIES || bytes > MAX_TOTAL_BYTES) return 'the archive is too large';
  return null;
}
