import { SidecarError } from '../contracts/index.ts';
import type { DesktopContext, ReattachAnswer, ReattachRequest } from '../contracts/index.ts';
import { renderReport, repinSession } from '../orchestration/index.ts';
import type { SessionRow } from '../store/index.ts';
import type { BackendAddress } from './backend-address.ts';
import { readBackendUrl, takeBackend } from './backend-address.ts';
import { findContent, pinNote } from './chapter-content.ts';
import type { FoundContent } from './chapter-content.ts';
import type { Caller } from './create.ts';
import { importUnknown, refreshFromFolder } from './import-session.ts';
import { keepPin } from './keep-pin.ts';
import { chapterOfScope } from './restore/restore-content.ts';
import type { SessionsContext } from './session-context.ts';
import { discard, sessionPaths, setAside } from './session-folder.ts';
import { requireSession } from './session-lookup.ts';
import { queueWholeSession } from './sync-rows.ts';

/** Longer than any turn. */
const LOCK_WAIT_MS = 240_000;

/** Takes a session up again: imports its folder, takes the newer token, then the content that the context names. */
export async function reattachSession(
  context: SessionsContext, sessionId: string, request: ReattachRequest & { caller: Caller },
): Promise<ReattachAnswer> {
  const offer = { desktopContext: request.desktop_context, caller: request.caller };
  const isNew = await importUnknown(context, sessionId, offer);
  const known = requireSession(context.store, sessionId);
  const imported = isNew || await refreshFromFolder(context, known, offer);
  const backend = attachBackend(context, sessionId, request);
  const repinned = await attachContent(context, requireSession(context.store, sessionId), request);
  if (backend.problem !== null) context.problems.add(sessionId, [backend.problem]);
  const { state } = requireSession(context.store, sessionId);
  return { status: imported || backend.changed || repinned ? 'reattached' : 'already_attached', turn_index: state.turn_index, imported };
}

/** `problem`: why the offered address was left out, and its token with it, because a token is for the address that it came with. */
function attachBackend(context: SessionsContext, sessionId: string, request: ReattachRequest): { changed: boolean; problem: string | null } {
  let address: BackendAddress | null;
  try {
    address = readBackendUrl(request.backend_url, context.settings.backendOrigins);
  } catch (error) {
    if (!(error instanceof SidecarError)) throw error;
    return { changed: false, problem: `${error.message}, the address and its token are ignored` };
  }
  const token = (request.auth_token ?? '').trim();
  const { changed, isFirst } = takeBackend(context, sessionId, { address, token: token === '' ? null : token });
  if (isFirst) {
    // Turns that were committed before there was a backend are sent now.
    context.store.transaction(() => queueWholeSession(context.store, requireSession(context.store, sessionId), context.clock.now().toISOString()));
  }
  if (changed) context.syncTokens.kick();
  return { changed, problem: null };
}

/** True when the stored context or content changed. What cannot be used keeps what is stored and never fails the reattach. */
async function attachContent(context: SessionsContext, row: SessionRow, request: ReattachRequest & { caller: Caller }): Promise<boolean> {
  const offered = request.desktop_context;
  if (offered === undefined || (offered.bundle_paths?.chapter_bundle_path ?? '').trim() === '') return await nameChapter(context, row, request);
  const checked = await context.content.checkSources(offered, request.caller);
  if (checked.refused.length === 0) return await adopt(context, row, { desktopContext: offered, sources: checked.trusted });
  context.problems.clear(row.session_id);
  context.problems.add(row.session_id, checked.refused.slice(0, 10).map(({ field, reason }) => `${field}: ${reason}, the stored path is kept`));
  // Chapter and policy are pinned together: one of them alone would be content that nobody named.
  const keepsPin = checked.refused.some(({ field }) => field === 'chapter_bundle_path' || (field === 'app_agents_path' && row.content_hash !== null));
  if (keepsPin) return false;
  const desktopContext = withStored(offered, checked.refused, row.desktop_context);
  const { trusted } = await context.content.checkSources(desktopContext, request.caller);
  return await adopt(context, row, { desktopContext, sources: trusted });
}

/** A session without content tries again with what the server itself knows; nothing else changes without a chapter path. */
async function nameChapter(context: SessionsContext, row: SessionRow, request: ReattachRequest & { caller: Caller }): Promise<boolean> {
  if (row.content_hash !== null) return false;
  const desktopContext = request.desktop_context ?? row.desktop_context ?? {};
  const { trusted } = await context.content.checkSources(desktopContext, request.caller);
  return await adopt(context, row, { desktopContext, sources: trusted });
}

interface Offered { desktopContext: DesktopContext; sources: Parameters<typeof findContent>[1]['sources'] }

async function adopt(context: SessionsContext, row: SessionRow, { desktopContext, sources }: Offered): Promise<boolean> {
  const chapterId = row.chapter_id === '' ? chapterOfScope(desktopContext) : row.chapter_id;
  let found: FoundContent;
  try {
    found = await findContent(context, { chapterId, sources });
  } catch (error) {
    if (!(error instanceof SidecarError)) throw error;
    context.problems.clear(row.session_id);
    context.problems.add(row.session_id, [`content: ${error.code}, the stored content is kept`]);
    return false;
  }
  const isSame = found.pin.content_hash === row.content_hash;
  if (isSame && JSON.stringify(row.desktop_context) === JSON.stringify(desktopContext)) return false;
  if (isSame) {
    context.store.sessions.update(row.session_id, { desktop_context: desktopContext }, row.last_updated);
    return true;
  }
  const change = repin(context, { sessionId: row.session_id, chapterId, found, desktopContext });
  // A running turn keeps its content; the change then follows it and the answer does not wait.
  if (context.engine.isBusy(row.session_id)) context.background(change);
  else await change;
  return true;
}

interface Repin { sessionId: string; chapterId: string; found: FoundContent; desktopContext: DesktopContext }

/** Changes the pin under the session's lock, so that a running turn keeps its content and the next one has the new. */
async function repin(context: SessionsContext, { sessionId, chapterId, found, desktopContext }: Repin): Promise<void> {
  using _lease = await context.engine.lockWithin(sessionId, LOCK_WAIT_MS, context.closing);
  const { store } = context;
  const { content } = found.resolved;
  const { chapter } = content;
  const at = context.clock.now().toISOString();
  store.transaction(() => {
    const row = requireSession(store, sessionId);
    const pin = { pin: pinNote(content, found.pin.content_hash), language: chapter.language };
    const { state, packet } = repinSession({ state: { ...row.state, chapter_id: chapterId }, packet: row.packet }, chapter.tasks, pin);
    keepPin(store, found.pin, at);
    store.sessions.update(sessionId, {
      chapter_id: chapterId, chapter_title: chapter.title, language: chapter.language, state, packet, desktop_context: desktopContext,
      content_hash: found.pin.content_hash, content_problem: null,
      ...firstReport(row, { state, template: content.templates.dynamic_report_template.text, language: chapter.language }),
    }, row.last_updated);
    store.systemEvents.insert({
      session_id: sessionId, timestamp: at, event_type: 'content_repinned', message: 'the session uses other content from its next turn on',
      details: { from: row.content_hash, to: found.pin.content_hash, bundle_version: content.bundle_version },
    });
  });
  const { chapterView } = sessionPaths(context.settings.sessionsDir, sessionId);
  context.background(discard(setAside(context.settings.sessionsDir, chapterView, context.ids)));
}

/** A page that was rendered while nobody knew the tasks is rendered anew; one that came with the folder stays until the next turn. */
function firstReport(row: SessionRow, known: Omit<Parameters<typeof renderReport>[0], 'notes'>): Partial<Pick<SessionRow, 'report_md' | 'report_revision'>> {
  if (row.content_hash !== null || row.report_md === '') return {};
  const { state, notes, language } = row;
  if (row.report_md !== renderReport({ state, notes, template: null, language })) return {};
  return { report_md: renderReport({ ...known, notes }), report_revision: row.report_revision + 1 };
}

/** The offered context with the stored path, or none, for each path that was refused. */
function withStored(offered: DesktopContext, refused: readonly { field: string }[], stored: DesktopContext | null): DesktopContext {
  const fields = new Set(refused.map(({ field }) => field));
  const { expert_bundle_paths: experts, ...paths } = offered.bundle_paths ?? {};
  const { expert_bundle_paths: keptExperts, ...kept } = stored?.bundle_paths ?? {};
  const choose = (given: Paths, old: Paths, prefix = ''): Record<string, string> => Object.fromEntries(Object.entries(given).flatMap(([key, path]) => {
    const chosen = fields.has(`${prefix}${key.slice(0, 64)}`) ? old[key] : path;
    return chosen === undefined ? [] : [[key, chosen]];
  }));
  const chosenExperts = experts === undefined ? {} : { expert_bundle_paths: choose(experts, keptExperts ?? {}, 'expert_bundle_paths.') };
  return { ...offered, bundle_paths: { ...choose(paths, kept), ...chosenExperts } };
}

type Paths = Readonly<Record<string, string | undefined>>;
