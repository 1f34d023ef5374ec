import {
  type EvidenceRecord, type SessionExt, type SessionState, type SkipLogEntry, type StudentErrorEntry, AgentCodeSchema, BlockerTypeSchema,
  EvidenceRecordSchema, SentimentSchema, SessionExtSchema, SkipReasonSchema, StudentErrorEntrySchema, SubtaskStateSchema, TASK_ID_PATTERN,
} from '../../contracts/index.ts';
import type { Task } from '../../content/index.ts';
import { DEFAULT_CONSTRAINTS, type SessionIdentity } from './initial-state.ts';
import { type LenientReader, type RawObject, type Words, createLenientReader, isRawObject } from './lenient-reader.ts';
import { repinTasks } from './repin.ts';
import { createExt, settleTasks } from './task-states.ts';

/** What an import knows besides the file. `tasks` null = the chapter's content cannot be found now. */
export interface RepairFacts extends SessionIdentity {
  tasks: readonly Task[] | null;
  /** The highest turn number of the folder plus one; 0 without turns. */
  nextIndex: number;
}

/** Words for enum values of older files. */
export const STATUS_WORDS = {
  legal: SubtaskStateSchema.options,
  aliases: { done: 'completed', finished: 'completed', complete: 'completed', skip: 'skipped', started: 'in_progress', active: 'in_progress',
    pending: 'not_started', todo: 'not_started', open: 'not_started', 已完成: 'completed', 已跳过: 'skipped', 进行中: 'in_progress', 未开始: 'not_started' },
} as const satisfies Words<SessionState['subtask_status'][string]['status']>;
export const SKIP_REASON_WORDS = {
  legal: SkipReasonSchema.options,
  aliases: { mastered: '已掌握', not_interested: '不感兴趣', too_hard: '太难了', too_wordy: '太啰嗦', other: '其他' },
} as const satisfies Words<NonNullable<SkipLogEntry['reason']>>;

const MAX_COUNT = 1_000_000;
const MAX_TASKS = 500;
const MAX_SKIPS = 500;
const MAX_EVIDENCE_LOG = 2000;
const MAX_ERRORS = 200;

/** Reads a state that may be missing, old or damaged. The folder's name is the id, and tasks come from the chapter. */
export function repairState(raw: unknown, facts: RepairFacts): { state: SessionState; problems: string[] } {
  const reader = createLenientReader('session_state');
  if (raw !== undefined && !isRawObject(raw)) reader.problems.push('session_state: not an object');
  const source: RawObject = isRawObject(raw) ? raw : {};
  const statuses = readStatuses(source, reader);
  const ext = readExt(source, facts, reader);
  const count = (key: string): number => reader.integer(source, key, { fallback: 0, min: 0, max: MAX_COUNT });
  const turnIndex = Math.max(count('turn_index'), facts.nextIndex);
  const state: SessionState = {
    session_id: facts.session_id,
    chapter_id: reader.text(source, 'chapter_id', { fallback: facts.chapter_id, limit: 128 }) || facts.chapter_id,
    turn_index: turnIndex, subtask_status: statuses, end_suggested: false, end_confirmed: reader.flag(source, 'end_confirmed', false),
    current_instruction_version: count('current_instruction_version'), constraints: readConstraints(source, facts, reader),
    attempts_since_last_progress: count('attempts_since_last_progress'),
    last_progress_turn: reader.integer(source, 'last_progress_turn', { fallback: 0, min: -1, max: turnIndex }),
    current_subtask_id: reader.text(source, 'current_subtask_id', { fallback: '', limit: 64 }) || null,
    consecutive_skips: count('consecutive_skips'), skip_log: readSkips(source, reader),
    awaiting_skip_reason: reader.flag(source, 'awaiting_skip_reason', false), ext,
  };
  const pinned = facts.tasks === null ? settleTasks(state, null) : repinTasks(state, facts.tasks, { pin: facts.pin, language: facts.language });
  return { state: pinned, problems: reader.problems };
}

function readStatuses(source: RawObject, reader: LenientReader): SessionState['subtask_status'] {
  const entries = Object.entries(reader.object(source, 'subtask_status')).slice(0, MAX_TASKS);
  const part = reader.below('subtask_status');
  return Object.fromEntries(entries.flatMap(([id, value]) => {
    if (!TASK_ID_PATTERN.test(id)) {
      part.problems.push('session_state.subtask_status: an invalid task id');
      return [];
    }
    return [[id, readStatus(part.below(id), value)]];
  }));
}

function readStatus(reader: LenientReader, value: unknown): SessionState['subtask_status'][string] {
  const entry: RawObject = isRawObject(value) ? value : { status: value };
  if (!isRawObject(value)) reader.problems.push('session_state.subtask_status: a status is not an object');
  return {
    status: reader.word(entry, 'status', { ...STATUS_WORDS, fallback: 'not_started' }),
    evidence: reader.texts(entry, 'evidence', { items: 20, limit: 300, keep: 'last' }),
  };
}

function readConstraints(source: RawObject, facts: RepairFacts, reader: LenientReader): SessionState['constraints'] {
  const given = { ...DEFAULT_CONSTRAINTS, ...facts.constraints };
  const raw = reader.object(source, 'constraints');
  const part = reader.below('constraints');
  const read = (key: keyof typeof given, max: number): number => part.integer(raw, key, { fallback: given[key], min: 1, max });
  return {
    max_input_length: read('max_input_length', 10_000), max_attempts_before_unlock: read('max_attempts_before_unlock', 10),
    batch_error_log_every_n_turns: read('batch_error_log_every_n_turns', 1000),
  };
}

function readSkips(source: RawObject, reader: LenientReader): SkipLogEntry[] {
  const part = reader.below('skip_log');
  return reader.list(source, 'skip_log', MAX_SKIPS).slice(-MAX_SKIPS).flatMap((item) => {
    const entry: RawObject = isRawObject(item) ? item : {};
    const id = part.text(entry, 'subtask_id', { fallback: '', limit: 64 });
    if (!TASK_ID_PATTERN.test(id)) return [];
    return [{
      subtask_id: id, turn_index: part.integer(entry, 'turn_index', { fallback: 0, min: 0, max: MAX_COUNT }),
      reason: part.wordOrNull(entry, 'reason', SKIP_REASON_WORDS),
      reason_text: part.text(entry, 'reason_text', { fallback: '', limit: 200 }) || null,
      skipped_at: part.text(entry, 'skipped_at', { fallback: '', limit: 64 }),
    }];
  });
}

/** Additive data of our own making: what does not parse as a whole is taken field by field. */
function readExt(source: RawObject, facts: RepairFacts, reader: LenientReader): SessionExt {
  const raw = reader.object(source, 'ext');
  const part = reader.below('ext');
  const count = (key: string, min: number): number => part.integer(raw, key, { fallback: min, min, max: MAX_COUNT });
  const shape = SessionExtSchema.shape;
  const whole = <T>(key: string, schema: { safeParse(value: unknown): { success: boolean; data?: T } }, fallback: T): T => {
    if (!Object.hasOwn(raw, key)) return fallback;
    const result = schema.safeParse(raw[key]);
    if (!result.success) part.problems.push(`session_state.ext.${key}: unreadable`);
    return result.success && result.data !== undefined ? result.data : fallback;
  };
  return {
    ...createExt(facts.language), pin: facts.pin,
    revision: count('revision', 0), tasks: whole('tasks', shape.tasks, {}),
    set_aside: whole('set_aside', shape.set_aside, {}) ?? {},
    evidence_log: part.list(raw, 'evidence_log', MAX_EVIDENCE_LOG).slice(-MAX_EVIDENCE_LOG).flatMap(keepParsed<EvidenceRecord>(EvidenceRecordSchema, part)),
    errors: part.list(raw, 'errors', MAX_ERRORS).slice(-MAX_ERRORS).flatMap(keepParsed<StudentErrorEntry>(StudentErrorEntrySchema, part)),
    last_plan_turn: count('last_plan_turn', -1), plan_due: part.flag(raw, 'plan_due', false), plan_retries: count('plan_retries', 0),
    pending_skip_intro: part.flag(raw, 'pending_skip_intro', false), last_judgement: readLastJudgement(raw, part),
    degraded: readDegraded(raw, part),
  };
}

function keepParsed<T>(schema: { safeParse(value: unknown): { success: boolean; data?: T } }, reader: LenientReader): (item: unknown) => T[] {
  return (item) => {
    const result = schema.safeParse(item);
    if (!result.success) reader.problems.push('session_state.ext: an unreadable entry');
    return result.success && result.data !== undefined ? [result.data] : [];
  };
}

function readLastJudgement(raw: RawObject, reader: LenientReader): SessionExt['last_judgement'] {
  const last = reader.object(raw, 'last_judgement');
  if (Object.keys(last).length === 0) return null;
  const part = reader.below('last_judgement');
  return {
    turn_index: part.integer(last, 'turn_index', { fallback: 0, min: 0, max: MAX_COUNT }),
    blocker: part.word(last, 'blocker', { legal: BlockerTypeSchema.options, fallback: 'none' }),
    sentiment: part.word(last, 'sentiment', { legal: SentimentSchema.options, fallback: 'engaged' }),
  };
}

function readDegraded(raw: RawObject, reader: LenientReader): SessionExt['degraded'] {
  const degraded = reader.object(raw, 'degraded');
  return Object.fromEntries(AgentCodeSchema.options.filter((agent) => Object.hasOwn(degraded, agent))
    .map((agent) => [agent, reader.integer(degraded, agent, { fallback: 0, min: 0, max: MAX_COUNT })]));
}
