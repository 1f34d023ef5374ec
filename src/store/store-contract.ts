import type {
  AgentError, DesktopContext, InstructionPacket, Judgement, LedgerRow, MemoDigest, ReportNotes, SessionState, TurnEnd, TurnKind,
  TurnOutcome, TurnUsage,
} from '../contracts/index.ts';

/** Everything a session is, as one row. JSON columns are parsed with their schema on the way out. */
export interface SessionRow {
  session_id: string;
  chapter_id: string;
  chapter_title: string;
  language: string;
  created_at: string;
  last_updated: string;
  /** Grows by one with every change of state, packet, digest or report. */
  revision: number;
  state: SessionState;
  packet: InstructionPacket;
  digest: MemoDigest;
  notes: ReportNotes;
  report_md: string;
  report_revision: number;
  /** Stored content paths and scope; survives a restart, is replaced by a reattach. */
  desktop_context: DesktopContext | null;
  content_hash: string | null;
  /** Problem that keeps the content from resolving (an error code), else null. */
  content_problem: string | null;
  final_report: string | null;
  final_by: 'model' | 'rules' | null;
  /** Generation part of frame ids; a new one after a restart or an import. */
  generation: number;
  backend_url: string | null;
}

export interface SessionListRow {
  session_id: string; chapter_id: string; chapter_title: string; turn_index: number; created_at: string; last_updated: string;
  end_confirmed: boolean;
}

/** A turn from acceptance to its end. Only committed turns also stand in the history. */
export interface TurnRow {
  turn_id: string; session_id: string; client_turn_id: string | null; turn_index: number; kind: TurnKind; message: string;
  base_revision: number; phase: string; end: TurnEnd | null; judgement: Judgement | null; decision: unknown; staged_plan: unknown;
  lease_pid: number | null; lease_started_at: string | null; accepted_at: string; ended_at: string | null; error: AgentError | null;
}

export interface HistoryRow {
  session_id: string; turn_index: number; turn_id: string; kind: TurnKind; user_message: string; companion_response: string;
  turn_outcome: TurnOutcome; token_usage: TurnUsage | null; created_at: string;
}

export interface FrameRow { session_id: string; generation: number; sequence: number; turn_id: string | null; frame: string; terminal: boolean }

export interface MemoJobRow { session_id: string; from_turn: number; to_turn: number; turn_id: string; attempts: number; created_at: string }

export type OutboxKind = 'turn' | 'memory' | 'report';
export interface OutboxRow {
  id: number; session_id: string; kind: OutboxKind; turn_index: number | null; body: unknown; state: 'pending' | 'dead';
  attempts: number; next_at: number; error: string | null; created_at: string;
}
export interface BackendRow {
  session_id: string; origin: string; url: string; bid: string | null;
  /** Why nothing is sent: waiting for a token, denied, changed backend. */
  paused: 'token' | 'denied' | 'backend_changed' | null;
}

export interface FileOriginRow {
  session_id: string; area: 'workspace' | 'upload'; name: string; origin: 'bundle' | 'user' | 'upload'; sha256: string | null;
  size_bytes: number; created_at: string; turn_index: number;
}

export interface SystemEventRow { session_id: string; timestamp: string; event_type: string; message: string; details: Record<string, unknown> }

export interface RevisionRow { session_id: string; kind: 'digest' | 'notes' | 'long_term'; revision: number; body: unknown; created_at: string }

/** A run the companion may hear of; filled by the execution lanes. */
export interface RunNote {
  session_id: string; execution_id: string; lane: 'user' | 'notebook'; at: string; ok: boolean; code: string; stdout: string; stderr: string;
}

/** SQLite, one file. All calls are synchronous; `transaction` nests by joining. Throws SidecarError STORAGE_FAILED / STORAGE_FULL. */
export interface Store {
  transaction<T>(work: () => T): T;
  sessions: {
    insert(row: SessionRow): void;
    get(sessionId: string): SessionRow | null;
    /** Id as stored for one that is equal but for case, else null. */
    findCaseTwin(sessionId: string): string | null;
    /** Replaces the given columns; bumps `last_updated` to `at` and `revision` by one; returns the new revision. */
    update(sessionId: string, change: Partial<Omit<SessionRow, 'session_id' | 'revision' | 'created_at' | 'last_updated'>>, at: string): number;
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
    enqueue(sessionId: string, item: { kind: OutboxKind; turn_index: number | null; body: unknown }, at: string): void;
    /** First pending row per session that is due, turns by index, then memory, then report. */
    due(nowMs: number, limit: number): OutboxRow[];
    ofSession(sessionId: string): OutboxRow[];
    done(id: number): void;
    retry(id: number, facts: { nextAtMs: number; error: string }): void;
    bury(id: number, error: string): void;
    summary(): { pending: number; oldest_at: string | null; dead_letters: number };
    pendingOf(sessionId: string): number;
    deleteOf(sessionId: string): void;
  };
  backends: {
    put(row: BackendRow): void;
    get(sessionId: string): BackendRow | null;
    all(): BackendRow[];
    pause(match: { sessionId: string } | { origin: string }, reason: BackendRow['paused']): void;
  };
  content: {
    /** Keeps texts by hash and the pin by its hash; idempotent. */
    putPin(contentHash: string, pin: unknown, texts: readonly { hash: string; text: string }[], at: string): void;
    getPin(contentHash: string): { pin: unknown; texts: Map<string, string> } | null;
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
  close(): void;
}
