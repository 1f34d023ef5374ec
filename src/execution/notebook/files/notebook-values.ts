import { SidecarError } from '../../../contracts/index.ts';
import type { JsonObject } from '../connection/jupyter-message.ts';

/** Throws NOTEBOOK_INVALID and names the place, never the value. */
export function invalidNotebook(path: string, rule: string): SidecarError {
  return new SidecarError('NOTEBOOK_INVALID', `${path}: ${rule}`, { detail: `${path}: ${rule}` });
}

/** A text, or a list of texts, as one text. */
export function joinText(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((line) => typeof line === 'string')) return value.join('');
  throw invalidNotebook(path, 'must be text or a list of lines');
}

/** An object, or NOTEBOOK_INVALID. */
export function objectAt(value: unknown, path: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidNotebook(path, 'must be an object');
  return value as JsonObject; // proof: checked in the line above
}

/** A count or null, or NOTEBOOK_INVALID. */
export function countAt(value: unknown, path: string): number | null {
  if (value === null || (typeof value === 'number' && Number.isInteger(value) && value >= 0)) return value;
  throw invalidNotebook(path, 'must be a count or null');
}
