import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { SidecarError, languageOf } from '../contracts/index.ts';
import type { CreateSessionAnswer, CreateSessionRequest } from '../contracts/index.ts';
import { copyStarterFiles, planStarterFiles, readChapterId, requireTrusted } from '../content/index.ts';
import type { CopiedFile } from '../content/index.ts';
import { createDigest, createInitialState, createNotes } from '../orchestration/index.ts';
import type { SessionRow } from '../store/index.ts';
import type { BackendAddress } from './backend-address.ts';
import { firstBackend, readBackendUrl } from './backend-address.ts';
import { findContent, pinNote, refineChapterId } from './chapter-content.ts';
import type { FoundContent } from './chapter-content.ts';
import { keepPin } from './keep-pin.ts';
import { importUnknown } from './import-session.ts';
import type { SessionsContext } from './session-context.ts';
import { discard, draftSessionFolder, isUnsettled, markSettled, sessionPaths, setAside } from './session-folder.ts';
import type { FolderDraft } from './session-folder.ts';
import { isSessionId } from './session-lookup.ts';

/** Who asks. A caller with a token may name content folders that no root covers. */
export interface Caller { hasToken: boolean }

/** Makes a session: content is resolved and pinned, starter files are copied, no model is called. All of it appears or nothing. */
export async function createSession(context: SessionsContext, request: CreateSessionRequest, caller: Caller): Promise<CreateSessionAnswer> {
  const sessionId = readNewId(context, request.session_id);
  const chapterId = refineChapterId(request.chapter_id, request.desktop_context);
  readChapterId(chapterId);
  const address = readBackendUrl(request.backend_url, context.settings.backendOrigins);
  const token = readToken(request.auth_token);
  const repeated = await findRepeat(context, { sessionId, chapterId });
  if (repeated !== null) {
    // The first answer was lost, so the client's token may be newer than ours.
    if (token !== null && address !== null) context.syncTokens.setToken(sessionId, token);
    return await answerFor(context, repeated);
  }
  const sources = requireTrusted(await context.content.checkSources(request.desktop_context, caller));
  const found = await findContent(context, { chapterId, sources });
  const row = newRow(context, { sessionId, chapterId, found, request, address });
  const takeBack = context.createRate.session();
  try {
    await using draft = await draftSessionFolder(context.settings.sessionsDir, context.ids);
    const copied = await copyStarters(context, found, draft);
    settle(context, { row, found, copied, draft, address, hasToken: token !== null });
  } catch (error) {
    takeBack();
    throw error;
  }
  await markSettled(sessionPaths(context.settings.sessionsDir, sessionId));
  if (address !== null && token !== null) {
    context.syncTokens.setToken(sessionId, token);
    context.syncTokens.kick();
  }
  return await answerFor(context, row);
}

function readNewId(context: SessionsContext, given: string | undefined): string {
  if (given === undefined || given === '') return context.ids.uuid();
  if (!isSessionId(given)) throw new SidecarError('SESSION_ID_INVALID', 'the id breaks the pattern or is a device name');
  return given;
}

function readToken(text: string | undefined): string | null {
  return text === undefined || text.trim() === '' ? null : text.trim();
}

/** The session that a lost answer was about, null when the id is free. Throws SESSION_EXISTS for everything else. */
async function findRepeat(context: SessionsContext, wanted: { sessionId: string; chapterId: string }): Promise<SessionRow | null> {
  const { sessionId, chapterId } = wanted;
  await importUnknown(context, sessionId);
  const row = context.store.sessions.get(sessionId);
  if (row !== null) {
    if (row.chapter_id === chapterId && row.state.turn_index === 0 && !context.engine.isBusy(sessionId)) return row;
    throw exists();
  }
  if (context.store.sessions.findCaseTwin(sessionId) !== null) throw exists();
  const { sessionsDir } = context.settings;
  const leftover = sessionPaths(sessionsDir, sessionId);
  if (await isUnsettled(leftover)) await discard(setAside(sessionsDir, leftover.folder, context.ids));
  const names = await readdir(sessionsDir).catch(() => []);
  if (names.some((name) => name.toLowerCase() === sessionId.toLowerCase())) throw exists();
  return null;
}

function exists(): SidecarError {
  return new SidecarError('SESSION_EXISTS', 'the id is taken');
}

async function copyStarters(context: SessionsContext, { resolved }: FoundContent, draft: FolderDraft): Promise<CopiedFile[]> {
  const plan = await planStarterFiles(resolved.place);
  const targets = { user_workspace: draft.paths.workspace, working_files: draft.paths.uploads };
  const { copied, diagnostics } = await copyStarterFiles(plan, targets, context.closing);
  const findings = [...plan.diagnostics, ...diagnostics];
  if (findings.length > 0) context.log.warn({ findings: findings.slice(0, 20).map(({ code, path }) => ({ code, path })) }, 'starter files were left out');
  const now = context.clock.now();
  // The time of a copy is that of its row, so that a later change shows.
  for (const file of copied) await utimes(join(targets[file.target], ...file.path.split('/')), now, now);
  return copied;
}

interface NewSession { sessionId: string; chapterId: string; found: FoundContent; request: CreateSessionRequest; address: BackendAddress | null }

function newRow(context: SessionsContext, { sessionId, chapterId, found, request, address }: NewSession): SessionRow {
  const { chapter } = found.resolved.content;
  const { settings } = context;
  const now = context.clock.now().toISOString();
  const { state, packet } = createInitialState(chapter.tasks, {
    session_id: sessionId, chapter_id: chapterId, language: chapter.language, pin: pinNote(found.resolved.content, found.pin.content_hash),
    constraints: {
      max_input_length: settings.maxInputLength, max_attempts_before_unlock: settings.maxAttemptsBeforeUnlock,
      batch_error_log_every_n_turns: settings.batchErrorLogEveryNTurns,
    },
  });
  return {
    session_id: sessionId, chapter_id: chapterId, chapter_title: chapter.title, language: chapter.language, created_at: now,
    last_updated: now, revision: 0, state, packet, digest: createDigest(), notes: createNotes(), report_md: '', report_revision: 0,
    desktop_context: request.desktop_context ?? null, content_hash: found.pin.content_hash, content_problem: null, final_report: null,
    final_by: null, generation: 0, backend_url: address?.url ?? null,
  };
}

interface Settling {
  row: SessionRow; found: FoundContent; copied: readonly CopiedFile[]; draft: FolderDraft; address: BackendAddress | null; hasToken: boolean;
}

/** One transaction; the folder takes its place as its last step, so that a refused row leaves no folder. */
function settle(context: SessionsContext, { row, found, copied, draft, address, hasToken }: Settling): void {
  const { store } = context;
  store.transaction(() => {
    if (store.sessions.findCaseTwin(row.session_id) !== null || store.sessions.get(row.session_id) !== null) throw exists();
    keepPin(store, found.pin, row.created_at);
    store.sessions.insert(row);
    if (address !== null) store.backends.put(firstBackend(row.session_id, address, hasToken));
    for (const file of copied) {
      store.files.put({
        session_id: row.session_id, area: file.target === 'user_workspace' ? 'workspace' : 'upload', name: file.path, origin: 'bundle',
        sha256: file.sha256, size_bytes: file.size, created_at: row.created_at, turn_index: 0,
      });
    }
    draft.settle(row.session_id);
  });
}

/** The body of a create answer, from what is stored: a repeat gets the same. */
async function answerFor(context: SessionsContext, row: SessionRow): Promise<CreateSessionAnswer> {
  const { store } = context;
  const copies = store.files.list(row.session_id, 'workspace').filter((file) => file.origin === 'bundle').map((file) => file.name).sort();
  const datasets = store.files.list(row.session_id, 'upload').some((file) => file.origin === 'bundle');
  const isDataset = (name: string): boolean => /^datasets?\//.test(name);
  const hasBackend = store.backends.get(row.session_id);
  return {
    session_id: row.session_id,
    initial_message: greeting(context, row.language),
    workspace: {
      has_starter_code: copies.some((name) => !isDataset(name)), has_datasets: datasets,
      files: copies.map((name) => ({ name, source: 'bundle' as const })),
    },
    chapter: {
      chapter_id: row.chapter_id, title: row.chapter_title, task_count: Object.keys(row.state.ext?.tasks ?? {}).length, language: row.language,
    },
    sync: hasBackend !== null && hasBackend.paused === null ? 'on' : 'off',
  };
}

function greeting(context: SessionsContext, language: string): string {
  if (context.settings.isDesktopMode || languageOf(language) === 'zh') return '你好！欢迎来到学习平台。';
  return 'Hello, and welcome to the learning platform.';
}
