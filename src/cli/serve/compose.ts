import { join } from 'node:path';
import { createServer } from '../../api/index.ts';
import type { ApiServer } from '../../api/index.ts';
import type { Clock, Config, Ids, Logger, Redactor } from '../../config/index.ts';
import { createContentResolver } from '../../content/index.ts';
import type { ContentRoots } from '../../content/index.ts';
import { createModels } from '../../models/index.ts';
import { PinnedContent, createStreamHub, createTurnEngine, loadPrompts, renderErrorSummary } from '../../orchestration/index.ts';
import type { PromptSet } from '../../orchestration/index.ts';
import { LIMITS } from '../../contracts/index.ts';
import { createSessions } from '../../sessions/index.ts';
import { openStore } from '../../store/index.ts';
import type { Store } from '../../store/index.ts';
import { createSync } from '../../sync/index.ts';
import { createCourseCatalogue } from './course-catalogue.ts';
import { createReferenceReader } from './reference-solutions.ts';
import { createServiceReport } from './service-report.ts';

/** What the process gives to the server besides its settings. */
export interface ComposeDeps { clock: Clock; ids: Ids; log: Logger; redactor: Redactor; version: string }

/** A server that listens. */
export interface ComposedServer {
  readonly url: string;
  readonly token: string;
  /** True when the token was made here, so that the ready line must tell it. */
  readonly isOwnToken: boolean;
  /** Stops accepting, ends turns and children, saves, and closes. */
  close(): Promise<void>;
}

const CLOSE_GRACE_MS = 300;
const TOKEN_BYTES = 32;
const PIN_KEPT_MS = 30 * 24 * 3_600_000;

/** Wires everything and listens. Rejects with StoreLockedError, StoreTooNewError, or the system's error of the port. */
export async function composeServer(config: Config, deps: ComposeDeps): Promise<ComposedServer> {
  const { clock, ids, log } = deps;
  const token = config.auth.token ?? ids.secret(TOKEN_BYTES);
  deps.redactor.register(token);
  const prompts = await loadPrompts({ directory: join(config.programDir, 'prompts'), overrideDir: config.content.promptsDir });
  const store = await openStore({ dir: config.sessionsDir, clock, log });
  const core = createCore(config, deps, { store, prompts });
  try {
    const api = await createServer({
      sessions: core.sessions, catalogue: core.catalogue, report: core.report, clock, ids, log, language: config.language,
      guard: { token, mode: config.auth.mode, allowedOrigins: config.auth.allowedOrigins, desktopOrigins: config.auth.desktopOrigins },
      workbenchDir: config.workbench ? join(config.programDir, 'web') : null,
    });
    const { url } = await api.listen({ host: config.host, port: config.port });
    core.start();
    return { url, token, isOwnToken: config.auth.token === null, close: () => closeAll(core, { api, store }) };
  } catch (error) {
    await core.stop();
    store.close();
    throw error;
  }
}

type Core = ReturnType<typeof createCore>;

function createCore(config: Config, deps: ComposeDeps, parts: { store: Store; prompts: PromptSet }) {
  const { clock, ids, log, redactor } = deps;
  const { store, prompts } = parts;
  let isStopping = false;
  const gateway = createModels({
    settings: config.models, facts: store.facts, clock, log, onSecret: (secret) => redactor.register(secret),
    tokensSince: (at, sessionId) => store.ledger.tokensSince(at, sessionId),
  });
  const content = createContentResolver({ roots: contentRootsOf(config) });
  const hub = createStreamHub({ store, onStoreError: (error) => log.error({ err: error }, 'a frame could not be stored') });
  const sync = createSync({
    store, clock, log, backendOrigins: config.backendOrigins, random: Math.random,
    errorSummary: (state) => renderErrorSummary(state.ext?.errors ?? [], state.ext?.language ?? config.language),
  });
  const engine = createTurnEngine({
    store, gateway, hub, prompts, clock, ids, log, content: new PinnedContent(store), consultant: null,
    referencesFor: createReferenceReader(content, log), knownSecrets: () => redactor.secrets(), redact: (text) => redactor.redact(text),
    onQueued: () => sync.kick(),
    settings: { memoWaitMs: config.turn.memoWaitMs, turnDeadlineMs: LIMITS.turn_deadline_ms, language: config.language },
  });
  const sessions = createSessions({
    store, engine, hub, content, clock, ids, log, isStopping: () => isStopping, lanes: { end: async () => {} },
    syncTokens: {
      setToken: (sessionId, secret) => {
        redactor.registerPassing(secret);
        sync.setToken(sessionId, secret);
      },
      kick: () => sync.kick(),
    },
    settings: {
      ...config.turn, sessionsDir: config.sessionsDir, language: config.language, isDesktopMode: config.auth.mode === 'desktop',
      backendOrigins: config.backendOrigins,
    },
  });
  const catalogue = createCourseCatalogue(content, clock);
  const report = createServiceReport({
    config, version: deps.version, clock, gateway, isStopping: () => isStopping, sync: () => sync.status(),
    imports: () => sessions.importProblems(),
    content: () => catalogue.problems().map(({ chapter_id, problem }) => ({ chapter_id, problem: `${problem.code}: ${problem.message}` })),
  });
  return {
    sessions, catalogue, report, hub,
    /** Work that must not delay the ready line. */
    start(): void {
      engine.recover();
      sync.kick();
      void sessions.sweep().catch((error: unknown) => log.warn({ err: error }, 'leftovers could not be removed'));
      store.content.collect(new Date(clock.now().getTime() - PIN_KEPT_MS).toISOString());
    },
    async stop(): Promise<void> {
      isStopping = true;
      await engine.stop();
      await Promise.all([sync.stop(), sessions.close()]);
      report.close();
    },
  };
}

async function closeAll(core: Core, { api, store }: { api: ApiServer; store: Store }): Promise<void> {
  const stopped = core.stop();
  await stopped;
  core.hub.close();
  await api.close(CLOSE_GRACE_MS);
  store.close();
}

function contentRootsOf({ content, homeDir, programDir }: Config): ContentRoots {
  return {
    curriculumDir: content.curriculumDir ?? undefined, expertsDir: content.expertsDir ?? undefined,
    mainAgentsDir: content.mainAgentsDir ?? undefined, curriculumTemplatesDir: content.curriculumTemplatesDir ?? undefined,
    tutorRoot: content.tutorRoot ?? undefined, contentRoots: content.contentRoots, homeDir,
    packagedDir: join(programDir, 'content'), packagedPromptsDir: join(programDir, 'prompts'),
  };
}
