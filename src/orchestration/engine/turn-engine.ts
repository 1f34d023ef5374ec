import { LIMITS, SidecarError } from '../../contracts/index.ts';
import type { CancelAnswer, TurnKind } from '../../contracts/index.ts';
import type { SessionRow } from '../../store/index.ts';
import { extOf } from '../state/index.ts';
import type { SessionLease, TurnEngine, TurnTicket } from './engine-contract.ts';
import type { EngineDeps } from './engine-deps.ts';
import { writeFinalNarrative } from './final-narrative.ts';
import { MemoRunner } from './memo-runner.ts';
import { recoverTurns } from './recover.ts';
import { rememberTurn } from './phases/remember.ts';
import { runTurn } from './run-turn.ts';
import { RunningTurn } from './running-turn.ts';
import { StartPace } from './start-pace.ts';
import { SessionLocks } from './session-locks.ts';
import { endingOf } from './turn-ending.ts';

const GREETING_MARK = '[系统：';
const SKIPPED_MARK = '[TASK_SKIPPED]';

/** Creates the one path of a turn. */
export function createTurnEngine(deps: EngineDeps): TurnEngine {
  return new Engine(deps);
}

interface ActiveTurn { turn: RunningTurn; done: Promise<void> }

/** Maps exact literals to kinds; after this only the kind counts. */
function kindOf(text: string, row: SessionRow): TurnKind {
  if (text.startsWith(GREETING_MARK) && row.state.turn_index === 0) return 'greeting';
  if (text === SKIPPED_MARK && extOf(row.state).pending_skip_intro) return 'task_skipped';
  return 'student';
}

/** Holds the running turns; an entry lives from acceptance to the terminal event. */
class Engine implements TurnEngine {
  readonly #deps: EngineDeps;
  readonly #locks = new SessionLocks();
  readonly #pace = new StartPace();
  readonly #active = new Map<string, ActiveTurn>();
  readonly #memos: MemoRunner;
  #isStopping = false;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
    this.#memos = new MemoRunner(deps);
  }

  start(sessionId: string, message: { text: string; clientTurnId: string | null }): TurnTicket {
    const joined = this.#join(sessionId, message.clientTurnId);
    if (joined !== null) return joined;
    if (this.#isStopping) throw new SidecarError('SHUTTING_DOWN', 'no new turn while stopping');
    const row = this.#deps.store.sessions.get(sessionId);
    if (row === null) throw new SidecarError('SESSION_NOT_FOUND', 'unknown session');
    if (row.state.end_confirmed) throw new SidecarError('SESSION_ENDED', 'the session has ended');
    const lease = this.#locks.take(sessionId);
    try {
      return this.#accept(row, message, lease);
    } catch (error) {
      lease[Symbol.dispose]();
      throw error;
    }
  }

  async cancel(sessionId: string): Promise<CancelAnswer> {
    const active = this.#active.get(sessionId);
    if (active === undefined) return { cancelled: true, session_id: sessionId, outcome: 'idle', turn_id: null };
    active.turn.abort('cancelled');
    await active.done;
    const isCommitted = active.turn.isCommitted;
    return {
      cancelled: !isCommitted, session_id: sessionId, outcome: isCommitted ? 'committed' : 'cancelled', turn_id: active.turn.identity.turnId,
    };
  }

  isBusy(sessionId: string): boolean {
    return this.#active.has(sessionId);
  }

  lock(sessionId: string): SessionLease {
    return this.#locks.take(sessionId);
  }

  lockWithin(sessionId: string, waitMs: number, signal: AbortSignal): Promise<SessionLease> {
    return this.#locks.takeWithin(sessionId, waitMs, signal);
  }

  writeFinalNarrative(sessionId: string, signal: AbortSignal): Promise<string | null> {
    return writeFinalNarrative(sessionId, signal, this.#deps);
  }

  recover(): void {
    recoverTurns(this.#deps);
    this.#memos.resume();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const { turn } of this.#active.values()) turn.abort('shutdown');
    await Promise.allSettled([...this.#active.values()].map(({ done }) => done));
    await this.#memos.stop();
  }

  running(): number {
    return this.#active.size;
  }

  isWaiting(): boolean {
    return this.#active.values().some(({ turn }) => !turn.hasText);
  }

  #join(sessionId: string, clientTurnId: string | null): TurnTicket | null {
    if (clientTurnId === null) return null;
    const known = this.#deps.store.turns.findByClientId(sessionId, clientTurnId);
    return known === null ? null : { turnId: known.turn_id, turnIndex: known.turn_index, kind: known.kind, joined: true };
  }

  #accept(row: SessionRow, message: { text: string; clientTurnId: string | null }, lease: SessionLease): TurnTicket {
    const { store, clock, ids } = this.#deps;
    const identity = {
      turnId: ids.mint('trn_'), sessionId: row.session_id, turnIndex: row.state.turn_index, kind: kindOf(message.text, row),
      message: message.text, language: row.language, clientTurnId: message.clientTurnId,
    };
    const at = clock.now().toISOString();
    store.turns.insert({
      turn_id: identity.turnId, session_id: row.session_id, client_turn_id: message.clientTurnId, turn_index: identity.turnIndex,
      kind: identity.kind, message: message.text, base_revision: row.revision, phase: 'accepted', end: null, judgement: null, decision: null,
      staged_plan: null, lease_pid: process.pid, lease_started_at: at, accepted_at: at, ended_at: null, error: null,
    });
    const turn = new RunningTurn(identity, this.#deps);
    turn.emit({ type: 'start', turn_id: identity.turnId, turn_index: identity.turnIndex, kind: identity.kind });
    const done = this.#run(turn, row).finally(() => {
      this.#active.delete(row.session_id);
      lease[Symbol.dispose]();
    });
    this.#active.set(row.session_id, { turn, done });
    return { turnId: identity.turnId, turnIndex: identity.turnIndex, kind: identity.kind, joined: false };
  }

  /** Never rejects: every turn ends in exactly one terminal event. */
  async #run(turn: RunningTurn, row: SessionRow): Promise<void> {
    try {
      await this.#pace.place();
      const facts = await runTurn(turn, row, this.#deps);
      await rememberTurn(turn, facts, { deps: this.#deps, memos: this.#memos });
    } catch (error) {
      this.#fail(turn, error);
      await this.#abandonConsultations(turn);
    }
    this.#prune(turn);
  }

  /** The reader has the terminal event already; what cannot be closed now is closed at the session's next turn. */
  async #abandonConsultations(turn: RunningTurn): Promise<void> {
    const { turnId } = turn.identity;
    try {
      await this.#deps.consultant?.abandon?.(turnId);
    } catch (error) {
      this.#deps.log.warn({ turnId, err: error }, 'the consultations of a turn that came to nothing could not be closed');
    }
  }

  #fail(turn: RunningTurn, error: unknown): void {
    const { store, clock, log } = this.#deps;
    const { turnId } = turn.identity;
    const ending = endingOf(turn, error);
    if (ending.error !== null) log.warn({ turnId, err: error, code: ending.event.type }, 'turn failed');
    turn.closePairs();
    turn.reportUsage();
    try {
      store.turns.update(turnId, { end: ending.end, ended_at: clock.now().toISOString(), error: ending.error, phase: 'ended' });
    } catch (storeError) {
      log.error({ turnId, err: storeError }, 'the end of a turn could not be stored'); // At the next start it becomes interrupted.
    }
    turn.finish(ending.end, ending.event);
  }

  #prune(turn: RunningTurn): void {
    try {
      this.#deps.store.frames.prune(turn.identity.sessionId, { turns: LIMITS.kept_turns, frames: LIMITS.kept_frames });
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'kept frames could not be pruned'); // Too many kept frames cost space, not correctness.
    }
  }
}
