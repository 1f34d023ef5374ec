import {
  type Judgement, type MemoDigest, type ReportNotes, type SessionState, type StudentErrorEntry, clipCodePoints,
} from '../../contracts/index.ts';
import { foldText, isCleanText } from './fold-text.ts';
import { createMemory } from './initial-state.ts';
import { foldMemory } from './memory.ts';
import { type MemoPatchProposal, PROPOSAL_LIMITS } from './proposals.ts';
import { takeReportNotes } from './report-notes.ts';
import { taskEntry } from './task-states.ts';

const OBSERVATIONS = 12;
const TRAITS = 8;
const DIAGNOSTICS = 20;
const ACHIEVEMENT_CHARS = 4000;

/** What code knows about the turns that a memo covers. */
export interface MemoFacts {
  /** The newest turn that the memo covers. */
  turnIndex: number;
  /** Its judgement. */
  judgement: Judgement;
  /** The committed state. */
  state: SessionState;
  /** The chunk of memory that the call was asked to join into the long-term summary, else null. */
  longTermRange: string | null;
}

/** Digest, notes and error entries after a memo. */
export interface MemoResult { digest: MemoDigest; notes: ReportNotes; errors: StudentErrorEntry[] }

/** The ids under which the memo agent sees the items of a digest. */
export function digestItemIds(digest: MemoDigest): { observations: string[]; struggles: string[]; strengths: string[] } {
  const number = (prefix: string, items: readonly string[]): string[] => items.map((_, index) => `${prefix}${index + 1}`);
  return {
    observations: number('o', digest.key_observations), struggles: number('s', digest.student_struggles),
    strengths: number('g', digest.student_strengths),
  };
}

/** Applies a memo: lists stay short, facts come from code, and text with reasoning or protocol marks never enters. */
export function applyMemoPatch(memo: { digest: MemoDigest; notes: ReportNotes; patch: MemoPatchProposal; facts: MemoFacts }): MemoResult {
  const { digest, notes, patch, facts } = memo;
  const ids = digestItemIds(digest);
  const memory = foldMemory(digest.memory_state ?? createMemory(), {
    turnCount: facts.state.turn_index, lines: [{ turn_index: facts.turnIndex, text: patch.memory_delta }],
    longTerm: facts.longTermRange === null || patch.long_term === undefined ? null : { text: patch.long_term, turn_range: facts.longTermRange },
  });
  return {
    digest: {
      ...digest,
      key_observations: patchItems(digest.key_observations, { ids: ids.observations, ...patch.observations }, OBSERVATIONS),
      student_struggles: patchItems(digest.student_struggles, { ids: ids.struggles, ...patch.struggles }, TRAITS),
      student_strengths: patchItems(digest.student_strengths, { ids: ids.strengths, ...patch.strengths }, TRAITS),
      student_sentiment: facts.judgement.sentiment, blocker_type: facts.judgement.blocker,
      progress_delta: readDelta(patch, facts),
      diagnostic_log: [...digest.diagnostic_log, ...patch.diagnostic_log.filter(isCleanText)].slice(-DIAGNOSTICS),
      skipped_tasks: skippedTasks(facts.state),
      achievement_log: patch.achievements.reduce((log, item) => addAchievement(log, item, facts), digest.achievement_log),
      memory_state: memory,
    },
    notes: patch.report === undefined ? notes : takeReportNotes(notes, patch.report, facts.turnIndex),
    errors: patch.error_entries.filter((entry) => isCleanText(`${entry.description}\n${entry.context}`))
      .map((entry) => ({ turn_index: facts.turnIndex, ...entry })),
  };
}

/** The skipped tasks of a state, in task order. */
export function skippedTasks(state: SessionState): string[] {
  return Object.entries(state.subtask_status).filter(([, entry]) => entry.status === 'skipped').map(([id]) => id);
}

function patchItems(items: readonly string[], patch: { ids: readonly string[]; add?: string[]; drop?: string[] }, limit: number): string[] {
  const dropped = new Set(patch.drop?.map((id) => id.trim().toLowerCase()));
  const kept = items.filter((_, index) => !dropped.has(patch.ids[index] ?? ''));
  const known = new Set(kept.map(foldText));
  for (const text of patch.add ?? []) {
    const item = clipCodePoints(text.trim(), PROPOSAL_LIMITS.note);
    const folded = foldText(item);
    if (folded === '' || known.has(folded) || !isCleanText(item)) continue;
    known.add(folded);
    kept.push(item);
  }
  return kept.slice(-limit);
}

/** A checkpoint is the companion's judgement; a memo can neither claim nor hide one. */
function readDelta(patch: MemoPatchProposal, facts: MemoFacts): MemoDigest['progress_delta'] {
  if (facts.judgement.checkpoint) return 'checkpoint_reached';
  return patch.progress_delta === 'checkpoint_reached' ? 'none' : patch.progress_delta;
}

function addAchievement(log: MemoDigest['achievement_log'], item: { task_id: string; append: string }, facts: MemoFacts): MemoDigest['achievement_log'] {
  const text = item.append.trim();
  if (taskEntry(facts.state, item.task_id) === null || text === '' || !isCleanText(text)) return log;
  const known = Object.hasOwn(log, item.task_id) ? (log[item.task_id]?.accumulated_output ?? '') : '';
  const output = keepEnd(known === '' ? text : `${known}\n${text}`, ACHIEVEMENT_CHARS);
  return { ...log, [item.task_id]: { task_id: item.task_id, accumulated_output: output, last_updated_turn: facts.turnIndex } };
}

function keepEnd(text: string, limit: number): string {
  const points = [...text];
  return points.length <= limit ? text : points.slice(-limit).join('');
}
