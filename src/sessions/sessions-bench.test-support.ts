import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createIds, silentLog } from '../config/index.ts';
import type { Clock } from '../config/index.ts';
import { SidecarError } from '../contracts/index.ts';
import type { TurnOutcome } from '../contracts/index.ts';
import { createContentResolver } from '../content/index.ts';
import type { ContentRoots } from '../content/index.ts';
import { createStreamHub } from '../orchestration/index.ts';
import type { SessionLease, TurnEngine } from '../orchestration/index.ts';
import { openStore } from '../store/index.ts';
import type { HistoryRow, Store } from '../store/index.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { createSessions } from './create-sessions.ts';
import type { Sessions } from './sessions-contract.ts';
import type { SessionSettings } from './sessions-deps.ts';

/** The chapter that tests open; it belongs to the sample course. */
export const CHAPTER = 'python_first_steps/ch1_reading_a_table';
const PROJECT = join(import.meta.dirname, '..', '..');

/** A clock that stands at `at` until it is moved. */
export interface TestClock extends Clock { at: number }

/** Only the lock and the narrative of an engine; a session of `busy` has a running turn. For tests. */
export class LockingEngine implements TurnEngine {
  readonly #held = new Set<string>();
  readonly busy = new Set<string>();
  readonly started: string[] = [];
  narrative: (signal: AbortSignal) => Promise<string | null> = async () => 'A good story.';
  narrativeCount = 0;

  start(sessionId: string, message: { text: string }): ReturnType<TurnEngine['start']> {
    if (this.isBusy(sessionId)) throw new SidecarError('SESSION_BUSY', 'busy');
    this.started.push(message.text);
    return { turnId: `trn_${this.started.length}`, turnIndex: 0, kind: 'student', joined: false };
  }

  async cancel(sessionId: string): ReturnType<TurnEngine['cancel']> {
    this.busy.delete(sessionId);
    return { cancelled: true, session_id: sessionId, outcome: 'idle', turn_id: null };
  }

  isBusy(sessionId: string): boolean {
    return this.#held.has(sessionId) || this.busy.has(sessionId);
  }

  lock(sessionId: string): SessionLease {
    if (this.isBusy(sessionId)) throw new SidecarError('SESSION_BUSY', 'busy');
    this.#held.add(sessionId);
    return { sessionId, [Symbol.dispose]: () => this.#held.delete(sessionId) };
  }

  async lockWithin(sessionId: string): Promise<SessionLease> {
    return this.lock(sessionId);
  }

  async writeFinalNarrative(_sessionId: string, signal: AbortSignal): Promise<string | null> {
    this.narrativeCount += 1;
    return await this.narrative(signal);
  }

  recover(): void {}
  async stop(): Promise<void> {}
  running(): number {
    return this.busy.size;
  }

  isWaiting(): boolean {
    return false;
  }
}

/** Sessions over a real store, real folders and the sample course. */
export interface Bench extends AsyncDisposable {
  sessions: Sessions;
  store: Store;
  engine: LockingEngine;
  clock: TestClock;
  dir: string;
  /** Tokens that sync was given, by session. */
  tokens: Map<string, string>;
  lanesEnded: string[];
  stopping: { value: boolean };
  /** A path in the folder of the sessions. */
  path(...names: string[]): string;
  /** Stores a committed turn. */
  commitTurn(sessionId: string, texts: { user: string; companion: string }): void;
}

/** Opens a bench; disposing removes everything. */
export async function openBench(options: { settings?: Partial<SessionSettings>; roots?: Partial<ContentRoots> } = {}): Promise<Bench> {
  const folder = await createTemporaryFolder('sessions');
  const clock: TestClock = { at: Date.now(), now: () => new Date(clock.at), monotonicMs: () => clock.at };
  const store = await openStore({ dir: folder.path, clock, log: silentLog });
  const engine = new LockingEngine();
  const hub = createStreamHub({ store, onStoreError: (error) => { throw error; } });
  const content = createContentResolver({
    roots: {
      contentRoots: [], homeDir: folder.join('nobody'), packagedDir: join(PROJECT, 'content'), packagedPromptsDir: join(PROJECT, 'prompts'),
      ...options.roots,
    },
  });
  const tokens = new Map<string, string>();
  const lanesEnded: string[] = [];
  const stopping = { value: false };
  const sessions = createSessions({
    store, engine, hub, content, clock, ids: createIds(clock), log: silentLog, isStopping: () => stopping.value,
    lanes: { end: async (sessionId) => { lanesEnded.push(sessionId); } },
    syncTokens: { setToken: (sessionId, token) => tokens.get(sessionId) !== token && Boolean(tokens.set(sessionId, token)), kick: () => {} },
    settings: {
      sessionsDir: folder.path, maxInputLength: 10_000, maxAttemptsBeforeUnlock: 3, batchErrorLogEveryNTurns: 5, language: 'en',
      isDesktopMode: false, backendOrigins: null, ...options.settings,
    },
  });
  return {
    sessions, store, engine, clock, dir: folder.path, tokens, lanesEnded, stopping,
    path: (...names) => folder.join(...names),
    commitTurn: (sessionId, texts) => commitTurn(store, { sessionId, at: new Date(clock.at).toISOString(), ...texts }),
    [Symbol.asyncDispose]: async () => {
      await sessions.close();
      hub.close();
      store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** An outcome in which nothing happened. */
export const OUTCOME: TurnOutcome = {
  progress_record: '', what_user_attempted: '', what_user_observed: '', ca_next_suggestion: '', ca_teaching_mode: 'socratic',
  checkpoint_reached: false, blocker_type: 'none', student_sentiment: 'engaged', evidence_for_subtasks: [], expert_consultation_needed: false,
  expert_consultation_reason: '', student_wants_to_skip: false, skip_reason: null,
};

function commitTurn(store: Store, turn: { sessionId: string; at: string; user: string; companion: string }): void {
  const row = store.sessions.get(turn.sessionId);
  if (row === null) throw new Error('no such session');
  const index = row.state.turn_index;
  const past: HistoryRow = {
    session_id: turn.sessionId, turn_index: index, turn_id: `trn_${turn.sessionId}_${index}`, kind: 'student', user_message: turn.user,
    companion_response: turn.companion, turn_outcome: OUTCOME, token_usage: { CA: { input_tokens: 10, output_tokens: 5 } }, created_at: turn.at,
  };
  store.transaction(() => {
    store.history.insert(past);
    store.sessions.update(turn.sessionId, { state: { ...row.state, turn_index: index + 1 }, report_md: '## Tasks\n' }, turn.at);
  });
}

/** The bytes of a file as text. */
export async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8');
}

/** The code of the refusal that a call ends with; anything else fails the test. */
export async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (error instanceof SidecarError) return error.code;
    throw error;
  }
  return 'none';
}
