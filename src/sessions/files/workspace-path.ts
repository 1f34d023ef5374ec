import { LIMITS, SidecarError, codePointLength } from '../../contracts/index.ts';
import { isPortableName } from '../../content/index.ts';

/** A name of the workspace, taken apart. `name` is in NFC; `isNormal` says whether the caller wrote it so. */
export interface WorkspacePath { name: string; segments: readonly string[]; isNormal: boolean }

/** Reads a workspace-relative name by the rules that hold on every platform. Throws INVALID_PATH before anything is looked up. */
export function readWorkspacePath(text: string): WorkspacePath {
  if (!text.isWellFormed()) throw invalidPath('not well-formed text');
  const name = text.normalize('NFC');
  const segments = name.split('/');
  if (codePointLength(name) > LIMITS.path_chars) throw invalidPath('the path is too long');
  if (segments.length > LIMITS.path_depth) throw invalidPath('the path is too deep');
  if (!segments.every(isPortableName)) throw invalidPath('a name in the path is not allowed');
  return { name, segments, isNormal: name === text };
}

/** The refusal of a path. The path is not repeated. */
export function invalidPath(message: string): SidecarError {
  return new SidecarError('INVALID_PATH', message);
}
