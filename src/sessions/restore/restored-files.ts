import type { FileOriginRow } from '../../store/index.ts';
import type { SessionPaths } from '../session-folder.ts';
import { walkWorkspace } from '../files/walk-workspace.ts';

/** Origins of the files that a restored folder brings: what it calls a copy of the bundle stays one while nobody changes it. */
export async function restoredOrigins(
  paths: SessionPaths, session: { sessionId: string; sources: unknown; turnIndex: number },
): Promise<FileOriginRow[]> {
  const rows: FileOriginRow[] = [];
  for (const { name, stats } of (await walkWorkspace(paths.workspace)).files) {
    if (!isBundleFile(session.sources, name)) continue;
    rows.push({
      session_id: session.sessionId, area: 'workspace', name, origin: 'bundle', sha256: null, size_bytes: stats.size,
      created_at: new Date(Math.floor(stats.mtimeMs)).toISOString(), turn_index: session.turnIndex,
    });
  }
  return rows;
}

/** `{"name": "bundle"}` or `{"name": {"source": "bundle"}}`; anything else is no hint. */
function isBundleFile(sources: unknown, name: string): boolean {
  if (typeof sources !== 'object' || sources === null || !Object.hasOwn(sources, name)) return false;
  const hint: unknown = Reflect.get(sources, name);
  if (hint === 'bundle') return true;
  return typeof hint === 'object' && hint !== null && Reflect.get(hint, 'source') === 'bundle';
}
