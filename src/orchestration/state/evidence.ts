import { type EvidenceRecord, type SessionState, clipCodePoints } from '../../contracts/index.ts';
import { foldText } from './fold-text.ts';
import { PROPOSAL_LIMITS } from './proposals.ts';
import { extOf, taskEntry, withExt, withStatus } from './task-states.ts';

const EVIDENCE_PER_TASK = 20;

/** A statement that the learner did something. `proof` is set by code alone and needs no quote. */
export interface EvidenceClaim {
  subtask_id: string;
  text: string;
  quote?: string | undefined;
  proof?: 'code_run' | 'notebook' | 'upload' | 'expert';
}

/** What quotes are checked against: the learner's messages of the last 6 turns and the output of recorded runs. */
export interface EvidenceSources {
  turnIndex: number;
  learnerTexts: readonly string[];
  runs: readonly { source: 'code_run' | 'notebook'; output: string }[];
}

/** Something a model wished that the rules do not allow. */
export interface Rejection {
  what: 'evidence' | 'status' | 'current_task_id' | 'end_suggested';
  subtask_id: string | null;
  reason: 'unknown_task' | 'empty' | 'duplicate' | 'limit' | 'final_status' | 'no_verified_evidence' | 'not_open' | 'not_due';
}

/** Where the quote's words occur, the strong sources first; null when nowhere. A quote without letter or digit proves nothing. */
export function verifyQuote(quote: string | undefined, sources: EvidenceSources): EvidenceRecord['source'] | null {
  const wanted = foldText(quote ?? '');
  if (!/[\p{L}\p{N}]/u.test(wanted)) return null;
  const run = sources.runs.find((candidate) => foldText(candidate.output).includes(wanted));
  if (run !== undefined) return run.source;
  return sources.learnerTexts.some((text) => foldText(text).includes(wanted)) ? 'student_text' : null;
}

/** True when a task has evidence whose words were found. */
export function hasVerifiedEvidence(state: SessionState, id: string): boolean {
  return extOf(state).evidence_log.some((record) => record.subtask_id === id && record.verified);
}

/** Lets evidence through the one gate: known task, text kept short, no duplicate, at most 20 a task. */
export function acceptEvidence(
  state: SessionState, claims: readonly EvidenceClaim[], sources: EvidenceSources,
): { state: SessionState; accepted: EvidenceRecord[]; rejected: Rejection[] } {
  const accepted: EvidenceRecord[] = [];
  const rejected: Rejection[] = [];
  let next = state;
  for (const claim of claims) {
    const record = toRecord(claim, sources);
    const outcome = acceptOne(next, record);
    if (typeof outcome === 'string') {
      rejected.push({ what: 'evidence', subtask_id: claim.subtask_id, reason: outcome });
    } else {
      next = outcome;
      accepted.push(record);
    }
  }
  return { state: next, accepted, rejected };
}

function toRecord(claim: EvidenceClaim, sources: EvidenceSources): EvidenceRecord {
  const found = claim.proof ?? verifyQuote(claim.quote, sources);
  const source = found ?? 'student_text';
  return {
    subtask_id: claim.subtask_id, turn_index: sources.turnIndex,
    text: clipCodePoints(claim.text.trim(), PROPOSAL_LIMITS.evidence),
    ...(claim.quote === undefined || claim.quote.trim() === '' ? {} : { quote: clipCodePoints(claim.quote.trim(), PROPOSAL_LIMITS.evidence) }),
    verified: found !== null, source, strength: source === 'student_text' ? 'weak' : 'strong',
  };
}

function acceptOne(state: SessionState, record: EvidenceRecord): SessionState | Rejection['reason'] {
  const entry = taskEntry(state, record.subtask_id);
  if (entry === null) return 'unknown_task';
  const folded = foldText(record.text);
  if (folded === '') return 'empty';
  const log = extOf(state).evidence_log;
  const twin = entry.evidence.find((text) => foldText(text) === folded);
  if (twin !== undefined) {
    const known = log.findIndex((item) => item.subtask_id === record.subtask_id && foldText(item.text) === folded);
    if (!record.verified || log[known]?.verified === true) return 'duplicate';
    // The same statement, now with words that were found: it becomes verified and is not listed twice.
    return withExt(state, { evidence_log: [...log.filter((_, index) => index !== known), { ...record, text: twin }] });
  }
  if (entry.evidence.length < EVIDENCE_PER_TASK) return append(state, record);
  // A full list of unverified statements must not keep a task from being completed for ever.
  const weakest = log.find((item) => item.subtask_id === record.subtask_id && !item.verified);
  return record.verified && weakest !== undefined && !hasVerifiedEvidence(state, record.subtask_id)
    ? append(remove(state, weakest), record) : 'limit';
}

function append(state: SessionState, record: EvidenceRecord): SessionState {
  const entry = taskEntry(state, record.subtask_id);
  if (entry === null) return state;
  const listed = {
    ...state, subtask_status: { ...state.subtask_status, [record.subtask_id]: { ...entry, evidence: [...entry.evidence, record.text] } },
  };
  const logged = withExt(listed, { evidence_log: [...extOf(state).evidence_log, record] });
  return entry.status === 'not_started' ? withStatus(logged, record.subtask_id, 'in_progress') : logged;
}

function remove(state: SessionState, record: EvidenceRecord): SessionState {
  const entry = taskEntry(state, record.subtask_id);
  if (entry === null) return state;
  const evidence = entry.evidence.filter((text) => text !== record.text);
  return withExt(
    { ...state, subtask_status: { ...state.subtask_status, [record.subtask_id]: { ...entry, evidence } } },
    { evidence_log: extOf(state).evidence_log.filter((item) => item !== record) },
  );
}
