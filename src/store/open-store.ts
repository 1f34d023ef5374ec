import { join } from 'node:path';
import type { Clock, Log } from '../config/index.ts';
import { SidecarError } from '../contracts/index.ts';
import { createBackendRepository } from './backends.ts';
import { createConsultationRepository } from './consultations.ts';
import { Database } from './database.ts';
import { createExecutionRepository } from './executions.ts';
import { createExpertReportRepository } from './expert-reports.ts';
import { createFactRepository } from './facts.ts';
import { createFileRepository } from './files.ts';
import { createFrameRepository } from './frames.ts';
import { createHistoryRepository } from './history.ts';
import { createImportRepository } from './imports.ts';
import { createJobRepository } from './jobs.ts';
import { createLedgerRepository } from './ledger.ts';
import { createMemoJobRepository } from './memo-jobs.ts';
import { migrate } from './migrations.ts';
import { createOutboxRepository } from './outbox.ts';
import { acquireOwnerLock } from './owner-lock.ts';
import type { OwnerLock } from './owner-lock.ts';
import { createPinRepository } from './pins.ts';
import { createPrivateFile, createPrivateFolder } from './private-file.ts';
import { createDamageReporter, createQuarantine } from './quarantine.ts';
import type { StoreContext } from './quarantine.ts';
import { createRevisionRepository } from './revisions.ts';
import { createRunNoteRepository } from './run-notes.ts';
import { createSessionRepository } from './sessions.ts';
import { StoreLockedError, StoreTooNewError, toStorageError } from './storage-error.ts';
import type { Store } from './store-contract.ts';
import { createSystemEventRepository } from './system-events.ts';
import { createTurnRepository } from './turns.ts';

/** The database's file name inside the data folder. */
export const STORE_FILE = 'sidecar.db';
const LOCK_FILE = 'sidecar.lock';
const LOCK_WAIT_MS = 3_000;

export interface OpenStoreOptions {
  /** The data folder; made when it is missing. */
  dir: string;
  clock: Clock;
  log: Log;
  /** Ends the wait for another owner. */
  signal?: AbortSignal;
  /** How long another live owner is waited for; 3 s unless told. */
  lockWaitMs?: number;
}

/**
 * Opens the data folder's store for this process alone and brings it to the present schema. Throws `StoreLockedError` while another
 * process owns it, `StoreTooNewError` for a newer program's file, and SidecarError STORAGE_FAILED or STORAGE_FULL.
 */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const lock = await own(options);
  try {
    const database = openDatabase(options.dir);
    return createStore(database, { lock, options });
  } catch (error) {
    lock.release();
    throw toOpenError(error, options.dir);
  }
}

async function own({ dir, clock, signal, lockWaitMs = LOCK_WAIT_MS }: OpenStoreOptions): Promise<OwnerLock> {
  try {
    createPrivateFolder(dir);
    return await acquireOwnerLock(join(dir, LOCK_FILE), { waitMs: lockWaitMs, clock, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw toOpenError(error, dir);
  }
}

function openDatabase(dir: string): Database {
  const path = join(dir, STORE_FILE);
  createPrivateFile(path); // SQLite gives its side files the mode of the main one.
  const database = new Database(path);
  try {
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function createStore(database: Database, { lock, options }: { lock: OwnerLock; options: OpenStoreOptions }): Store {
  const { clock, log } = options;
  const quarantine = createQuarantine(database);
  const context: StoreContext = { database, clock, log, onDamage: createDamageReporter({ quarantine, clock, log }) };
  return {
    transaction: (work, options) => database.transaction(work, { flush: options?.flush ?? true }),
    sessions: createSessionRepository(context),
    turns: createTurnRepository(context),
    history: createHistoryRepository(context),
    frames: createFrameRepository(context),
    ledger: createLedgerRepository(context),
    memoJobs: createMemoJobRepository(context),
    outbox: createOutboxRepository(context),
    backends: createBackendRepository(context),
    content: createPinRepository(context),
    files: createFileRepository(context),
    systemEvents: createSystemEventRepository(context),
    revisions: createRevisionRepository(context),
    runNotes: createRunNoteRepository(context),
    imports: createImportRepository(context),
    facts: createFactRepository(context),
    executions: createExecutionRepository(context),
    jobs: createJobRepository(context),
    consultations: createConsultationRepository(context),
    expertReports: createExpertReportRepository(context),
    quarantine,
    close: () => {
      database.close();
      lock.release();
    },
  };
}

/** A folder that cannot be made or a file that cannot be opened is a storage failure like any later one. */
function toOpenError(error: unknown, dir: string): unknown {
  if (error instanceof StoreLockedError || error instanceof StoreTooNewError) return error;
  const storageError = toStorageError(error, dir);
  if (storageError instanceof Error && !(storageError instanceof SidecarError) && 'code' in storageError) {
    const code = storageError.code === 'ENOSPC' ? 'STORAGE_FULL' : 'STORAGE_FAILED';
    return new SidecarError(code, `the data folder ${dir} cannot be opened`, { cause: error });
  }
  return storageError;
}
