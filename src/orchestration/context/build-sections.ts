import type { AgentCode } from '../../contracts/index.ts';
import type { HistoryRow } from '../../store/index.ts';
import { escapeMarkers } from '../prompts/index.ts';
import * as course from './course-sections.ts';
import type { Section, SectionCut, SectionPart } from './pack-context.ts';
import { SECTION_LIMITS, type CallPurpose, type SectionName } from './section-table.ts';
import * as session from './session-sections.ts';
import type { TurnSnapshot } from './snapshot.ts';

/** Turns that a memo covers; the newest is the one to note, older ones were missed. */
export interface MemoScope {
  fromTurn: number;
  toTurn: number;
  /** Given when the long-term summary is wanted: the summary so far and the chunk to be worked in. */
  fold: { longTerm: string; turnRange: string; chunk: string } | null;
}

/** What a repair has to work with. */
export type RepairInput =
  | { kind: 'record'; prose: string }
  | { kind: 'json'; agent: AgentCode; structure: { name: string; schema: object }; text: string; problems: readonly string[] };

/** What some purposes need besides the snapshot. */
export interface CallExtras { memo?: MemoScope; finalFacts?: string; repair?: RepairInput }

/** What section builders read. */
export interface SectionSource { purpose: CallPurpose; snapshot: TurnSnapshot; extras: CallExtras; factor: number; redact(text: string): string }

interface Draft { parts: SectionPart[]; cut: SectionCut; separator?: string; cap?: number; capShare?: number; floor?: number }

/** The sections of one call, with redacted texts and escaped markers, ready to be packed. */
export function buildSections(names: readonly SectionName[], source: SectionSource): Section[] {
  return names.map((name) => {
    const draft = DRAFTS[name](source);
    const parts = draft.parts.map(({ text, keep }) => ({ text: escapeMarkers(source.redact(text)).trimEnd(), keep }));
    return { ...draft, name, rank: SECTION_LIMITS[name].rank, cap: draft.cap ?? SECTION_LIMITS[name].cap, parts };
  });
}

const MESSAGE_SHARE = 0.6;
const EXCHANGE_FLOOR = 400;
const MESSAGE_FLOOR = 400;

const DRAFTS: Readonly<Record<SectionName, (source: SectionSource) => Draft>> = {
  POLICY: ({ purpose, snapshot }) => ({ parts: course.paragraphs(policyOf(purpose, snapshot)), cut: 'tail' }),
  INTERACTION_PROTOCOL: ({ snapshot, factor }) => ({
    parts: course.paragraphs(snapshot.chapter.interactionProtocol), cut: 'tail', cap: protocolCap(snapshot, factor).interaction,
  }),
  SOCRATIC_RULES: ({ snapshot, factor }) => ({
    parts: course.paragraphs(snapshot.chapter.socraticRules), cut: 'tail', cap: protocolCap(snapshot, factor).socratic,
  }),
  CHAPTER_CONTEXT: ({ snapshot }) => ({ parts: course.chapterContext(snapshot), cut: 'tail' }),
  TASK_SECTION: ({ snapshot }) => ({ parts: course.taskSection(snapshot), cut: 'tail' }),
  COMPLETION: ({ snapshot }) => ({ parts: course.completion(snapshot), cut: 'tail' }),
  TASK_INDEX: ({ snapshot }) => ({ parts: course.taskIndex(snapshot), cut: 'whole', separator: '\n' }),
  EXPERTS: ({ purpose, snapshot }) => ({ parts: course.experts(snapshot, purpose === 'plan'), cut: 'tail' }),
  REPORT_GUIDANCE: ({ purpose, snapshot: { chapter: { templates } } }) => ({
    parts: course.reportGuidance(purpose === 'memo' ? templates.dynamicReport : templates.finalLearningReport), cut: 'tail',
  }),
  PACKET: ({ snapshot }) => whole(session.packetText(snapshot)),
  MESSAGE: (source) => ({ parts: [{ text: messageOf(source), keep: 0 }], cut: 'middle', capShare: MESSAGE_SHARE, floor: MESSAGE_FLOOR }),
  LAST_EXCHANGE: (source) => ({ parts: lastExchange(source), cut: 'sides', separator: '\n', floor: EXCHANGE_FLOOR }),
  EARLIER_TURNS: (source) => ({ parts: earlier(source), cut: source.purpose === 'memo' ? 'middle' : 'whole' }),
  JUDGEMENT: ({ snapshot }) => whole(session.judgementText(snapshot.judgement, snapshot.unlockReasons)),
  EXPERT_RESULT: ({ purpose, snapshot: { consultations } }) => (purpose === 'integrate'
    ? { parts: session.consultationOutput(consultations), cut: 'tail', separator: '\n' }
    : { parts: session.consultationTexts(consultations), cut: 'tail' }),
  SKIP_NOTE: ({ snapshot }) => ({ parts: session.skipText(snapshot), cut: 'tail' }),
  QUESTION: ({ snapshot: { consultations } }) => whole(session.questionText(consultations)),
  WORK: (source) => ({ parts: session.recentWork(asOfTurn(source)), cut: 'tail' }),
  EVIDENCE: ({ snapshot }) => ({ parts: session.evidenceLog(snapshot), cut: 'whole', separator: '\n' }),
  DIGEST: ({ purpose, snapshot }) => ({ parts: session.digestNotes(snapshot, purpose === 'memo'), cut: 'whole', separator: '\n' }),
  SUMMARIES: ({ snapshot }) => ({ parts: session.memorySummaries(snapshot), cut: 'tail' }),
  RECORD: (source) => whole(recordOf(source)),
  FOLD: ({ extras }) => whole(foldOf(extras.memo?.fold ?? null)),
  FINAL_FACTS: ({ extras }) => ({ parts: course.fromStart((extras.finalFacts ?? '').split('\n')), cut: 'tail', separator: '\n' }),
  PROSE: ({ extras }) => ({ parts: [{ text: extras.repair?.kind === 'record' ? extras.repair.prose : '', keep: 0 }], cut: 'middle' }),
  BAD_TEXT: ({ extras }) => ({ parts: [{ text: extras.repair?.kind === 'json' ? extras.repair.text : '', keep: 0 }], cut: 'tail' }),
  ERRORS: ({ extras }) => ({ parts: course.fromStart(extras.repair?.kind === 'json' ? extras.repair.problems : []), cut: 'tail', separator: '\n' }),
};

const PROTOCOL_CAP = 900;

function protocolCap(snapshot: TurnSnapshot, factor: number): { interaction: number; socratic: number } {
  return course.protocolCaps(snapshot, { cap: PROTOCOL_CAP, factor });
}

function whole(text: string): Draft {
  return { parts: [{ text, keep: 0 }], cut: 'tail' };
}

function policyOf(purpose: CallPurpose, { chapter: { policy } }: TurnSnapshot): TurnSnapshot['chapter']['policy']['memo'] {
  if (purpose === 'plan' || purpose === 'integrate') return policy.roadmapManager;
  return purpose === 'memo' || purpose === 'final_report' ? policy.memo : policy.companion;
}

/** The snapshot as the turn saw it: a memo is made after its turn has joined the history. */
export function asOfTurn({ purpose, snapshot, extras: { memo } }: Pick<SectionSource, 'purpose' | 'snapshot' | 'extras'>): TurnSnapshot {
  if (purpose !== 'memo' || memo === undefined) return snapshot;
  const message = snapshot.history.find(({ turn_index: turn }) => turn === memo.toTurn)?.user_message ?? snapshot.message;
  return { ...snapshot, message, history: snapshot.history.filter(({ turn_index: turn }) => turn < memo.toTurn) };
}

/** The rows that a memo notes, oldest first. */
function notedTurns({ snapshot, extras: { memo } }: SectionSource): HistoryRow[] {
  return memo === undefined ? [] : snapshot.history.filter(({ turn_index: turn }) => turn >= memo.fromTurn && turn <= memo.toTurn);
}

function messageOf(source: SectionSource): string {
  return source.purpose === 'memo' ? (notedTurns(source).at(-1)?.user_message ?? source.snapshot.message) : source.snapshot.message;
}

function lastExchange(source: SectionSource): SectionPart[] {
  if (source.purpose === 'memo') return [{ text: notedTurns(source).at(-1)?.companion_response ?? '', keep: 0 }];
  const last = source.snapshot.history.at(-1);
  return last === undefined ? [] : session.exchange(last);
}

function earlier(source: SectionSource): SectionPart[] {
  return session.earlierTurns((source.purpose === 'memo' ? notedTurns(source) : source.snapshot.history).slice(0, -1));
}

function recordOf(source: SectionSource): string {
  const outcome = notedTurns(source).at(-1)?.turn_outcome;
  if (outcome === undefined) return '';
  const { progress_record, what_user_attempted, what_user_observed, ca_teaching_mode, ca_next_suggestion, evidence_for_subtasks } = outcome;
  return JSON.stringify({ progress_record, what_user_attempted, what_user_observed, ca_teaching_mode, ca_next_suggestion, evidence_for_subtasks });
}

function foldOf(fold: MemoScope['fold']): string {
  if (fold === null) return '';
  const summary = fold.longTerm === '' ? '(empty)' : fold.longTerm;
  return `The long-term summary so far:\n${summary}\n\nThe chunk to work in, turns ${fold.turnRange}:\n${fold.chunk}`;
}
