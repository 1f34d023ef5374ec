import { DEVICE_NAME, LIMITS, codePointLength, lazily } from '../contracts/index.ts';

const JUNK_NAMES = new Set(['__MACOSX', '__pycache__', 'Thumbs.db', 'desktop.ini']);
const MANIFEST_NAMES = new Set(['manifest.json', 'bundle.manifest.json', 'runtime.manifest.json', 'bundle.manifest.sig']);
const SOLUTION = /^(solution|answer_key)|[_.-]solutions?$/;
/** What no workspace takes: separators, control characters, bidirectional overrides and what Windows forbids. */
const FORBIDDEN_CHARACTER = /[\p{Cc}\u202a-\u202e\u2066-\u2069\\/:*?"<>|]/u;

/** Left behind by systems and tools; never content. Steps like `..` are no names, so they are never passed over as junk. */
export function isJunk(name: string): boolean {
  return (name.startsWith('.') && name !== '.' && name !== '..') || JUNK_NAMES.has(name);
}

/** Manifests describe files and are not copied with them. */
export function isManifestName(name: string): boolean {
  return MANIFEST_NAMES.has(name);
}

/** True when a segment of a `/`-separated path marks a reference solution, a file or a folder. */
export function isReferenceSolution(path: string): boolean {
  return path.split('/').some((segment) => {
    const name = segment.toLowerCase();
    const dot = name.lastIndexOf('.');
    const stem = dot > 0 ? name.slice(0, dot) : name;
    return SOLUTION.test(stem) || SOLUTION.test(name);
  });
}

/** A name that every supported system can hold, so that a workspace can move between them. */
export function isPortableName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && codePointLength(name) <= LIMITS.path_segment_chars
    && !FORBIDDEN_CHARACTER.test(name) && !/[. ]$/.test(name) && !DEVICE_NAME.test(name) && !name.toLowerCase().startsWith('.sidecar');
}

/** A relative `/`-separated path of portable names within the limits of a workspace. */
export function isPortablePath(path: string): boolean {
  const segments = path.split('/');
  return codePointLength(path) <= LIMITS.path_chars && segments.length <= LIMITS.path_depth && segments.every(isPortableName);
}

/** Two names with the same key cannot lie side by side on every system. */
export function twinKey(path: string): string {
  return path.normalize('NFC').toLowerCase();
}

const collator = lazily(() => new Intl.Collator('en', { numeric: true }));

/** Natural order: `ch2` before `ch10`; equal names in code-unit order, so that the result never depends on the disk. */
export function compareNames(a: string, b: string): number {
  return collator().compare(a, b) || (a < b ? -1 : Number(a > b));
}
