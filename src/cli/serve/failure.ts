import { ConfigError } from '../../config/index.ts';
import { SidecarError } from '../../contracts/index.ts';
import { UsageError } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';

/** Why a start ended. */
export interface StartFailure { code: string; message: string; exitCode: number }

interface KnownFailure { code: string; exitCode: number; say(error: Error): string }

/** An error of the system tells the address that it is about. */
const fieldOf = (error: Error, name: 'port' | 'address'): string => {
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'number' || typeof value === 'string' ? ` ${value}` : '';
};

const BY_CODE: Record<string, KnownFailure> = {
  EADDRINUSE: {
    code: 'PORT_IN_USE', exitCode: EXIT.portInUse,
    say: (error) => `port${fieldOf(error, 'port')} is taken by another program; choose another with PORT (--port), 0 takes a free one`,
  },
  EACCES: {
    code: 'PORT_IN_USE', exitCode: EXIT.portInUse,
    say: (error) => `port${fieldOf(error, 'port')} is not allowed to this user; choose another with PORT (--port), 0 takes a free one`,
  },
  EADDRNOTAVAIL: {
    code: 'CONFIG_INVALID', exitCode: EXIT.usage, say: (error) => `HOST (--host): this machine has no address${fieldOf(error, 'address')}`,
  },
  STORE_LOCKED: {
    code: 'STORE_LOCKED', exitCode: EXIT.storeLocked,
    say: ({ message }) => `${message}; end that one, or choose another folder with SESSIONS_DIR (--sessions-dir)`,
  },
  STORE_TOO_NEW: { code: 'STORE_TOO_NEW', exitCode: EXIT.storeTooNew, say: ({ message }) => message },
};

const NOT_YOURS = 'this user may not write there';
/** What the system says of a folder that can hold no data, in words. */
const UNUSABLE_FOLDER: Readonly<Record<string, string>> = {
  EEXIST: 'something that is no folder is in the way', ENOTDIR: 'something that is no folder is in the way',
  ENOENT: 'it cannot be made there', ELOOP: 'a link leads to itself', ENAMETOOLONG: 'the name is too long',
  EACCES: NOT_YOURS, EPERM: NOT_YOURS, EROFS: 'the disk is read-only',
};

/** Sorts an error of the start. Messages of unknown errors stay in the log. */
export function explainFailure(error: unknown): StartFailure {
  if (error instanceof ConfigError) return { code: 'CONFIG_INVALID', message: error.message, exitCode: EXIT.usage };
  if (error instanceof UsageError) return { code: 'CONFIG_INVALID', message: `${error.message} (--help tells the options)`, exitCode: EXIT.usage };
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : String(error);
  const known = Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined;
  if (known !== undefined && error instanceof Error) return { code: known.code, exitCode: known.exitCode, message: known.say(error) };
  if (code.startsWith('BUNDLE_')) return { code, message, exitCode: EXIT.damagedBundle };
  const reason = unusableFolder(error);
  if (reason !== null) return { code: 'CONFIG_INVALID', message: `SESSIONS_DIR (--sessions-dir): ${message}: ${reason}`, exitCode: EXIT.usage };
  if (error instanceof SidecarError) return { code, message, exitCode: EXIT.internal };
  return { code: 'INTERNAL', message: 'the program could not start', exitCode: EXIT.internal };
}

/** Why a data folder cannot be used, null for any other failure. */
function unusableFolder(error: unknown): string | null {
  if (!(error instanceof SidecarError) || error.code !== 'STORAGE_FAILED') return null;
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return Object.hasOwn(UNUSABLE_FOLDER, code) ? UNUSABLE_FOLDER[code] ?? null : null;
}

/** True for a refusal that is told in one sentence; the stack of anything else is worth a line in the log. */
export function isExpected(error: unknown): boolean {
  return explainFailure(error).exitCode !== EXIT.internal;
}

/** One JSON line for the parent, one sentence for people; returns the exit code. */
export function announceFailure(error: unknown, terminal: Terminal): number {
  const { code, message, exitCode } = explainFailure(error);
  terminal.out(`${JSON.stringify({ event: 'fatal', code, message })}\n`);
  terminal.err(`sidecar: ${message}\n`);
  if (code === 'INTERNAL') terminal.err(`${error instanceof Error ? error.stack : String(error)}\n`);
  return exitCode;
}
