import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sampleSession, sampleTurn } from '../../tests/support/store-rows.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { createIds, createRedactor, silentLog, systemClock } from '../config/index.ts';
import type { ModelSettings } from '../config/index.ts';
import type { TurnEvent } from '../contracts/index.ts';
import { createContentResolver, readContentSources } from '../content/index.ts';
import type { ContentResolver, SessionContent } from '../content/index.ts';
import type { ExpertCall, ExpertCallResult, ExpertRunner } from '../execution/expert-runner/index.ts';
import { createModels } from '../models/index.ts';
import { languageName, loadPrompts, outlineSchema } from '../orchestration/index.ts';
import { openStore } from '../store/index.ts';
import type { Store } from '../store/index.ts';
import { createConsultant } from './create-consultant.ts';
import type { ExpertConsultant } from './create-consultant.ts';
import type { ConsultingTurn } from './consultant-deps.ts';

const root = join(import.meta.dirname, '..', '..');
export const SESSION = 's1';
export const CHAPTER = 'python_first_steps/ch2_comparing_groups';

/** Settings that send the experts to a scripted provider, or to the offline tutor. */
export function expertSettings(url: string | null, provider: 'openai' | 'anthropic' = 'openai'): ModelSettings {
  const endpoint = url === null
    ? { provider: 'offline' as const, baseUrl: null, apiKey: null, model: null, temperature: null }
    : { provider, baseUrl: url, apiKey: 'sk-secret-key-0123456789', model: 'expert-1', temperature: null };
  return {
    endpoints: { CA: endpoint, RMA: endpoint, MA: endpoint, EXP: endpoint, SMALL: endpoint }, fallbackModel: null, contextTokens: null, structured: null,
    turnTokenLimit: 120_000, sessionTokenLimit: null, dayTokenLimit: null,
  };
}

/** A lane at the port: answers calls from a table and keeps what it was asked. */
export interface LaneDouble extends Pick<ExpertRunner, 'refusal' | 'openWorkspace' | 'run'> {
  calls: ExpertCall[];
  opened: string[][];
  refused: string | null;
  answer(call: ExpertCall): Partial<ExpertCallResult> | Promise<Partial<ExpertCallResult>>;
}

/** A judgement of the data tool as its program prints it. */
export function judged(change: Record<string, unknown> = {}): Partial<ExpertCallResult> {
  return {
    stdout: JSON.stringify({
      file_name: 'mine.csv', is_suitable: false, blocking_issues: ["required columns are missing: 'score'"], warning_issues: [],
      evidence: { row_count: 2, issues: [{ code: 'column_missing' }] }, ...change,
    }),
  };
}

/** Makes a lane double whose calls all end well. */
export function createLane(answer: LaneDouble['answer'] = () => judged()): LaneDouble {
  const lane: LaneDouble = {
    calls: [], opened: [], refused: null, answer,
    refusal: async () => lane.refused,
    openWorkspace: async ({ sessionId, consultationId, inputs }) => {
      lane.opened.push(inputs.map(({ name }) => name));
      return {
        sessionId, consultationId, folder: '/host/place', artifacts: async () => [], keepArtifacts: async () => [], [Symbol.asyncDispose]: async () => undefined,
      };
    },
    run: async (call) => {
      lane.calls.push(call);
      call.onStart?.(`exe_${lane.calls.length}`);
      return {
        executionId: `exe_${lane.calls.length}`, ok: true, reason: 'ok', exitCode: 0, stdout: '', stderr: '', message: '', hints: [], error: null, durationMs: 3,
        truncated: { stdout: false, stderr: false }, guards: null, files: [], ...await lane.answer(call),
      };
    },
  };
  return lane;
}

/** A session with files, a consultant over real parts, and what came of it. */
export interface Bench extends AsyncDisposable {
  store: Store;
  consultant: ExpertConsultant;
  content: SessionContent;
  folder: string;
  events: TurnEvent[];
  file(path: string): string;
  /** Accepts a turn; the answer is what a consultation gets of it. */
  turn(turnId?: string, signal?: AbortSignal): ConsultingTurn;
  addUpload(name: string, text: string, sha256?: string): Promise<void>;
}

export interface BenchOptions {
  url?: string | null;
  protocol?: 'openai' | 'anthropic';
  lane?: LaneDouble | null;
  runner?: Pick<ExpertRunner, 'refusal' | 'openWorkspace' | 'run'>;
  expertsDir?: string;
  language?: string;
  change?: (content: SessionContent) => SessionContent;
  sessionsDir?: string;
  store?: Store;
}

/** Opens a bench. */
export async function openBench(options: BenchOptions = {}): Promise<Bench> {
  const own = options.sessionsDir === undefined ? await createTemporaryFolder('experts') : null;
  const folder = options.sessionsDir ?? own!.path;
  const store = options.store ?? await openStore({ dir: folder, clock: systemClock, log: silentLog });
  const resolver = createResolver(folder, options.expertsDir);
  const found = await contentOf(resolver);
  const content = options.change?.(found) ?? found;
  const prompts = await loadPrompts({ directory: join(root, 'prompts'), overrideDir: null });
  const redactor = createRedactor();
  redactor.register('sk-secret-key-0123456789');
  const consultant = createConsultant({
    store, content: resolver, runner: options.runner ?? (options.lane === undefined ? createLane() : options.lane), sessionsDir: folder,
    gateway: createModels({ settings: expertSettings(options.url ?? null, options.protocol), facts: store.facts, clock: systemClock, log: silentLog, tokensSince: () => 0 }),
    prompts: { render: prompts.render, versionOf: prompts.versionOf, outline: outlineSchema, languageName },
    dataToolsDir: join(root, 'python', 'expert_skills'), turnTokenLimit: 120_000, hasToken: true,
    redact: (text) => redactor.redact(text), clock: systemClock, ids: createIds(systemClock), log: silentLog,
  });
  if (store.sessions.get(SESSION) === null) {
    store.sessions.insert(sampleSession(SESSION, { chapter_id: CHAPTER, language: options.language ?? 'en', desktop_context: null }));
  }
  const session = store.sessions.get(SESSION)!;
  await mkdir(join(folder, SESSION, 'working_files'), { recursive: true });
  await consultant.prepare(session, AbortSignal.timeout(5000));
  const events: TurnEvent[] = [];
  const bench: Bench = {
    store, consultant, content, folder, events,
    file: (path) => join(folder, SESSION, path),
    turn: (turnId = 'trn_1', signal = AbortSignal.timeout(30_000)) => {
      if (store.turns.get(turnId) === null) store.turns.insert(sampleTurn(turnId, SESSION));
      return { turnId, turnIndex: 0, session, content, signal, emit: (event) => void events.push(event), countAttempt: () => undefined };
    },
    addUpload: async (name, text, sha256 = `sha-${text}`) => {
      await writeFile(join(folder, SESSION, 'working_files', name), text);
      store.files.put({
        session_id: SESSION, area: 'upload', name, origin: 'upload', sha256, size_bytes: text.length, created_at: '2026-01-01T00:00:00.000Z', turn_index: 0,
      });
    },
    [Symbol.asyncDispose]: async () => {
      await consultant.settled();
      if (options.store === undefined) store.close();
      await own?.[Symbol.asyncDispose]();
    },
  };
  await bench.addUpload('mine.csv', 'group,mark\na,1\nb,2\n');
  return bench;
}

function createResolver(folder: string, expertsDir: string | undefined): ContentResolver {
  return createContentResolver({
    roots: {
      contentRoots: [], homeDir: folder, packagedDir: join(root, 'content'), packagedPromptsDir: join(root, 'prompts'),
      ...(expertsDir === undefined ? {} : { expertsDir }),
    },
  });
}

async function contentOf(resolver: ContentResolver): Promise<SessionContent> {
  const { trusted } = await resolver.checkSources(readContentSources({}), { hasToken: true });
  return (await resolver.resolve({ chapterId: CHAPTER, sources: trusted })).content;
}

/** Writes an expert package below a folder. */
export async function writePackage(folder: string, id: string, metadata: Record<string, unknown> = {}, files: Record<string, string> = {}): Promise<void> {
  const whole = { expert_id: id, description: `Knows ${id}.`, output_modes: ['concept_explanation'], ...metadata };
  const texts = { 'principles.md': `# ${id}\n\nBe brief.\n\n## Metadata\n\n\`\`\`json\n${JSON.stringify(whole)}\n\`\`\`\n`, ...files };
  for (const [name, text] of Object.entries(texts)) {
    await mkdir(dirname(join(folder, id, name)), { recursive: true });
    await writeFile(join(folder, id, name), text);
  }
}
