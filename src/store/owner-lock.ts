import { DatabaseSync } from 'node:sqlite';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../config/index.ts';
import { createPrivateFile } from './private-file.ts';
import { StoreLockedError, isBusy } from './storage-error.ts';

const POLL_MS = 50;

export interface OwnerLock {
  /** Frees the lock; harmless when repeated. */
  release(): void;
}

export interface OwnerLockOptions { waitMs: number; clock: Clock; signal?: AbortSignal }

/**
 * Takes the lock that one process at a time holds on a data folder, or throws `StoreLockedError` after `waitMs`.
 *
 * The lock is SQLite's exclusive lock on an empty side database: the kernel's own file lock, which ends with its process at once,
 * however that dies, needs no pid to compare (pids repeat, and differ between containers), and is not inherited by children.
 */
export async function acquireOwnerLock(path: string, options: OwnerLockOptions): Promise<OwnerLock> {
  const startedMs = options.clock.monotonicMs();
  for (;;) {
    options.signal?.throwIfAborted();
    const lock = tryAcquireOwnerLock(path);
    if (lock !== null) return lock;
    if (options.clock.monotonicMs() - startedMs >= options.waitMs) throw new StoreLockedError(`another sidecar uses ${dirname(path)}`);
    await delay(POLL_MS, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}

function tryAcquireOwnerLock(path: string): OwnerLock | null {
  createPrivateFile(path);
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return null;
    throw error;
  }
  return {
    release: () => {
      if (database.isOpen) database.close();
    },
  };
}
