import { SidecarError } from '../../contracts/index.ts';

/** The `code` of a system error, or null for anything else. */
export function systemCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** A failed file operation as a refusal with a code: STORAGE_FULL for a full disk, else STORAGE_FAILED. */
export function storageError(error: unknown, what: string): SidecarError {
  if (error instanceof SidecarError) return error;
  const code = systemCode(error);
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return new SidecarError(isFull ? 'STORAGE_FULL' : 'STORAGE_FAILED', `${what}: ${code ?? 'failed'}`, { cause: error });
}
