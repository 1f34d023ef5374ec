import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { createServer } from '../../api/index.ts';
import type { Clock, Config, Ids, Log, Redactor } from '../../config/index.ts';
import { LIMITS } from '../../contracts/index.ts';
import { createContentResolver } from '../../content/index.ts';
import type { ContentResolver } from '../../content/index.ts';
import { createConsultant } from '../../experts/index.ts';
import type { ExpertConsultant } from '../../experts/index.ts';
import { createModels } from '../../models/index.ts';
import type { ModelGateway } from '../../models/index.ts';
import { PinnedContent, createStreamHub, createTurnEngine, languageName, loadPrompts, outlineSchema } from '../../orchestration/index.ts';
import type { PromptSet, TurnEngine } from '../../orchestration/index.ts';
import { createSessions } from '../../sessions/index.ts';
import type { Sessions } from '../../sessions/index.ts';
import { openStore } from '../../store/index.ts';
import type { Store } from '../../store/index.ts';
import { createSync } from '../../sync/index.ts';
import type { Sync } from '../../sync/index.ts';
import { createCatalogue } from './catalogue.ts';
import { createLanes, withPreparation } from './compose-lanes.ts';
import type { Lanes } from './compose-lanes.ts';
import { createReferenceTexts } from './reference-texts.ts';
import { createServiceReport } from './service-report.ts';

/** What the process gives to everything in it. */
export interface ProcessParts {
  clock: Clock; ids: Ids; log: Log; redactor: Redactor; token: string; version: string; signal: AbortSignal;
  /** Called for every request that is more than a look at `/health`. */
  onWork?(): void;
}

/** A server that answers requests. */
export interface ComposedServer {
  url: string;
  /** Resolves when the work that follows a start in the background is done. */
  prepared: Promise<void>;
  /** Ends turns, streams and connections, then the store; resolves when all is quiet. */
  close(): Promise<void>;
}

interface Stopping { isStopping: boolean }
interface Core { config: Config; parts: ProcessParts; store: Store; stopping: Stopping; content: ContentResolver; sync: Sync; gateway: ModelGateway }

const RANDOM_STEPS = 2 ** 30;
const CONNECTION_GRACE_MS = 400;
const UNUSED_TEXT_MS = 30 * 24 * 3_600_000;

/** Wires everything and listens. Rejects with the store's or the port's error; nothing is left open then. */
export async function composeServer(config: Config, parts: ProcessParts): Promise<ComposedServer> {
  const { log, clock } = parts;
  await using owned = new AsyncDisposableStack();
  const stopping: Stopping = { isStopping: false };
  const store = await openStore({ dir: config.sessionsDir, clock, log, signal: parts.signal });
  owned.defer(() => store.close());
  const core = createCore({ config, parts, store, stopping });
  owned.defer(() => core.sync.stop());
  const prompts = await loadPrompts({ directory: join(config.programDir, 'prompts'), overrideDir: config.content.promptsDir });
  const tutoring: { current?: ReturnType<typeof createTutoring> } = {};
  const lanes = createLanes(config, parts, {
    store, sessions: () => requireMade(tutoring.current).sessions, isTurnWaiting: () => requireMade(tutoring.current).engine.isWaiting(),
  });
  owned.defer(() => lanes.stop());
  const { engine, hub, sessions: bare, consultant } = tutoring.current = createTutoring(core, prompts, lanes);
  owned.defer(() => bare.close());
  await lanes.recover();
  await consultant.recover();
  engine.recover();
  owned.defer(() => consultant.settled());
  const sessions = withPreparation(bare, lanes);

  const report = createServiceReport({ ...core, sessions, lanes, consultant, version: parts.version, isStopping: () => stopping.isStopping });
  owned.defer(() => report.close());
  const server = await createServer({
    onWork: () => parts.onWork?.(), sessions, report, clock, ids: parts.ids, log, language: config.language,
    catalogue: createCatalogue(core.content),
    execution: lanes.runner, notebook: lanes.notebooks,
    guard: { token: parts.token, mode: config.auth.mode, allowedOrigins: config.auth.allowedOrigins, desktopOrigins: config.auth.desktopOrigins },
    workbenchDir: config.workbench ? join(config.programDir, 'web') : null,
  });
  owned.defer(async () => {
    stopping.isStopping = true;
    const closing = server.close(CONNECTION_GRACE_MS);
    await engine.stop();
    hub.close();
    await closing;
  });
  const { url } = await server.listen({ host: config.host, port: config.port });
  report.begin();
  sweepInBackground(sessions, core);
  core.sync.kick();
  const prepared = lanes.start();
  void core.gateway.warmUp();

  const open = owned.move();
  return { url, prepared, close: async () => await open.disposeAsync() };
}

/** What the lanes ask for only after everything is wired. */
function requireMade<T>(made: T | undefined): T {
  if (made === undefined) throw new Error('asked for before it was wired');
  return made;
}

function createCore({ config, parts, store, stopping }: Pick<Core, 'config' | 'parts' | 'store' | 'stopping'>): Core {
  const { clock, log, redactor } = parts;
  const content = createContentResolver({
    roots: {
      curriculumDir: config.content.curriculumDir ?? undefined,
      expertsDir: config.content.expertsDir ?? undefined,
      mainAgentsDir: config.content.mainAgentsDir ?? undefined,
      curriculumTemplatesDir: config.content.curriculumTemplatesDir ?? undefined,
      tutorRoot: config.content.tutorRoot ?? undefined,
      contentRoots: config.content.contentRoots,
      homeDir: config.homeDir,
      packagedDir: join(config.programDir, 'content'),
      packagedPromptsDir: join(config.programDir, 'prompts'),
    },
  });
  const gateway = createModels({
    settings: config.models, facts: store.facts, clock, log,
    tokensSince: (at, sessionId) => store.ledger.tokensSince(at, sessionId),
    onSecret: (value) => redactor.register(value),
  });
  const sync = createSync({ store, clock, log, backendOrigins: config.backendOrigins, random: () => randomInt(RANDOM_STEPS) / RANDOM_STEPS });
  return { config, parts, store, stopping, content, sync, gateway };
}

function createTutoring(core: Core, prompts: PromptSet, lanes: Lanes): { engine: TurnEngine; hub: ReturnType<typeof createStreamHub>; sessions: Sessions; consultant: ExpertConsultant } {
  const { config, store, sync, content, stopping } = core;
  const { clock, ids, log, redactor } = core.parts;
  const hub = createStreamHub({ store, onStoreError: (error) => log.error({ error }, 'frames could not be stored') });
  const isDesktopMode = config.auth.mode === 'desktop';
  const consultant = createConsultant({
    store, gateway: core.gateway, content, clock, ids, log, runner: lanes.experts, sessionsDir: config.sessionsDir,
    dataToolsDir: join(config.programDir, 'python', 'expert_skills'), turnTokenLimit: config.models.turnTokenLimit, hasToken: !isDesktopMode,
    redact: (text) => redactor.redact(text),
    prompts: { render: (id, input) => prompts.render(id, input), versionOf: (id) => prompts.versionOf(id), outline: (schema) => outlineSchema(schema, 'lines'), languageName },
  });
  const engine = createTurnEngine({
    store, gateway: core.gateway, hub, prompts, clock, ids, log,
    content: new PinnedContent(store),
    consultant,
    referencesFor: createReferenceTexts(content, { hasToken: !isDesktopMode }),
    knownSecrets: () => redactor.values(),
    redact: (text) => redactor.redact(text),
    onQueued: () => sync.kick(),
    settings: { memoWaitMs: config.turn.memoWaitMs, turnDeadlineMs: LIMITS.turn_deadline_ms, language: config.language },
  });
  const sessions = createSessions({
    store, engine, hub, content, clock, ids, log,
    syncTokens: {
      setToken: (sessionId, backendToken) => {
        redactor.registerPassing(backendToken);
        return sync.setToken(sessionId, backendToken);
      },
      kick: () => sync.kick(),
    },
    lanes: { end: (sessionId) => lanes.endSession(sessionId) },
    settings: {
      sessionsDir: config.sessionsDir, maxInputLength: config.turn.maxInputLength,
      maxAttemptsBeforeUnlock: config.turn.maxAttemptsBeforeUnlock, batchErrorLogEveryNTurns: config.turn.batchErrorLogEveryNTurns,
      language: config.language, isDesktopMode, backendOrigins: config.backendOrigins,
    },
    isStopping: () => stopping.isStopping,
  });
  return { engine, hub, sessions, consultant };
}

/** Leftovers of a killed process and texts that no session uses do not hurt; they go when the server answers already. */
function sweepInBackground(sessions: Sessions, { store, parts: { log, clock } }: Core): void {
  const before = new Date(clock.now().getTime() - UNUSED_TEXT_MS).toISOString();
  sessions.sweep().then(() => store.content.collect(before)).catch((error: unknown) => log.warn({ error }, 'leftovers could not be removed'));
}
