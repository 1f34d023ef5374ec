import type { Lane, LedgerRow, TurnUsage } from '../contracts/index.ts';
import type {
  SessionRow, SessionChange, SessionListRow, TurnRow, HistoryRow, FrameRow, MemoJobRow, OutboxKind, OutboxRow, BackendRow, FileOriginRow,
  SystemEventRow, RevisionRow, ExecutionRow, ExecutionTexts, JobRow, ConsultationRow, ExpertReportRow, QuarantineRow, RunNote,
} from './store-rows.ts';

/** SQLite, one file. All calls are synchronous; `transaction` nests by joining. Throws SidecarError STORAGE_FAILED / STORAGE_FULL. */
export interface Store {
  /**
   * One commit. It survives loss of power too, unless `flush` is false: a turn that the backend has already seen must not vanish here,
   * or its index would be used for another text. Single writes outside survive the process only.
   */
  transaction<T>(work: () => T, options?: { flush?: boolean }): T;
  sessions: {
    insert(row: SessionRow): void;
    get(sessionId: string): SessionRow | null;
    /** Id as stored for one that is equal but for case, else null. */
    findCaseTwin(sessionId: string): string | null;
    /** Replaces the given columns; bumps `last_updated` to `at` and `revision` by one; returns the new revision. */
    update(sessionId: string, change: SessionChange, at: string): number;
    list(filter: { chapterId?: string; limit?: number }): SessionListRow[];
    ids(): Set<string>;
    /** Sets the generation of frame ids without touching `revision` or `last_updated`. */
    setGeneration(sessionId: string, generation: number): void;
    delete(sessionId: string): void;
  };
  turns: {
    insert(row: TurnRow): void;
    get(turnId: string): TurnRow | null;
    findByClientId(sessionId: string, clientTurnId: string): TurnRow | null;
    update(turnId: string, change: Partial<Omit<TurnRow, 'turn_id' | 'session_id'>>): void;
    /** Turns without an end, of every session. */
    open(): TurnRow[];
  };
  history: {
    insert(row: HistoryRow): void;
    list(sessionId: string): HistoryRow[];
    /** The last `count` turns, oldest first. */
    tail(sessionId: string, count: number): HistoryRow[];
    updateUsage(sessionId: string, turnIndex: number, usage: TurnUsage): void;
    replaceAll(sessionId: string, rows: readonly HistoryRow[]): void;
  };
  frames: {
    append(rows: readonly FrameRow[]): void;
    /** Frames after a position, in order; null when that position is not kept. */
    after(sessionId: string, generation: number, sequence: number): FrameRow[] | null;
    ofTurn(turnId: string): FrameRow[];
    lastSequence(sessionId: string, generation: number): number;
    /** Keeps the newest `turns` turns and at most `frames` frames. */
    prune(sessionId: string, keep: { turns: number; frames: number }): void;
    clear(sessionId: string): void;
  };
  ledger: {
    insert(row: LedgerRow): void;
    ofTurn(turnId: string): LedgerRow[];
    ofSession(sessionId: string): LedgerRow[];
    /** Tokens (input + output) since a time, of one session or of all. */
    tokensSince(at: string, sessionId?: string): number;
  };
  memoJobs: {
    /** Adds a turn to the session's waiting job, or makes one. */
    enqueue(job: MemoJobRow): void;
    get(sessionId: string): MemoJobRow | null;
    all(): MemoJobRow[];
    setAttempts(sessionId: string, attempts: number): void;
    /** Removes the job up to `toTurn`; what was merged in later stays. */
    finish(sessionId: string, toTurn: number): void;
  };
  outbox: {
    /** To be called for every commit, also before the session has a backend; its rows then wait for one. */
    enqueue(sessionId: string, item: { kind: OutboxKind; turn_index: number | null; body: unknown }, at: string): void;
    /** First pending row per session that is due, turns by index, then memory, then report. Paused or unknown backends: none. */
    due(nowMs: number, limit: number): OutboxRow[];
    ofSession(sessionId: string): OutboxRow[];
    /** When the next row of a session that is not in `except` becomes due, in epoch milliseconds. */
    nextDueAt(except: ReadonlySet<string>): number | null;
    done(id: number): void;
    retry(id: number, facts: { nextAtMs: number; error: string }): void;
    bury(id: number, error: string): void;
    /** Counts rows of sessions that have a backend; `pendingOf` does too. */
    summary(): { pending: number; oldest_at: string | null; dead_letters: number };
    pendingOf(sessionId: string): number;
    deleteOf(sessionId: string): void;
  };
  backends: {
    put(row: BackendRow): void;
    get(sessionId: string): BackendRow | null;
    all(): BackendRow[];
    /** With `userHash` only rows of that user and rows of unknown users. An origin match never replaces another reason. */
    pause(match: { sessionId: string } | { origin: string; userHash?: string | null }, reason: BackendRow['paused']): void;
    /** Ends the wait for a token, and no other pause, of an origin's rows of that user or of unknown users. */
    resume(match: { origin: string; userHash: string | null }): void;
  };
  content: {
    /** Keeps texts by hash and the pin by its hash; idempotent. */
    putPin(contentHash: string, pin: unknown, texts: readonly { hash: string; text: string }[], at: string): void;
    getPin(contentHash: string): { pin: unknown; texts: Map<string, string> } | null;
    /** Content that sessions are pinned to, with the number of sessions; what was used last comes first. */
    inUse(limit: number): { content_hash: string; chapter_id: string; sessions: number }[];
    /** Removes pins and texts that no session uses and that are older than `before`. */
    collect(before: string): number;
  };
  files: {
    put(row: FileOriginRow): void;
    list(sessionId: string, area: FileOriginRow['area']): FileOriginRow[];
    remove(sessionId: string, area: FileOriginRow['area'], name: string): void;
    rename(sessionId: string, from: string, to: string): void;
  };
  systemEvents: { insert(row: SystemEventRow): void; list(sessionId: string, limit: number): SystemEventRow[] };
  revisions: { insert(row: RevisionRow): void; latest(sessionId: string, kind: RevisionRow['kind']): RevisionRow | null };
  runNotes: { insert(note: RunNote): void; recent(sessionId: string, count: number): RunNote[] };
  imports: {
    get(sessionId: string): { fingerprint: string; at: string } | null;
    put(sessionId: string, fingerprint: string, at: string): void;
    /** Archives what an import replaces; keeps the last three. */
    archive(sessionId: string, body: unknown, at: string): void;
  };
  /** Learnt facts about endpoints, with an expiry. */
  facts: { get(key: string, nowMs: number): unknown; put(key: string, value: unknown, expiresAtMs: number | null): void };
  executions: {
    insert(row: ExecutionRow, texts?: Partial<ExecutionTexts>): void;
    close(executionId: string, end: { ended_at: string; body: Record<string, unknown>; texts?: Partial<ExecutionTexts> }): void;
    get(executionId: string): (ExecutionRow & ExecutionTexts) | null;
    /** Newest first; `before` is an execution id, an unknown one gives an empty list. */
    list(sessionId: string, filter: { lane?: Lane; turnIndex?: number; consultationId?: string; before?: string; limit: number }): ExecutionRow[];
    /** Rows without an end, of every session. */
    open(): ExecutionRow[];
    /** Keeps the newest `keep` closed rows; open ones stay. */
    prune(sessionId: string, keep: number): void;
  };
  jobs: {
    insert(row: JobRow): void;
    update(jobId: string, change: Partial<Omit<JobRow, 'job_id' | 'session_id'>>): void;
    get(jobId: string): JobRow | null;
    /** Newest first, without `events`. */
    list(sessionId: string, limit: number): JobRow[];
    /** Queued and running jobs, of every session. */
    open(): JobRow[];
    prune(sessionId: string, keep: number): void;
  };
  consultations: {
    /** The next id of a session (`consult_0001`, …); never given twice. */
    mintId(sessionId: string): string;
    insert(row: ConsultationRow): void;
    update(key: { sessionId: string; consultationId: string }, change: Partial<Pick<ConsultationRow, 'status' | 'ended_at' | 'body'>>): void;
    get(sessionId: string, consultationId: string): ConsultationRow | null;
    /** Oldest first. */
    list(sessionId: string): ConsultationRow[];
    ofTurn(turnId: string): ConsultationRow[];
    /** Rows without an end, of every session. */
    /** Those that are running, and those whose answer waits for the commit of its turn. */
    open(): ConsultationRow[];
  };
  expertReports: {
    insert(row: ExpertReportRow): void;
    get(sessionId: string, reportId: string): ExpertReportRow | null;
    /** Newest first. */
    list(sessionId: string): ExpertReportRow[];
  };
  quarantine: {
    /** Sets a damaged text aside; the same text of the same place is kept once. */
    put(row: QuarantineRow): void;
    list(sessionId?: string): QuarantineRow[];
  };
  /** Checkpoints and closes; closing twice is harmless. The owner lock is free afterwards. */
  close(): void;
}
