import type { Stats } from 'node:fs';
import type { WorkspaceEntry } from '../../contracts/index.ts';
import type { FileOriginRow } from '../../store/index.ts';
import type { FilesContext } from './files-context.ts';
import { sha256 } from './file-bytes.ts';
import type { WorkspaceTree } from './walk-workspace.ts';

/** Where the workspace files of a session come from, by name. */
export function originsOf(context: FilesContext, sessionId: string): Map<string, FileOriginRow> {
  return new Map(context.store.files.list(sessionId, 'workspace').map((row) => [row.name, row]));
}

/** A file as it is listed. A copy of the bundle that anybody changed since is the learner's. */
export function entryOf(name: string, stats: Stats, origin: FileOriginRow | undefined): WorkspaceEntry {
  return { name, size_bytes: stats.size, modified_at: stats.mtime.toISOString(), source: isUntouchedCopy(stats, origin) ? 'bundle' : 'user' };
}

function isUntouchedCopy(stats: Stats, origin: FileOriginRow | undefined): boolean {
  // Copies get the time of their row; whole milliseconds, because some file systems cut the rest.
  return origin?.origin === 'bundle' && origin.size_bytes === stats.size && Math.floor(stats.mtimeMs) <= Date.parse(origin.created_at);
}

/** What counts for the learner's quota: copies of bundles and uploads do not. */
export function ownUse(tree: WorkspaceTree, origins: ReadonlyMap<string, FileOriginRow>): { files: number; bytes: number } {
  const use = { files: tree.fileCount, bytes: tree.bytes };
  for (const { name, stats } of tree.files) {
    const origin = origins.get(name);
    if (origin === undefined || origin.origin === 'user') continue;
    use.files -= 1;
    use.bytes -= stats.size;
  }
  return use;
}

/** Remembers that the learner wrote a file. */
export function recordWrite(context: FilesContext, sessionId: string, file: { name: string; bytes: Uint8Array }): void {
  context.store.files.put({
    session_id: sessionId, area: 'workspace', name: file.name, origin: 'user', sha256: sha256(file.bytes), size_bytes: file.bytes.length,
    created_at: context.clock.now().toISOString(), turn_index: context.store.sessions.get(sessionId)?.state.turn_index ?? 0,
  });
}

/** Forgets the origins of a name and of everything below it. */
export function forgetOrigins(context: FilesContext, sessionId: string, name: string): void {
  for (const row of namesBelow(context, sessionId, name)) context.store.files.remove(sessionId, 'workspace', row);
}

/** Carries the origins of a name, and of everything below it, to another name. */
export function moveOrigins(context: FilesContext, sessionId: string, names: { from: string; to: string }): void {
  for (const row of namesBelow(context, sessionId, names.from)) {
    context.store.files.rename(sessionId, row, names.to + row.slice(names.from.length));
  }
}

function namesBelow(context: FilesContext, sessionId: string, name: string): string[] {
  return context.store.files.list(sessionId, 'workspace').map((row) => row.name)
    .filter((candidate) => candidate === name || candidate.startsWith(`${name}/`));
}
