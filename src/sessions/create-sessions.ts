import { SidecarError, languageOf } from '../contracts/index.ts';
import { PinnedContent } from '../orchestration/index.ts';
import { CreateRate } from './create-rate.ts';
import { createSession } from './create.ts';
import type { Caller } from './create.ts';
import { deleteSession } from './delete.ts';
import { endSession } from './end.ts';
import { readExpertReports } from './expert-reports.ts';
import { createSessionFiles } from './files/create-session-files.ts';
import type { FilesContext } from './files/files-context.ts';
import { healSession } from './heal-session.ts';
import { readHistory } from './history.ts';
import { ContentProblems } from './content-problems.ts';
import { listContentSources } from './content-sources.ts';
import { ImportProblems } from './import-problems.ts';
import { importUnknown } from './import-session.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { listSessions } from './list.ts';
import { reattachSession } from './reattach.ts';
import { checkText, sendMessage } from './send.ts';
import type { SessionsContext } from './session-context.ts';
import { ensureSessionFolders, sessionPaths, sweepLeftovers } from './session-folder.ts';
import { isSessionId, requireSession } from './session-lookup.ts';
import type { Sessions } from './sessions-contract.ts';
import type { SessionsDeps } from './sessions-deps.ts';
import { skipTask } from './skip.ts';
import { readUsage } from './usage.ts';

/** Makes the sessions over their store and folders. */
export function createSessions(deps: SessionsDeps): Sessions {
  const owner = new BackgroundWork(deps);
  const context = createContext(deps, owner);
  const ends = new Map<string, ReturnType<typeof endSession>>();
  const row = (sessionId: string): ReturnType<typeof requireSession> => requireSession(deps.store, sessionId);
  return {
    create: async (request, caller) => {
      context.createRate.request();
      const key = `create ${(request.session_id ?? '').toLowerCase()}`;
      const make = (): ReturnType<typeof createSession> => createSession(context, request, caller ?? context.defaultCaller);
      // Two requests for one id, say a lost answer and its retry, must not meet half-way.
      return await (request.session_id === undefined || request.session_id === '' ? make() : context.files.queue.run(key, make));
    },
    reattach: (sessionId, request, caller) => reattachSession(context, sessionId, { ...request, caller: caller ?? context.defaultCaller }),
    list: (query) => listSessions(context, query),
    ensureKnown: async (sessionId) => {
      if (!isSessionId(sessionId)) return;
      const known = deps.store.sessions.get(sessionId);
      if (known === null) await importUnknown(context, sessionId);
      else if (known.damaged !== undefined) healSession(context, sessionId);
    },
    history: (sessionId) => readHistory(deps.store, sessionId),
    dynamicReport: (sessionId) => row(sessionId).report_md,
    state: (sessionId) => row(sessionId).state,
    usage: (sessionId) => readUsage(deps.store, sessionId),
    skip: (sessionId, request) => skipTask(context, sessionId, request),
    end: (sessionId, signal) => joinEnd(ends, sessionId, () => endSession(context, sessionId, signal)),
    delete: (sessionId, options) => deleteSession(context, sessionId, options),
    expertReports: (sessionId) => readExpertReports(deps.store, sessionId),
    checkText: (message) => checkText(context, message),
    send: (sessionId, request) => sendMessage(context, sessionId, request),
    cancel: async (sessionId) => {
      row(sessionId);
      return await deps.engine.cancel(sessionId);
    },
    follow: (sessionId, lastEventId) => {
      row(sessionId);
      return deps.hub.follow(sessionId, lastEventId);
    },
    languageOf: (sessionId) => {
      const known = isSessionId(sessionId) ? deps.store.sessions.get(sessionId) : null;
      return known === null ? deps.settings.language : languageOf(known.language);
    },
    files: createSessionFiles(context),
    pathsOf: (sessionId) => sessionPaths(deps.settings.sessionsDir, row(sessionId).session_id),
    importProblems: () => context.problems.list(),
    contentProblems: () => context.contentProblems.list(),
    contentSources: () => listContentSources(context),
    sweep: () => sweepLeftovers(deps.settings.sessionsDir, (id) => isSessionId(id) && deps.store.sessions.get(id) !== null),
    close: () => owner.close(),
  };
}

/** Two calls at once wait for one report. The entry goes when it is there. */
async function joinEnd(ends: Map<string, ReturnType<typeof endSession>>, sessionId: string, end: () => ReturnType<typeof endSession>): ReturnType<typeof endSession> {
  const running = ends.get(sessionId);
  if (running !== undefined) return await running;
  const started = end();
  ends.set(sessionId, started);
  try {
    return await started;
  } finally {
    ends.delete(sessionId);
  }
}

function createContext(deps: SessionsDeps, owner: BackgroundWork): SessionsContext {
  const { store, clock, ids, settings } = deps;
  const files: FilesContext = {
    store, clock, ids, sessionsDir: settings.sessionsDir, queue: new KeyedQueue(),
    require: (sessionId) => requireSession(store, sessionId),
    folders: async (sessionId) => {
      const paths = sessionPaths(settings.sessionsDir, sessionId);
      await ensureSessionFolders(paths);
      return paths;
    },
  };
  const defaultCaller: Caller = { hasToken: !settings.isDesktopMode };
  return {
    ...deps, files, defaultCaller, problems: new ImportProblems(), contentProblems: new ContentProblems(), createRate: new CreateRate(clock), pinned: new PinnedContent(store),
    closing: owner.signal, background: (work) => owner.add(work),
  };
}

/** Work that outlives the request that began it: ended and waited for when sessions close. */
class BackgroundWork {
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #log: SessionsDeps['log'];

  constructor({ log }: SessionsDeps) {
    this.#log = log;
  }

  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  add(work: Promise<unknown>): void {
    const owned = work.then(() => undefined, (error: unknown) => {
      const code = error instanceof SidecarError ? error.code : 'INTERNAL';
      this.#log.warn({ code, error: error instanceof Error ? error.message : 'unknown' }, 'session work in the background failed');
    }).finally(() => this.#running.delete(owned));
    this.#running.add(owned);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#running);
  }
}
