import { readdir } from 'node:fs/promises';
import type { DesktopContext } from '../contracts/index.ts';
import type { HistoryRow, SessionRow } from '../store/index.ts';
import type { Caller } from './create.ts';
import { keepPin } from './keep-pin.ts';
import { readFolder } from './restore/read-folder.ts';
import type { RestoredSession } from './restore/read-folder.ts';
import { findRestoredChapter, pinnedChapter } from './restore/restore-content.ts';
import type { RestoredChapter } from './restore/restore-content.ts';
import { restoreRows } from './restore/restore-rows.ts';
import type { RestoredRows } from './restore/restore-rows.ts';
import { restoredOrigins } from './restore/restored-files.ts';
import { scanFolder } from './restore/scan-folder.ts';
import type { SessionsContext } from './session-context.ts';
import { ensureSessionFolders, isUnsettled, removeLinkedFolders, sessionPaths } from './session-folder.ts';
import { isSessionId } from './session-lookup.ts';
import { IMPORTED_TURN, queueWholeSession } from './sync-rows.ts';

/** What a caller brings to an import. */
export interface ImportOffer { desktopContext?: DesktopContext | undefined; caller?: Caller }

const LOCK_WAIT_MS = 15_000;

/** Imports the folder of a session that the store does not know. False when there is none. Waits at most 15 s for the session's lock. */
export async function importUnknown(context: SessionsContext, sessionId: string, offer: ImportOffer = {}): Promise<boolean> {
  if (!isSessionId(sessionId) || context.store.sessions.get(sessionId) !== null) return false;
  const paths = sessionPaths(context.settings.sessionsDir, sessionId);
  // Asked by listing: some disks would also find the folder under another spelling of its name.
  const names: string[] = await readdir(context.settings.sessionsDir).catch(() => []);
  if (!names.includes(sessionId) || await isUnsettled(paths) || (await scanFolder(paths.folder)) === null) return false;
  using _lease = await context.engine.lockWithin(sessionId, LOCK_WAIT_MS, context.closing);
  if (context.store.sessions.get(sessionId) !== null) return true;
  if (context.store.sessions.findCaseTwin(sessionId) !== null) {
    context.problems.clear(sessionId);
    context.problems.add(sessionId, ['another session has this id in other case']);
    return false;
  }
  const restored = await readSession(context, sessionId);
  if (restored === null) return false;
  await insert(context, sessionId, { restored, offer });
  return true;
}

/** Takes in what the app wrote over a known session since its last commit. True when the session was replaced. */
export async function refreshFromFolder(context: SessionsContext, known: SessionRow, offer: ImportOffer): Promise<boolean> {
  const sessionId = known.session_id;
  const scanned = await scanFolder(sessionPaths(context.settings.sessionsDir, sessionId).folder);
  if (scanned === null || scanned.newestMs <= Date.parse(known.last_updated)) return false;
  const restored = await readFolder(scanned, context.closing);
  if (!isNews(context, known, restored)) return false;
  using _lease = await context.engine.lockWithin(sessionId, LOCK_WAIT_MS, context.closing);
  const row = context.store.sessions.get(sessionId);
  if (row === null || restored.newestMs <= Date.parse(row.last_updated) || !isNews(context, row, restored)) return false;
  await replace(context, row, { restored, offer });
  return true;
}

async function readSession(context: SessionsContext, sessionId: string): Promise<RestoredSession | null> {
  const scanned = await scanFolder(sessionPaths(context.settings.sessionsDir, sessionId).folder);
  return scanned === null ? null : await readFolder(scanned, context.closing);
}

/** A set that was imported before, or that only repeats the first turns of what is stored, is no news. */
function isNews(context: SessionsContext, row: SessionRow, restored: RestoredSession): boolean {
  const { store } = context;
  if (store.imports.get(row.session_id)?.fingerprint === restored.fingerprint) return false;
  const stored = store.history.list(row.session_id);
  const isPrefix = restored.turns.every((turn, place) => {
    const other = stored[place];
    return other?.turn_index === turn.turn_index && other.user_message === turn.user_message && other.companion_response === turn.companion_response;
  });
  if (isPrefix) store.imports.put(row.session_id, restored.fingerprint, context.clock.now().toISOString());
  return !isPrefix;
}

interface Found { restored: RestoredSession; offer: ImportOffer; old?: SessionRow | null }

async function prepare(
  context: SessionsContext, sessionId: string, { restored, offer, old = null }: Found,
): Promise<{ rows: RestoredRows; chapter: RestoredChapter }> {
  const desktopContext = offer.desktopContext ?? old?.desktop_context ?? undefined;
  // A stored session keeps its content; other content comes with a reattach that names it, after the import.
  const chapter = (old === null ? null : pinnedChapter(context, old))
    ?? await findRestoredChapter(context, restored, { desktopContext, caller: offer.caller ?? { hasToken: false } });
  const rows = restoreRows({ sessionId, restored, chapter, desktopContext: desktopContext ?? null, settings: context.settings });
  context.problems.clear(sessionId);
  context.problems.add(sessionId, rows.problems.slice(0, 20));
  if (rows.problems.length > 0) context.log.warn({ sessionId, problems: rows.problems.slice(0, 20) }, 'a restored session was repaired');
  return { rows, chapter };
}

async function insert(context: SessionsContext, sessionId: string, found: Found): Promise<void> {
  const { rows, chapter } = await prepare(context, sessionId, found);
  const paths = sessionPaths(context.settings.sessionsDir, sessionId);
  context.problems.add(sessionId, (await removeLinkedFolders(paths)).map((name) => `${name}: a link was removed`));
  await ensureSessionFolders(paths);
  const origins = await restoredOrigins(paths, { sessionId, sources: found.restored.sources, turnIndex: rows.row.state.turn_index });
  const at = context.clock.now().toISOString();
  const { store } = context;
  store.transaction(() => {
    if (chapter.pin !== null) keepPin(store, chapter.pin, at);
    store.sessions.insert(rows.row);
    store.history.replaceAll(sessionId, rows.history);
    for (const origin of origins) store.files.put(origin);
    store.imports.put(sessionId, found.restored.fingerprint, at);
  });
  context.hub.reset(sessionId, { type: 'session_imported', turn_index: rows.row.state.turn_index });
}

async function replace(context: SessionsContext, old: SessionRow, found: Found): Promise<void> {
  const sessionId = old.session_id;
  const { rows, chapter } = await prepare(context, sessionId, { ...found, old });
  const at = context.clock.now().toISOString();
  const { store } = context;
  store.transaction(() => {
    if (chapter.pin !== null) keepPin(store, chapter.pin, at);
    store.imports.archive(sessionId, { row: old, history: store.history.list(sessionId) }, at);
    store.history.replaceAll(sessionId, rows.history);
    store.sessions.update(sessionId, changeOf(old, rows.row), rows.row.last_updated);
    store.frames.clear(sessionId);
    // What waited to be sent told of turns that are no longer there.
    store.outbox.deleteOf(sessionId);
    store.memoJobs.finish(sessionId, Number.MAX_SAFE_INTEGER);
    store.imports.put(sessionId, found.restored.fingerprint, at);
    const row = store.sessions.get(sessionId);
    if (row !== null && hasUnsent(rows.history)) queueWholeSession(store, row, at);
  });
  context.hub.reset(sessionId, { type: 'session_imported', turn_index: rows.row.state.turn_index });
  context.syncTokens.kick();
}

/** Turns of a predecessor may never have reached the backend; restored ones came from there. */
function hasUnsent(history: readonly HistoryRow[]): boolean {
  return history.some((turn) => turn.turn_id.startsWith(IMPORTED_TURN.predecessor));
}

/** The columns that an import replaces. Without content of its own it keeps the content that the session has. */
function changeOf(old: SessionRow, row: SessionRow): Parameters<SessionsContext['store']['sessions']['update']>[1] {
  const { state, packet, digest, notes, report_md, final_report, final_by } = row;
  const records = { state, packet, digest, notes, report_md, report_revision: old.report_revision + 1, final_report, final_by };
  if (row.content_hash === null) return { ...records, chapter_id: row.chapter_id || old.chapter_id };
  return {
    ...records, chapter_id: row.chapter_id, chapter_title: row.chapter_title, language: row.language, content_hash: row.content_hash,
    content_problem: null, desktop_context: row.desktop_context ?? old.desktop_context,
  };
}
