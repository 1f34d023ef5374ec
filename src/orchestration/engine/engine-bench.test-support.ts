import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createIds, silentLog, systemClock } from '../../config/index.ts';
import type { Log, ModelSettings } from '../../config/index.ts';
import type { TurnEvent } from '../../contracts/index.ts';
import { collectPin, createContentResolver, splitPin } from '../../content/index.ts';
import { createModels } from '../../models/index.ts';
import { STORE_FILE, openStore } from '../../store/index.ts';
import type { SessionRow, Store } from '../../store/index.ts';
import { companionReply, createProvider, memoReply, planReply, recordReply, structured } from '../../../tests/support/provider/index.ts';
import type { Provider } from '../../../tests/support/provider/index.ts';
import { parseFrame } from '../../../tests/support/sse-client.ts';
import { createTemporaryFolder } from '../../../tests/support/temporary-folder.ts';
import { loadPrompts } from '../prompts/index.ts';
import { createDigest, createInitialState, createNotes } from '../state/index.ts';
import { createStreamHub } from '../stream/index.ts';
import type { TurnStreamHub } from '../stream/index.ts';
import type { Consultant } from './consultant-contract.ts';
import type { TurnEngine } from './engine-contract.ts';
import type { EngineDeps, EngineSettings } from './engine-deps.ts';
import { PinnedContent } from './pinned-content.ts';
import { createTurnEngine } from './turn-engine.ts';

const PROJECT = join(import.meta.dirname, '..', '..', '..');
const CHAPTER = 'python_first_steps/ch1_reading_a_table';

/** The session that every bench has. */
export const SESSION = 's1';
/** One model name per agent. */
export const MODELS = { CA: 'ca-model', RMA: 'rma-model', MA: 'ma-model', EXP: 'exp-model', SMALL: 'small-model' } as const;

export interface BenchOptions { consultant?: Consultant; settings?: Partial<EngineSettings>; log?: Log; onQueued?: () => void }

/** A real engine over a real store, hub, gateway and content; the model is scripted at the wire. */
export interface EngineBench extends AsyncDisposable {
  provider: Provider;
  store: Store;
  hub: TurnStreamHub;
  engine: TurnEngine;
  /** Runs a turn to its terminal event and gives its events. */
  turn(message: string, clientTurnId?: string): Promise<TurnEvent[]>;
  /** Follows a turn that was started. */
  follow(turnId: string): Promise<TurnEvent[]>;
  row(): SessionRow;
  /** Another engine and hub over the same store, as the next process has them. */
  restart(): Promise<void>;
  /** Changes the database behind the store's back, to make it refuse. */
  sql(statement: string): void;
  /** Takes the database file away, as somebody who clears the data folder does; gives back how to undo it. */
  loseFile(): () => void;
}

function settingsFor(provider: Provider): ModelSettings {
  const endpoint = (model: string) => ({ provider: 'openai', baseUrl: provider.url, apiKey: 'sk-scripted-0123', model, temperature: null }) as const;
  return {
    endpoints: {
      CA: endpoint(MODELS.CA), RMA: endpoint(MODELS.RMA), MA: endpoint(MODELS.MA), EXP: endpoint(MODELS.EXP), SMALL: endpoint(MODELS.SMALL),
    },
    fallbackModel: null, contextTokens: null, structured: null, turnTokenLimit: 120_000, sessionTokenLimit: null, dayTokenLimit: null,
  };
}

/** Opens a bench with the session `s1` on the sample chapter; quiet replies stand ready. */
export async function openEngineBench(options: BenchOptions = {}): Promise<EngineBench> {
  const folder = await createTemporaryFolder('engine');
  const provider = await createProvider();
  const store = await openStore({ dir: folder.path, clock: systemClock, log: silentLog });
  const prompts = await loadPrompts({ directory: join(PROJECT, 'prompts') });
  const log = options.log ?? silentLog;
  const ids = createIds(systemClock);
  await insertSession(store);
  const gateway = createModels({
    settings: settingsFor(provider), facts: store.facts, clock: systemClock, log, tokensSince: () => 0, wait: async () => {}, random: () => 0,
  });
  const open = (): { hub: TurnStreamHub; engine: TurnEngine } => {
    const hub = createStreamHub({ store, onStoreError: () => {} });
    const deps: EngineDeps = {
      store, gateway, hub, prompts, clock: systemClock, ids, log, content: new PinnedContent(store), consultant: options.consultant ?? null,
      referencesFor: async () => [], knownSecrets: () => [], redact: (text) => text, onQueued: options.onQueued ?? (() => {}),
      settings: { memoWaitMs: 8_000, turnDeadlineMs: 180_000, language: 'en', ...options.settings },
    };
    return { hub, engine: createTurnEngine(deps) };
  };
  quiet(provider);
  const bench: EngineBench = {
    provider, store, ...open(),
    turn: async (message, clientTurnId) => await bench.follow(bench.engine.start(SESSION, { text: message, clientTurnId: clientTurnId ?? null }).turnId),
    follow: async (turnId) => {
      const events: TurnEvent[] = [];
      for await (const frame of bench.hub.followTurn(SESSION, turnId).frames) {
        const parsed = parseFrame(frame);
        if (typeof parsed !== 'string') events.push(parsed.data as TurnEvent);
      }
      return events;
    },
    row: () => store.sessions.get(SESSION)!,
    restart: async () => {
      await bench.engine.stop();
      bench.hub.close();
      Object.assign(bench, open());
    },
    sql: (statement) => {
      const database = new DatabaseSync(folder.join(STORE_FILE));
      database.exec(statement);
      database.close();
    },
    loseFile: () => {
      renameSync(folder.join(STORE_FILE), folder.join('away'));
      return () => renameSync(folder.join('away'), folder.join(STORE_FILE));
    },
    [Symbol.asyncDispose]: async () => {
      await bench.engine.stop();
      bench.hub.close();
      store.close();
      await provider.close();
      await folder[Symbol.asyncDispose]();
    },
  };
  return bench;
}

/** Standing replies: a locked turn, a plan, an empty memo, a record. */
export function quiet(provider: Provider): void {
  provider.always(MODELS.CA, companionReply());
  provider.always(MODELS.RMA, structured(planReply()));
  provider.always(MODELS.MA, structured(memoReply()));
  provider.always(MODELS.SMALL, structured(recordReply()));
}

async function insertSession(store: Store): Promise<void> {
  const resolver = createContentResolver({
    roots: { contentRoots: [], homeDir: '/nonexistent', packagedDir: join(PROJECT, 'content'), packagedPromptsDir: join(PROJECT, 'prompts') },
  });
  const { trusted } = await resolver.checkSources(undefined, { hasToken: true });
  const { content } = await resolver.resolve({ chapterId: CHAPTER, sources: trusted });
  const pin = collectPin(content);
  const stored = splitPin(pin);
  const at = '2026-01-02T03:04:05.000Z';
  store.content.putPin(pin.content_hash, stored.pin, stored.texts, at);
  const { state, packet } = createInitialState(content.chapter.tasks, {
    session_id: SESSION, chapter_id: CHAPTER, language: content.chapter.language, pin: { content_hash: pin.content_hash, bundle_version: null, scope_id: null },
  });
  store.sessions.insert({
    session_id: SESSION, chapter_id: CHAPTER, chapter_title: content.chapter.title, language: content.chapter.language, created_at: at,
    last_updated: at, revision: 0, state, packet, digest: createDigest(), notes: createNotes(), report_md: '', report_revision: 0,
    desktop_context: null, content_hash: pin.content_hash, content_problem: null, final_report: null, final_by: null, generation: 0, backend_url: null,
  });
}
