import {
  type MemoDigest, type MemoryState, type TurnOutcome, BlockerTypeSchema, ProgressDeltaSchema, SentimentSchema, TASK_ID_PATTERN, TeachingModeSchema,
  TurnKindSchema,
} from '../../contracts/index.ts';
import { createMemory } from './initial-state.ts';
import { type LenientReader, type RawObject, createLenientReader, isRawObject } from './lenient-reader.ts';
import { SKIP_REASON_WORDS } from './repair-state.ts';

const MAX_COUNT = 1_000_000;
const NOTE = 200;

function open(raw: unknown, name: string): { source: RawObject; reader: LenientReader } {
  const reader = createLenientReader(name);
  if (raw !== undefined && raw !== null && !isRawObject(raw)) reader.problems.push(`${name}: not an object`);
  return { source: isRawObject(raw) ? raw : {}, reader };
}

/** Reads the outcome of a turn, often `{}`; defaults fill in. */
export function repairOutcome(raw: unknown): { outcome: TurnOutcome; problems: string[] } {
  const { source, reader } = open(raw, 'turn_outcome');
  const text = (key: string, limit: number): string => reader.text(source, key, { fallback: '', limit });
  const kind = reader.wordOrNull(source, 'turn_kind', { legal: TurnKindSchema.options });
  const evidence = reader.list(source, 'evidence_for_subtasks', 20).slice(0, 20).flatMap((item) => readEvidence(item, reader));
  const outcome: TurnOutcome = {
    progress_record: text('progress_record', 2000), what_user_attempted: text('what_user_attempted', 600),
    what_user_observed: text('what_user_observed', 600), ca_next_suggestion: text('ca_next_suggestion', 400),
    ca_teaching_mode: reader.word(source, 'ca_teaching_mode', { legal: TeachingModeSchema.options, fallback: 'socratic' }),
    checkpoint_reached: reader.flag(source, 'checkpoint_reached', false),
    blocker_type: reader.word(source, 'blocker_type', { legal: BlockerTypeSchema.options, fallback: 'none' }),
    student_sentiment: reader.word(source, 'student_sentiment', { legal: SentimentSchema.options, fallback: 'engaged' }),
    evidence_for_subtasks: evidence,
    expert_consultation_needed: reader.flag(source, 'expert_consultation_needed', false),
    expert_consultation_reason: text('expert_consultation_reason', 600),
    student_wants_to_skip: reader.flag(source, 'student_wants_to_skip', false),
    skip_reason: reader.wordOrNull(source, 'skip_reason', SKIP_REASON_WORDS),
    ...(kind === null ? {} : { turn_kind: kind }),
  };
  return { outcome, problems: reader.problems };
}

function readEvidence(item: unknown, reader: LenientReader): TurnOutcome['evidence_for_subtasks'] {
  const part = reader.below('evidence_for_subtasks');
  const entry: RawObject = isRawObject(item) ? item : {};
  const id = part.text(entry, 'subtask_id', { fallback: '', limit: 64 }) || part.text(entry, 'subtask', { fallback: '', limit: 64 });
  const evidence = part.text(entry, 'evidence', { fallback: '', limit: 300 }) || part.text(entry, 'description', { fallback: '', limit: 300 });
  return TASK_ID_PATTERN.test(id) && evidence.trim() !== '' ? [{ subtask_id: id, evidence }] : [];
}

/** Reads a flat digest; a memory inside it wins over one of its own file. */
export function repairDigest(raw: unknown, rawMemory?: unknown): { digest: MemoDigest; problems: string[] } {
  const { source, reader } = open(raw, 'memo_digest');
  const notes = (key: string, items: number): string[] => reader.texts(source, key, { items, limit: NOTE, keep: 'last' });
  const own = Object.hasOwn(source, 'memory_state') ? source['memory_state'] : undefined;
  const { memory, problems } = repairMemory(isRawObject(own) ? own : rawMemory);
  const digest: MemoDigest = {
    key_observations: notes('key_observations', 12), student_struggles: notes('student_struggles', 8), student_strengths: notes('student_strengths', 8),
    student_sentiment: reader.word(source, 'student_sentiment', { legal: SentimentSchema.options, fallback: 'engaged' }),
    blocker_type: reader.word(source, 'blocker_type', { legal: BlockerTypeSchema.options, fallback: 'none' }),
    progress_delta: reader.word(source, 'progress_delta', { legal: ProgressDeltaSchema.options, fallback: 'none' }),
    diagnostic_log: notes('diagnostic_log', 20),
    skipped_tasks: notes('skipped_tasks', 500).filter((id) => TASK_ID_PATTERN.test(id)),
    achievement_log: readAchievements(source, reader), memory_state: memory,
  };
  return { digest, problems: [...reader.problems, ...problems] };
}

function readAchievements(source: RawObject, reader: LenientReader): MemoDigest['achievement_log'] {
  const entries = Object.entries(reader.object(source, 'achievement_log')).filter(([id]) => TASK_ID_PATTERN.test(id)).slice(0, 500);
  return Object.fromEntries(entries.map(([id, value]) => {
    const part = reader.below(`achievement_log.${id}`);
    const entry: RawObject = isRawObject(value) ? value : { accumulated_output: value };
    return [id, {
      task_id: id, accumulated_output: part.text(entry, 'accumulated_output', { fallback: '', limit: 4000 }),
      last_updated_turn: part.integer(entry, 'last_updated_turn', { fallback: 0, min: 0, max: MAX_COUNT }),
    }];
  }));
}

/** Reads a memory; turns that it does not cover are simply not remembered. */
export function repairMemory(raw: unknown): { memory: MemoryState; problems: string[] } {
  const { source, reader } = open(raw, 'memory_state');
  const fresh = createMemory();
  const turn = (key: string): number => reader.integer(source, key, { fallback: -1, min: -1, max: MAX_COUNT });
  const objects = (key: string, limit: number): RawObject[] => reader.list(source, key, limit).slice(-limit).filter(isRawObject);
  const memory: MemoryState = {
    long_term_summary: reader.text(source, 'long_term_summary', { fallback: '', limit: 2000 }),
    mid_term_summaries: objects('mid_term_summaries', 64).flatMap((item) => {
      const summary = reader.text(item, 'summary', { fallback: '', limit: 1200 });
      return summary.trim() === '' ? [] : [{ turn_range: reader.text(item, 'turn_range', { fallback: '', limit: 40 }), summary }];
    }),
    deltas: objects('deltas', 64).flatMap((item) => {
      const text = reader.text(item, 'text', { fallback: '', limit: 400 });
      return text.trim() === '' ? [] : [{ turn_index: reader.integer(item, 'turn_index', { fallback: 0, min: 0, max: MAX_COUNT }), text }];
    }),
    last_mid_term_turn: turn('last_mid_term_turn'), last_updated_turn: turn('last_updated_turn'),
    version: reader.integer(source, 'version', { fallback: fresh.version, min: 0, max: MAX_COUNT }),
  };
  return { memory, problems: reader.problems };
}
