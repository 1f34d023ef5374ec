import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { SidecarError } from '../../contracts/index.ts';
import { tooLarge } from './file-kinds.ts';
import { openRegular } from './resolve-in-workspace.ts';
import { storageError, systemCode } from './storage-error.ts';

/** The strong validator of a file's bytes. */
export function etagOf(bytes: Uint8Array): string {
  return `"${sha256(bytes).slice(0, 32)}"`;
}

/** SHA-256 as hexadecimal text. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Text as UTF-8 with every byte kept, or null when the bytes are no UTF-8. */
export function decodeExactly(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null; // The decoder's only failure is that these bytes are no UTF-8.
  }
}

/** Reads a regular file of at most `maxBytes`. Throws FILE_TOO_LARGE, INVALID_PATH for what is no regular file, FILE_NOT_FOUND. */
export async function readRegular(path: string, maxBytes: number): Promise<Buffer> {
  try {
    const handle = await openRegular(path);
    try {
      return await readBounded(handle, maxBytes);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw new SidecarError('FILE_NOT_FOUND', 'the file is gone', { cause: error });
    throw storageError(error, 'the file could not be read');
  }
}

/** Reads one byte more than allowed, so that a file that grows meanwhile is noticed. */
async function readBounded(handle: FileHandle, maxBytes: number): Promise<Buffer> {
  const { size } = await handle.stat();
  if (size > maxBytes) throw tooLarge(maxBytes);
  const buffer = Buffer.alloc(size + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, Math.min(length, size));
}

/** Writes a new private file and makes it durable; removes what it made when it fails. */
export async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw storageError(error, 'the file could not be written');
  }
}

/** Moves a finished draft to its place at once. */
export async function putInPlace(draft: string, path: string): Promise<void> {
  try {
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    if (['EISDIR', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST', 'EPERM'].includes(systemCode(error) ?? '')) {
      throw new SidecarError('FILE_EXISTS', 'something that is no file has this name', { cause: error });
    }
    throw storageError(error, 'the file could not be written');
  }
}
