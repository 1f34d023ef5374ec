import {
  DesktopContextSchema, InstructionPacketSchema, MemoDigestSchema, ReportNotesSchema, SessionStateSchema, SidecarError,
} from '../contracts/index.ts';
import type { InstructionPacket, SessionState } from '../contracts/index.ts';
import { blankDigest, blankNotes, blankPacket, blankState } from './blank-values.ts';
import { flag, json, nullableJson, nullableText, number, oneOf, text } from './columns.ts';
import type { RawRow } from './database.ts';
import type { StoreContext } from './quarantine.ts';
import type { Store } from './store-contract.ts';
import type { DamagedColumn, SessionChange, SessionListRow, SessionRow } from './store-rows.ts';
import { columnList, encodeFields, insertRow, readRow } from './table.ts';
import type { Table } from './table.ts';

/** A session as stored: state and packet read as null when they are damaged, because their blanks depend on each other. */
type StoredSession = Omit<SessionRow, 'state' | 'packet' | 'damaged'> & { state: SessionState | null; packet: InstructionPacket | null };

const table: Table<StoredSession> = {
  name: 'sessions',
  columns: {
    session_id: text, chapter_id: text, chapter_title: text, language: text, created_at: text, last_updated: text, revision: number,
    state: json<SessionState | null>(SessionStateSchema, () => null), packet: json<InstructionPacket | null>(InstructionPacketSchema, () => null),
    digest: json(MemoDigestSchema, blankDigest), notes: json(ReportNotesSchema, blankNotes), report_md: text, report_revision: number,
    desktop_context: nullableJson(DesktopContextSchema), content_hash: nullableText, content_problem: nullableText,
    final_report: nullableText, final_by: oneOf<'model' | 'rules' | null>('model', 'rules', null), generation: number,
    backend_url: nullableText,
  },
};
const listTable: Table<SessionListRow> = {
  name: 'sessions',
  columns: {
    session_id: text, chapter_id: text, chapter_title: text, turn_index: number, created_at: text, last_updated: text, end_confirmed: flag,
  },
};

const DAMAGEABLE: ReadonlySet<string> = new Set<DamagedColumn>(['state', 'packet', 'digest', 'notes', 'desktop_context']);
/** Tables that hold rows of a session without referring to it. */
const LOOSE_TABLES = ['ledger', 'system_events', 'imports', 'import_archives', 'quarantine'];
const SELECT = `SELECT ${columnList(table)}, turn_index, end_confirmed FROM sessions WHERE session_id = ?`;
/**
 * The chapter as the app that made the session names it: an id of one segment that its scope completed with the course is listed
 * as that one segment, because the app looks for a session by comparing ids.
 */
const LISTED_CHAPTER = `CASE WHEN instr(chapter_id, '/') > 0
  AND CASE WHEN json_valid(desktop_context) THEN json_extract(desktop_context, '$.chapter_scope.chapter_id') END
    = substr(chapter_id, instr(chapter_id, '/') + 1)
  THEN substr(chapter_id, instr(chapter_id, '/') + 1) ELSE chapter_id END AS chapter_id`;
const SELECT_LIST = `SELECT ${columnList(listTable).replace('"chapter_id"', LISTED_CHAPTER)} FROM sessions`;

/** Sessions; the list reads columns only and never a state. */
export function createSessionRepository(context: StoreContext): Store['sessions'] {
  const { database } = context;
  return {
    insert: ({ damaged: _mark, ...row }) => insertRow({ database, table }, row, listColumnsOf(row.state)),
    get: (sessionId) => {
      const raw = database.get(SELECT, sessionId);
      return raw === null ? null : readSession(context, raw);
    },
    findCaseTwin: (sessionId) => {
      const raw = database.get('SELECT session_id FROM sessions WHERE session_id = ?1 COLLATE NOCASE AND session_id <> ?1', sessionId);
      return raw === null ? null : String(raw.session_id);
    },
    update: (sessionId, change, at) => database.transaction(() => updateSession(context, sessionId, { change, at })),
    setGeneration: (sessionId, generation) => {
      database.run('UPDATE sessions SET generation = ? WHERE session_id = ?', generation, sessionId);
    },
    list: ({ chapterId, limit }) => {
      const where = chapterId === undefined ? ''
        : "WHERE sessions.chapter_id = ?1 OR (instr(?1, '/') = 0 AND substr(sessions.chapter_id, -length(?1) - 1) = '/' || ?1)";
      const sql = `${SELECT_LIST} ${where} ORDER BY last_updated DESC, session_id LIMIT ?`;
      const raws = database.all(sql, ...(chapterId === undefined ? [] : [chapterId]), limit ?? -1);
      return raws.map((raw) => readRow(listTable, raw, context.onDamage));
    },
    ids: () => new Set(database.all('SELECT session_id FROM sessions').map((raw) => String(raw.session_id))),
    delete: (sessionId) => database.transaction(() => {
      touchPin(context, sessionId);
      for (const name of LOOSE_TABLES) database.run(`DELETE FROM ${name} WHERE session_id = ?`, sessionId);
      database.run('DELETE FROM sessions WHERE session_id = ?', sessionId);
    }),
  };
}

function readSession(context: StoreContext, raw: RawRow): SessionRow {
  const damaged: DamagedColumn[] = [];
  const stored = readRow(table, raw, (place) => {
    context.onDamage(place);
    if (isDamageable(place.column)) damaged.push(place.column);
  });
  const version = stored.packet?.instruction_version ?? stored.state?.current_instruction_version ?? 1;
  const row: SessionRow = {
    ...stored,
    packet: stored.packet ?? blankPacket(version),
    state: stored.state ?? blankState({
      sessionId: stored.session_id, chapterId: stored.chapter_id, turnIndex: Number(raw.turn_index), endConfirmed: raw.end_confirmed === 1,
      instructionVersion: version,
    }),
  };
  return damaged.length === 0 ? row : { ...row, damaged };
}

function updateSession(context: StoreContext, sessionId: string, { change, at }: { change: SessionChange; at: string }): number {
  if (change.content_hash !== undefined) touchPin(context, sessionId);
  const listed = change.state === undefined ? {} : listColumnsOf(change.state);
  const fields = Object.entries({ ...encodeFields(table, change), ...listed, last_updated: at }).sort(([left], [right]) => (left < right ? -1 : 1));
  const assignments = fields.map(([name]) => `${name} = ?`).join(', ');
  const sql = `UPDATE sessions SET ${assignments}, revision = revision + 1 WHERE session_id = ? RETURNING revision`;
  const raw = context.database.get(sql, ...fields.map(([, value]) => value), sessionId);
  if (raw === null) throw new SidecarError('SESSION_NOT_FOUND', 'an unknown session cannot be updated');
  return Number(raw.revision);
}

/** The columns that the list reads instead of the state. */
function listColumnsOf(state: SessionState): { turn_index: number; end_confirmed: number } {
  return { turn_index: state.turn_index, end_confirmed: state.end_confirmed ? 1 : 0 };
}

/** A pin's age counts from the last session that let go of it. */
function touchPin({ database, clock }: StoreContext, sessionId: string): void {
  database.run(
    'UPDATE pins SET used_at = ? WHERE content_hash = (SELECT content_hash FROM sessions WHERE session_id = ?)',
    clock.now().toISOString(), sessionId,
  );
}

function isDamageable(column: string): column is DamagedColumn {
  return DAMAGEABLE.has(column);
}
