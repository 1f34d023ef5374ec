/**
 * The first schema. Times are ISO texts unless a name ends in `_ms`. Rows of a session go with it; the references are checked at the
 * commit, so a transaction may write them in any order.
 */
export const SCHEMA_1 = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  session_id TEXT PRIMARY KEY, chapter_id TEXT NOT NULL, chapter_title TEXT NOT NULL, language TEXT NOT NULL,
  created_at TEXT NOT NULL, last_updated TEXT NOT NULL, revision INTEGER NOT NULL, turn_index INTEGER NOT NULL,
  end_confirmed INTEGER NOT NULL, state TEXT NOT NULL, packet TEXT NOT NULL, digest TEXT NOT NULL, notes TEXT NOT NULL,
  report_md TEXT NOT NULL, report_revision INTEGER NOT NULL, desktop_context TEXT, content_hash TEXT, content_problem TEXT,
  final_report TEXT, final_by TEXT, generation INTEGER NOT NULL, backend_url TEXT
) STRICT;
CREATE INDEX sessions_by_use ON sessions (last_updated DESC, session_id, chapter_id, chapter_title, turn_index, created_at, end_confirmed);
CREATE INDEX sessions_by_folded_id ON sessions (session_id COLLATE NOCASE);
CREATE INDEX sessions_by_content ON sessions (content_hash);

CREATE TABLE turns (
  turn_id TEXT PRIMARY KEY, session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  client_turn_id TEXT, turn_index INTEGER NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL, base_revision INTEGER NOT NULL,
  phase TEXT NOT NULL, "end" TEXT, judgement TEXT, decision TEXT NOT NULL DEFAULT 'null', staged_plan TEXT NOT NULL DEFAULT 'null', lease_pid INTEGER,
  lease_started_at TEXT, accepted_at TEXT NOT NULL, ended_at TEXT, error TEXT
) STRICT;
CREATE INDEX turns_of_session ON turns (session_id, client_turn_id);
CREATE INDEX turns_open ON turns (turn_id) WHERE "end" IS NULL;

CREATE TABLE history (
  session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, turn_index INTEGER NOT NULL,
  turn_id TEXT NOT NULL, kind TEXT NOT NULL, user_message TEXT NOT NULL, companion_response TEXT NOT NULL, turn_outcome TEXT NOT NULL,
  token_usage TEXT, created_at TEXT NOT NULL, PRIMARY KEY (session_id, turn_index)
) STRICT;

CREATE TABLE frames (
  session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, generation INTEGER NOT NULL,
  sequence INTEGER NOT NULL, turn_id TEXT, frame TEXT NOT NULL, terminal INTEGER NOT NULL,
  PRIMARY KEY (session_id, generation, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX frames_of_turn ON frames (turn_id, session_id, generation, sequence);
CREATE INDEX frames_of_session ON frames (session_id, turn_id, generation, sequence);

CREATE TABLE ledger (
  id INTEGER PRIMARY KEY, session_id TEXT NOT NULL, turn_id TEXT, at TEXT NOT NULL, tokens INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX ledger_of_session ON ledger (session_id, at, tokens);
CREATE INDEX ledger_of_turn ON ledger (turn_id);
CREATE INDEX ledger_by_time ON ledger (at, tokens);

CREATE TABLE memo_jobs (
  session_id TEXT PRIMARY KEY REFERENCES sessions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, from_turn INTEGER NOT NULL,
  to_turn INTEGER NOT NULL, turn_id TEXT NOT NULL, attempts INTEGER NOT NULL, created_at TEXT NOT NULL
) STRICT;

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  kind TEXT NOT NULL, rank INTEGER NOT NULL, turn_index INTEGER, body TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
  next_at INTEGER NOT NULL, error TEXT, created_at TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_in_order ON outbox (session_id, state, rank, turn_index, id);
CREATE INDEX outbox_by_state ON outbox (state, created_at);

CREATE TABLE backends (
  session_id TEXT PRIMARY KEY REFERENCES sessions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, origin TEXT NOT NULL,
  url TEXT NOT NULL, bid TEXT, paused TEXT, user_hash TEXT
) STRICT;
CREATE INDEX backends_of_origin ON backends (origin);

CREATE TABLE pins (content_hash TEXT PRIMARY KEY, pin TEXT NOT NULL, used_at TEXT NOT NULL) STRICT;
CREATE TABLE pin_texts (content_hash TEXT NOT NULL REFERENCES pins ON DELETE CASCADE, text_hash TEXT NOT NULL,
  PRIMARY KEY (content_hash, text_hash)) STRICT, WITHOUT ROWID;
CREATE INDEX pin_texts_by_text ON pin_texts (text_hash);
CREATE TABLE texts (text_hash TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;

CREATE TABLE files (
  session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, area TEXT NOT NULL, name TEXT NOT NULL,
  origin TEXT NOT NULL, sha256 TEXT, size_bytes INTEGER NOT NULL, created_at TEXT NOT NULL, turn_index INTEGER NOT NULL,
  PRIMARY KEY (session_id, area, name)
) STRICT;

CREATE TABLE system_events (
  id INTEGER PRIMARY KEY, session_id TEXT NOT NULL, timestamp TEXT NOT NULL, event_type TEXT NOT NULL, message TEXT NOT NULL,
  details TEXT NOT NULL
) STRICT;
CREATE INDEX system_events_of_session ON system_events (session_id, id);

CREATE TABLE revisions (
  session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, kind TEXT NOT NULL,
  revision INTEGER NOT NULL, body TEXT NOT NULL, created_at TEXT NOT NULL, PRIMARY KEY (session_id, kind, revision)
) STRICT;

CREATE TABLE run_notes (
  id INTEGER PRIMARY KEY, session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  execution_id TEXT NOT NULL, lane TEXT NOT NULL, at TEXT NOT NULL, ok INTEGER NOT NULL, code TEXT NOT NULL, stdout TEXT NOT NULL,
  stderr TEXT NOT NULL
) STRICT;
CREATE INDEX run_notes_of_session ON run_notes (session_id, id);

CREATE TABLE imports (session_id TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, at TEXT NOT NULL) STRICT;
CREATE TABLE import_archives (id INTEGER PRIMARY KEY, session_id TEXT NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL) STRICT;
CREATE INDEX import_archives_of_session ON import_archives (session_id, id);

CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at_ms INTEGER) STRICT;
CREATE TABLE counters (session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (session_id, name)) STRICT, WITHOUT ROWID;

CREATE TABLE executions (
  id INTEGER PRIMARY KEY, execution_id TEXT NOT NULL UNIQUE,
  session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, lane TEXT NOT NULL, kind TEXT NOT NULL,
  started_at TEXT NOT NULL, ended_at TEXT, turn_index INTEGER, job_id TEXT, consultation_id TEXT, body TEXT NOT NULL,
  code TEXT NOT NULL, stdout TEXT NOT NULL, stderr TEXT NOT NULL
) STRICT;
CREATE INDEX executions_of_session ON executions (session_id, id);
CREATE INDEX executions_open ON executions (id) WHERE ended_at IS NULL;

CREATE TABLE jobs (
  id INTEGER PRIMARY KEY, job_id TEXT NOT NULL UNIQUE,
  session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, state TEXT NOT NULL,
  created_at REAL NOT NULL, started_at REAL, ended_at REAL, execution_id TEXT, request TEXT NOT NULL DEFAULT 'null', result TEXT NOT NULL DEFAULT 'null',
  events TEXT NOT NULL
) STRICT;
CREATE INDEX jobs_of_session ON jobs (session_id, id);
CREATE INDEX jobs_open ON jobs (id) WHERE state IN ('queued', 'running');

CREATE TABLE consultations (
  session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, consultation_id TEXT NOT NULL,
  turn_id TEXT NOT NULL, turn_index INTEGER NOT NULL, expert_id TEXT NOT NULL, status TEXT NOT NULL, created_at TEXT NOT NULL,
  ended_at TEXT, body TEXT NOT NULL, PRIMARY KEY (session_id, consultation_id)
) STRICT;
CREATE INDEX consultations_of_turn ON consultations (turn_id);
CREATE INDEX consultations_open ON consultations (session_id) WHERE ended_at IS NULL;

CREATE TABLE expert_reports (
  session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, report_id TEXT NOT NULL,
  consultation_id TEXT NOT NULL, turn_index INTEGER NOT NULL, expert_id TEXT NOT NULL, created_at TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (session_id, report_id)
) STRICT;

CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY, session_id TEXT NOT NULL, kind TEXT NOT NULL, body_hash TEXT NOT NULL, body TEXT NOT NULL,
  problem TEXT NOT NULL, at TEXT NOT NULL, UNIQUE (session_id, kind, body_hash)
) STRICT;
`;
