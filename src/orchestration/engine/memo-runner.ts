import { languageOf, noticeFor } from '../../contracts/index.ts';
import type { TurnEvent } from '../../contracts/index.ts';
import type { HistoryRow, MemoJobRow, SessionRow, Store } from '../../store/index.ts';
import type { MemoScope } from '../context/index.ts';
import { readMemoPatch } from '../reading/index.ts';
import { renderReport } from '../report/index.ts';
import { appendErrors, applyMemoPatch, createJudgement, createMemory, describeTurn, foldMemory, wantedLongTerm, withExt } from '../state/index.ts';
import type { MemoPatchProposal } from '../state/index.ts';
import { askStructured } from './ask-structured.ts';
import type { EngineDeps } from './engine-deps.ts';
import { assembleTurn } from './phases/assemble.ts';
import { standingItems } from './phases/commit.ts';
import { recallTurn } from './recall-turn.ts';

/** How a memo ended, and the usage events nobody has heard yet. */
export interface MemoOutcome { kind: 'noted' | 'degraded' | 'nothing'; usage: TurnEvent[]; revision: number; turnIndex: number }

const RANGE_TURNS = 3;
const RESUMED_ATTEMPTS = 2;
const RESUMED_AT_ONCE = 4;
const NOTHING: MemoOutcome = { kind: 'nothing', usage: [], revision: 0, turnIndex: 0 };

/** Runs memo jobs: one at a time per session, owned by the session and not by a connection. Entries live while a job runs. */
export class MemoRunner {
  readonly #deps: EngineDeps;
  readonly #running = new Map<string, Promise<MemoOutcome>>();
  readonly #stop = new AbortController();
  #resuming: Promise<unknown> = Promise.resolve();

  constructor(deps: EngineDeps) {
    this.#deps = deps;
  }

  /** Runs the session's waiting job after the one that runs. Never rejects. */
  run(sessionId: string): Promise<MemoOutcome> {
    const before = this.#running.get(sessionId) ?? Promise.resolve(NOTHING);
    const job = before.then(() => this.#runOnce(sessionId)).finally(() => {
      if (this.#running.get(sessionId) === job) this.#running.delete(sessionId);
    });
    this.#running.set(sessionId, job);
    return job;
  }

  /** Runs every job that an earlier process left, a few at a time: a start must not ask the provider for all sessions at once. */
  resume(): void {
    const waiting = this.#deps.store.memoJobs.all().filter((job) => job.attempts < RESUMED_ATTEMPTS).map((job) => job.session_id);
    const lanes = Array.from({ length: Math.min(RESUMED_AT_ONCE, waiting.length) }, () => this.#resumeFrom(waiting));
    this.#resuming = Promise.all(lanes);
  }

  /** Tells the session's readers of a memo that came after its turn. Never throws: nobody waits for it any more. */
  announce(sessionId: string, outcome: MemoOutcome): void {
    try {
      this.#tell(sessionId, outcome);
    } catch (error) {
      this.#deps.log.error({ err: error, sessionId }, 'a late memo could not be told');
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled([...this.#running.values(), this.#resuming]);
  }

  /** Takes one session after another until none waits. Never rejects. */
  async #resumeFrom(waiting: string[]): Promise<void> {
    for (let id = waiting.shift(); id !== undefined && !this.#stop.signal.aborted; id = waiting.shift()) this.announce(id, await this.run(id));
  }

  #tell(sessionId: string, outcome: MemoOutcome): void {
    const { hub, store } = this.#deps;
    const row = this.#stop.signal.aborted ? null : store.sessions.get(sessionId);
    if (row === null) return;
    if (outcome.kind === 'degraded') {
      hub.emit(sessionId, null, { type: 'notice', code: 'memo_degraded', message: noticeFor('memo_degraded', languageOf(row.language)), agent: 'MA' });
    }
    for (const event of outcome.usage) hub.emit(sessionId, null, event);
    if (outcome.kind === 'noted') hub.emit(sessionId, null, { type: 'report_updated', turn_index: outcome.turnIndex, revision: outcome.revision });
  }

  async #runOnce(sessionId: string): Promise<MemoOutcome> {
    try {
      const job = this.#deps.store.memoJobs.get(sessionId);
      const row = this.#deps.store.sessions.get(sessionId);
      if (job === null || row === null || this.#stop.signal.aborted) return NOTHING;
      return await this.#note(job, row);
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#deps.log.error({ err: error, sessionId }, 'memo job failed');
      return NOTHING;
    }
  }

  async #note(job: MemoJobRow, row: SessionRow): Promise<MemoOutcome> {
    const { store } = this.#deps;
    const newest = store.history.tail(row.session_id, RANGE_TURNS * 2).find((past) => past.turn_index === job.to_turn);
    if (newest === undefined) {
      store.memoJobs.finish(row.session_id, job.to_turn);
      return NOTHING;
    }
    const scope = scopeOf(job, row);
    const patch = await this.#ask({ row, newest, scope });
    return this.#save({ job, newest, scope, patch });
  }

  async #ask(work: { row: SessionRow; newest: HistoryRow; scope: MemoScope }): Promise<MemoPatchProposal | null> {
    const { row, newest, scope } = work;
    const { snapshot } = await assembleTurn({ turnId: newest.turn_id, kind: newest.kind, message: newest.user_message }, row, this.#deps);
    return await askStructured({
      purpose: 'memo', read: readMemoPatch, repairWith: 'memo', extras: { memo: scope },
      snapshot: { ...snapshot, ...recallTurn(newest, row, this.#deps.store) },
    }, { sessionId: row.session_id, turnId: newest.turn_id, signal: this.#stop.signal, countAttempt: () => {}, notice: () => {} }, this.#deps);
  }

  /** One transaction over the newest row: a turn that was committed meanwhile keeps what it wrote. */
  #save(work: { job: MemoJobRow; newest: HistoryRow; scope: MemoScope; patch: MemoPatchProposal | null }): MemoOutcome {
    const { store, clock, content } = this.#deps;
    const { job, newest, patch, scope } = work;
    const at = clock.now().toISOString();
    const outcome = store.transaction((): MemoOutcome => {
      const row = store.sessions.get(job.session_id);
      const turns = store.history.tail(job.session_id, RANGE_TURNS * 2);
      if (row === null || !turns.some((past) => past.turn_id === newest.turn_id)) return NOTHING;
      const usage = turns.filter((past) => past.turn_index >= job.from_turn).flatMap((past) => settleUsage(past, store));
      if (patch === null) {
        store.memoJobs.setAttempts(row.session_id, job.attempts + 1);
        store.sessions.update(row.session_id, degrade(row, newest), at);
        return { kind: 'degraded', usage, revision: row.report_revision, turnIndex: newest.turn_index };
      }
      const template = content.load(row.content_hash)?.templates.dynamic_report_template.text ?? null;
      const next = applyMemo(row, { newest, patch, scope, template, judgement: store.turns.get(job.turn_id)?.judgement ?? createJudgement() });
      store.sessions.update(row.session_id, next, at);
      for (const [kind, body] of [['digest', next.digest], ['notes', next.notes]] as const) {
        store.revisions.insert({ session_id: row.session_id, kind, revision: next.report_revision, body, created_at: at });
      }
      store.memoJobs.finish(row.session_id, job.to_turn);
      if (store.backends.get(row.session_id) !== null) {
        for (const item of standingItems({ ...row, ...next })) store.outbox.enqueue(row.session_id, item, at);
      }
      return { kind: 'noted', usage, revision: next.report_revision, turnIndex: newest.turn_index };
    });
    if (outcome.kind === 'noted') this.#deps.onQueued();
    return outcome;
  }
}

/** Brings a turn's stored usage up to the ledger; gives what nobody was told yet, also of a memo that a stop cut off. */
function settleUsage(past: HistoryRow, store: Store): TurnEvent[] {
  const rows = store.ledger.ofTurn(past.turn_id).filter((row) => row.agent === 'MA');
  const told = past.token_usage?.MA ?? { input_tokens: 0, output_tokens: 0 };
  const total = { input_tokens: 0, output_tokens: 0, cached_tokens: 0 };
  for (const { usage } of rows) {
    total.input_tokens += usage.input_tokens;
    total.output_tokens += usage.output_tokens;
    total.cached_tokens += usage.cached_tokens ?? 0;
  }
  const fresh = { input_tokens: total.input_tokens - told.input_tokens, output_tokens: total.output_tokens - told.output_tokens };
  if (fresh.input_tokens <= 0 && fresh.output_tokens <= 0) return [];
  const { cached_tokens, ...sums } = total;
  store.history.updateUsage(past.session_id, past.turn_index, { ...past.token_usage, MA: { ...sums, ...(cached_tokens > 0 ? { cached_tokens } : {}) } });
  const isEstimated = rows.some((row) => row.estimated);
  return [{ type: 'token_usage', agent: 'MA', turn_index: past.turn_index, ...fresh, ...(isEstimated ? { estimated: true } : {}) }];
}

function scopeOf(job: MemoJobRow, row: SessionRow): MemoScope {
  const wanted = wantedLongTerm(row.digest.memory_state ?? createMemory());
  return {
    fromTurn: Math.max(job.from_turn, job.to_turn - RANGE_TURNS + 1), toTurn: job.to_turn,
    fold: wanted === null ? null : { longTerm: wanted.summary, turnRange: wanted.chunk.turn_range, chunk: wanted.chunk.summary },
  };
}

function applyMemo(row: SessionRow, memo: {
  newest: HistoryRow; patch: MemoPatchProposal; scope: MemoScope; template: string | null; judgement: ReturnType<typeof createJudgement>;
}) {
  const noted = applyMemoPatch({
    digest: row.digest, notes: row.notes, patch: memo.patch,
    facts: { turnIndex: memo.newest.turn_index, judgement: memo.judgement, state: row.state, longTermRange: memo.scope.fold?.turnRange ?? null },
  });
  const state = withExt(appendErrors(row.state, noted.errors), { revision: row.revision + 1 });
  const report_md = renderReport({ state, notes: noted.notes, template: memo.template, language: row.language });
  return { state, digest: noted.digest, notes: noted.notes, report_md, report_revision: row.report_revision + 1 };
}

/** Without a memo the turn still gets its line of memory, from its record; digest and notes stay. */
function degrade(row: SessionRow, newest: HistoryRow): Pick<SessionRow, 'digest' | 'state'> {
  const line = describeTurn(newest.turn_outcome, row.language);
  const memory = foldMemory(row.digest.memory_state ?? createMemory(), {
    turnCount: row.state.turn_index, lines: [{ turn_index: newest.turn_index, text: line }],
  });
  const degraded = { ...row.state.ext?.degraded, MA: newest.turn_index };
  return { digest: { ...row.digest, memory_state: memory }, state: withExt(row.state, { degraded, revision: row.revision + 1 }) };
}
