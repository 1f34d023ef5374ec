import { ConfigError } from '../../config/index.ts';
import { SidecarError } from '../../contracts/index.ts';
import { UsageError } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';

/** Why a start ended. */
export interface StartFailure { code: string; message: string; exitCode: number }

const BY_CODE: Record<string, Pick<StartFailure, 'code' | 'exitCode'>> = {
  EADDRINUSE: { code: 'PORT_IN_USE', exitCode: EXIT.portInUse },
  EACCES: { code: 'PORT_IN_USE', exitCode: EXIT.portInUse },
  EADDRNOTAVAIL: { code: 'CONFIG_INVALID', exitCode: EXIT.usage },
  STORE_LOCKED: { code: 'STORE_LOCKED', exitCode: EXIT.storeLocked },
  STORE_TOO_NEW: { code: 'STORE_TOO_NEW', exitCode: EXIT.storeTooNew },
};

/** What a folder says that can hold no data: a file, below a file, read-only, somebody else's. */
const UNUSABLE_FOLDER = new Set(['EEXIST', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS']);

/** Sorts an error of the start. Messages of unknown errors stay in the log. */
export function explainFailure(error: unknown): StartFailure {
  if (error instanceof ConfigError) return { code: 'CONFIG_INVALID', message: error.message, exitCode: EXIT.usage };
  if (error instanceof UsageError) return { code: 'CONFIG_INVALID', message: `${error.message} (--help tells the options)`, exitCode: EXIT.usage };
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : String(error);
  const known = Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined;
  if (known !== undefined) return { ...known, message };
  if (code.startsWith('BUNDLE_')) return { code, message, exitCode: EXIT.damagedBundle };
  if (isUnusableFolder(error)) {
    return { code: 'CONFIG_INVALID', message: `SESSIONS_DIR (--sessions-dir): ${message}`, exitCode: EXIT.usage };
  }
  if (error instanceof SidecarError) return { code, message, exitCode: EXIT.internal };
  return { code: 'INTERNAL', message: 'the program could not start', exitCode: EXIT.internal };
}

function isUnusableFolder(error: unknown): boolean {
  if (!(error instanceof SidecarError) || error.code !== 'STORAGE_FAILED') return false;
  const { cause } = error;
  return cause instanceof Error && 'code' in cause && UNUSABLE_FOLDER.has(String(cause.code));
}

/** One JSON line for the parent, one sentence for people; returns the exit code. */
export function announceFailure(error: unknown, terminal: Terminal): number {
  const { code, message, exitCode } = explainFailure(error);
  terminal.out(`${JSON.stringify({ event: 'fatal', code, message })}\n`);
  terminal.err(`sidecar: ${message}\n`);
  if (code === 'INTERNAL') terminal.err(`${error instanceof Error ? error.stack : String(error)}\n`);
  return exitCode;
}
