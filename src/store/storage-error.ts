import { statfsSync } from 'node:fs';
import { SidecarError } from '../contracts/index.ts';

/** Another live process owns the store; the program exits with code 4. */
export class StoreLockedError extends Error {
  override readonly name = 'StoreLockedError';
  readonly code = 'STORE_LOCKED';
}

/** The store was written by a newer program that this one cannot follow; the program exits with code 5. */
export class StoreTooNewError extends Error {
  override readonly name = 'StoreTooNewError';
  readonly code = 'STORE_TOO_NEW';
  /** Lowest schema whose program can open this store. */
  readonly needed: number;
  /** Schema of this program. */
  readonly known: number;

  constructor(needed: number, known: number) {
    super(`the store needs schema ${needed}, this program knows ${known}`);
    this.needed = needed;
    this.known = known;
  }
}

const FULL = 13;
const IO_ERROR = 10;
const BUSY = 5;
/** Busy, locked, no memory, read only, I/O, corrupt, cannot open, protocol, large file, not a database. */
const STORAGE_CODES: ReadonlySet<number> = new Set([BUSY, 6, 7, 8, IO_ERROR, 11, 14, 15, 22, 26]);

/** The primary result code of an SQLite error, else null. */
export function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null;
  return error.errcode & 0xff;
}

/** True when another connection holds the lock that was asked for. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === BUSY;
}

/** Gives SQLite's and the file system's failures their code; a broken constraint or a defect passes unchanged. */
export function toStorageError(error: unknown, folder: string): unknown {
  if (error instanceof SidecarError || !(error instanceof Error)) return error;
  const code = sqliteCode(error);
  if (code === FULL || (code === IO_ERROR && isVolumeFull(folder))) return new SidecarError('STORAGE_FULL', 'the volume is full', { cause: error });
  if (code !== null && STORAGE_CODES.has(code)) return new SidecarError('STORAGE_FAILED', `sqlite code ${code}`, { cause: error });
  if ('code' in error && error.code === 'ERR_INVALID_STATE') return new SidecarError('STORAGE_FAILED', 'the store is closed', { cause: error });
  return error;
}

/** SQLite reports a write that did not fit as full, but a failed growth of its index file only as an I/O error. */
function isVolumeFull(folder: string): boolean {
  try {
    return statfsSync(folder).bavail === 0;
  } catch {
    return false; // The folder is gone, so the failure has another cause.
  }
}
