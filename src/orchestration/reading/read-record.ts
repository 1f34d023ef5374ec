import * as z from 'zod';
import { type CompanionRecord, TeachingModeSchema } from '../../contracts/index.ts';
import { suggestionIn } from '../state/index.ts';
import { createCoercionLog } from './coerce.ts';
import { createPartReader, type Reading, readingOf } from './reading.ts';
import { isObject, readLoose } from './read-loose.ts';

const LIMITS = { progress: 2000, account: 600, suggestion: 400, evidence: 300, items: 6 } as const;

const text = (limit: number) => z.string().meta({ maxLength: limit }).default('');

/** What the companion writes after `@@record`: descriptive fields, each with a default. */
export const RecordProposalSchema = z.object({
  progress_record: text(LIMITS.progress),
  what_user_attempted: text(LIMITS.account),
  what_user_observed: text(LIMITS.account),
  ca_teaching_mode: TeachingModeSchema.default('socratic'),
  ca_next_suggestion: text(LIMITS.suggestion),
  evidence_for_subtasks: z.array(z.object({
    subtask_id: z.string(),
    evidence: z.string().min(1).meta({ maxLength: LIMITS.evidence }),
    quote: z.string().meta({ maxLength: LIMITS.evidence }).optional(),
  })).default([]),
});
export type RecordProposal = z.infer<typeof RecordProposalSchema>;

/** The record's field names as the model writes them. */
export const RECORD_FIELDS: readonly string[] = Object.keys(RecordProposalSchema.shape);

/** What a record is completed with: ids of the chapter's tasks and the prose that was shown. */
export interface RecordContext { taskIds: readonly string[]; prose: string }

const readPart = createPartReader(RecordProposalSchema, 'record');

/** How many record fields an object-like text names; a fenced block with three of them is the record. */
export function countRecordFields(raw: string): number {
  const { value } = readLoose(raw);
  return value === null ? 0 : RECORD_FIELDS.filter((field) => Object.hasOwn(value, field)).length;
}

/** Reads the record. Null when there is no object with at least one of its fields: then a repair is worth a call. */
export function readRecord(raw: string | null, { taskIds, prose }: RecordContext): Reading<CompanionRecord> {
  const log = createCoercionLog();
  const loose = raw === null ? { value: null, notes: [] } : readLoose(raw);
  const value = unwrap(loose.value);
  if (value === null || !RECORD_FIELDS.some((field) => Object.hasOwn(value, field))) {
    log.problems.push(raw === null || raw.trim() === '' ? 'record: missing' : 'record: not readable');
    return readingOf<CompanionRecord>(null, log);
  }
  log.coercions.push(...loose.notes);
  const reading = readPart(value, log);
  if (reading.value === null) return readingOf<CompanionRecord>(null, log);
  const known = new Set(taskIds);
  const evidence = reading.value.evidence_for_subtasks.filter((item) => known.has(item.subtask_id));
  const foreign = reading.value.evidence_for_subtasks.length - evidence.length;
  if (foreign > 0) log.problems.push(`record.evidence_for_subtasks: ${foreign} unknown ids dropped`);
  return readingOf<CompanionRecord>({
    ...reading.value,
    ca_next_suggestion: reading.value.ca_next_suggestion === '' ? suggestionIn(prose) : reading.value.ca_next_suggestion,
    evidence_for_subtasks: evidence.slice(0, LIMITS.items),
  }, log);
}

function unwrap(value: Readonly<Record<string, unknown>> | null): Readonly<Record<string, unknown>> | null {
  const inner = value?.['record'];
  return isObject(inner) ? inner : value;
}
