import type {
  AgentError, DesktopContext, InstructionPacket, Judgement, Lane, MemoDigest, ReportNotes, SessionState, TurnEnd, TurnKind, TurnOutcome,
  TurnUsage,
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
  /**
   * Set by `get` only: columns whose stored text no longer parsed. The text stands in the quarantine, the row carries a blank value,
   * and the mark stays until `update` replaces the column; the caller re-derives it, as for a restored session without that part.
   */
  damaged?: readonly DamagedColumn[];
}

export type DamagedColumn = 'state' | 'packet' | 'digest' | 'notes' | 'desktop_context';
export type SessionChange = Partial<Omit<SessionRow, 'session_id' | 'revision' | 'created_at' | 'last_updated' | 'damaged'>>;

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
  /** Whose token it was: a hash of the token's subject, null while unknown. Tokens themselves are never stored. */
  user_hash?: string | null;
}

export interface FileOriginRow {
  session_id: string; area: 'workspace' | 'upload'; name: string; origin: 'bundle' | 'user' | 'upload'; sha256: string | null;
  size_bytes: number; created_at: string; turn_index: number;
}

export interface SystemEventRow { session_id: string; timestamp: string; event_type: string; message: string; details: Record<string, unknown> }

export interface RevisionRow { session_id: string; kind: 'digest' | 'notes' | 'long_term'; revision: number; body: unknown; created_at: string }

/** A run, cell or expert call: written at its start, closed at its end. `body` is the record without code and output. */
export interface ExecutionRow {
  execution_id: string; session_id: string; lane: Lane; kind: 'run' | 'job' | 'stream' | 'cell' | 'skill'; started_at: string;
  ended_at: string | null; turn_index: number | null; job_id: string | null; consultation_id: string | null;
  body: Record<string, unknown>;
}
export interface ExecutionTexts { code: string; stdout: string; stderr: string }

/** A background run. Times are epoch seconds, as on the wire; `events` is the kept end of its event stream. */
export interface JobRow {
  job_id: string; session_id: string; state: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'lost'; created_at: number;
  started_at: number | null; ended_at: number | null; execution_id: string | null; request: unknown; result: unknown; events: string;
}

/** An expert consultation; `body` holds envelope, tool calls and output. */
export interface ConsultationRow {
  session_id: string; consultation_id: string; turn_id: string; turn_index: number; expert_id: string; status: string;
  created_at: string; ended_at: string | null; body: Record<string, unknown>;
}
export interface ExpertReportRow {
  session_id: string; report_id: string; consultation_id: string; turn_index: number; expert_id: string; created_at: string;
  body: Record<string, unknown>;
}

/** A stored text that no longer parsed, kept for people; `kind` is `table.column`. */
export interface QuarantineRow { session_id: string; kind: string; body: string; problem: string; at: string }

/** A run the companion may hear of; filled by the execution lanes. */
export interface RunNote {
  session_id: string; execution_id: string; lane: 'user' | 'notebook'; at: string; ok: boolean; code: string; stdout: string; stderr: string;
}
