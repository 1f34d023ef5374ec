import { chmodSync, closeSync, openSync } from 'node:fs';
import { makePrivateFolders } from '../config/index.ts';

/** Makes the folder with mode 0700; one that exists gets that mode where we may set it. */
export function createPrivateFolder(path: string): void {
  makePrivateFolders(path);
  trySetMode(path, 0o700);
}

/**
 * Makes an empty file with mode 0600 or sets the mode of one that exists. It never opens an existing file: closing any descriptor
 * of a file drops the POSIX locks that this process holds on it, SQLite's included.
 */
export function createPrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    trySetMode(path, 0o600);
  }
}

function trySetMode(path: string, mode: number): void {
  try {
    chmodSync(path, mode);
  } catch (error) {
    if (!isErrno(error, 'EPERM') && !isErrno(error, 'ENOTSUP') && !isErrno(error, 'EROFS')) throw error; // Not ours to change.
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
