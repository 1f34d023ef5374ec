import { readdir } from 'node:fs/promises';
import { describeError, SidecarError } from '../contracts/index.ts';
import { importUnknown } from './import-session.ts';
import { scanFolder } from './restore/scan-folder.ts';
import type { SessionsContext } from './session-context.ts';
import { sessionPaths } from './session-folder.ts';
import { isSessionId } from './session-lookup.ts';

/** The app does not write atomically; a folder younger than this may not be whole yet. */
const SETTLE_MS = 2_000;

/** Imports the folders that the store does not know, one after the other. One that cannot be imported is named and left out. */
export async function discoverSessions(context: SessionsContext): Promise<void> {
  const known = context.store.sessions.ids();
  const entries = await readdir(context.settings.sessionsDir, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isDirectory() || known.has(entry.name) || !isSessionId(entry.name)) continue;
    context.closing.throwIfAborted();
    await discoverOne(context, entry.name);
  }
}

async function discoverOne(context: SessionsContext, sessionId: string): Promise<void> {
  try {
    const scanned = await scanFolder(sessionPaths(context.settings.sessionsDir, sessionId).folder);
    if (scanned === null || context.clock.now().getTime() - scanned.newestMs < SETTLE_MS) return;
    await importUnknown(context, sessionId);
  } catch (error) {
    if (context.closing.aborted) throw error;
    const problem = error instanceof SidecarError ? describeError(error, 'en') : 'the folder could not be read';
    context.problems.clear(sessionId);
    context.problems.add(sessionId, [problem]);
    context.log.warn({ sessionId, error: error instanceof Error ? error.message : 'unknown' }, 'a session folder could not be imported');
  }
}
