import { clipCodePoints, type Judgement } from '../../contracts/index.ts';
import type { HistoryRow, RunNote } from '../../store/index.ts';
import { quoteName } from '../prompts/index.ts';
import { PROPOSAL_LIMITS, digestItemIds } from '../state/index.ts';
import { fromEnd, fromStart } from './course-sections.ts';
import type { SectionPart } from './pack-context.ts';
import { currentTaskOf, type ConsultationNote, type TurnSnapshot } from './snapshot.ts';

const LISTED_UPLOADS = 12;
const SHOWN_RUNS = 3;
const CODE_CHARS = 1000;
const STREAM_CHARS = 800;

/** The allow-listed facts of a session, written by code. */
export function sessionFacts(snapshot: TurnSnapshot): string {
  const { state } = snapshot.session;
  const task = currentTaskOf(snapshot);
  return [
    `- index of this turn: ${state.turn_index}`,
    `- current task: ${task === null ? 'none is open' : task.id}`,
    `- turns since the last progress: ${state.attempts_since_last_progress}`,
    `- tasks skipped in a row: ${state.consecutive_skips}`,
    `- all required tasks completed or skipped: ${state.end_suggested ? 'yes' : 'no'}`,
  ].join('\n');
}

/** The packet as its allow-listed fields, clipped; JSON keeps its texts on their lines. */
export function packetText(snapshot: TurnSnapshot): string {
  const { packet } = snapshot.session;
  const list = (items: readonly string[], count: number): string[] => items.slice(0, count).map((item) => clipCodePoints(item, 200));
  return JSON.stringify({
    current_task_id: packet.current_task_id ?? snapshot.session.state.current_subtask_id,
    task_type: packet.task_type,
    current_focus: clipCodePoints(packet.current_focus, 200),
    recommended_targets: list(packet.recommended_targets, 3),
    nice_check: list(packet.nice_check, 1),
    guidance_for_ca: clipCodePoints(packet.guidance_for_ca, 2000),
    hint_level: packet.hint_level ?? 0,
    allow_setup_helper_code: packet.allow_setup_helper_code,
    setup_helper_scope: packet.setup_helper_scope,
    suggest_checkpoint_confirmation: packet.suggest_checkpoint_confirmation,
    lock_until: packet.lock_until,
  }, null, 1);
}

/** Judgement and unlock reasons, written by code from validated values. */
export function judgementText(judgement: Judgement | null, reasons: readonly string[]): string {
  if (judgement === null) return 'not judged';
  const { checkpoint, blocker, sentiment, consult, skip, skip_reason } = judgement;
  const fields = JSON.stringify({ checkpoint, blocker, sentiment, consult, skip, skip_reason });
  return `${fields}\nReasons: ${reasons.length === 0 ? 'none' : reasons.join(', ')}`;
}

/** One exchange, its two sides as parts. Internal turns have no words of the learner. */
export function exchange(row: HistoryRow): SectionPart[] {
  return fromEnd([`[turn ${row.turn_index}] learner:\n${saidBy(row)}`, `[turn ${row.turn_index}] tutor:\n${row.companion_response}`]);
}

function saidBy(row: HistoryRow): string {
  if (row.kind === 'greeting') return '(the session began)';
  return row.kind === 'task_skipped' ? '(skipped a task with the button)' : row.user_message;
}

/** Whole turns before the last one, at most five; the oldest leave first. */
export function earlierTurns(rows: readonly HistoryRow[]): SectionPart[] {
  return fromEnd(rows.slice(-5).map((row) => exchange(row).map((part) => part.text).join('\n')));
}

/** Uploads as file facts, and the last runs; the oldest leave first. */
export function recentWork(snapshot: TurnSnapshot): SectionPart[] {
  const uploads = snapshot.uploads.slice(-LISTED_UPLOADS)
    .map(({ name, sizeBytes, isNew }) => `- ${quoteName(name)}, ${sizeBytes} bytes${isNew ? ', new in this turn' : ''}`);
  const runs = snapshot.runs.slice(-SHOWN_RUNS).map((run) => runText(run, snapshot));
  return [
    ...(uploads.length === 0 ? [] : [{ text: `Uploaded files (names and sizes only):\n${uploads.join('\n')}`, keep: 1.5 }]),
    ...runs.map((text, index) => ({ text, keep: index + 3 - runs.length })),
  ];
}

function runText(run: RunNote, snapshot: TurnSnapshot): string {
  const minutes = Math.max(0, Math.round((Date.parse(snapshot.now) - Date.parse(run.at)) / 60_000));
  const last = snapshot.history.at(-1);
  const isNewer = last === undefined || run.at > last.created_at;
  const place = run.lane === 'notebook' ? 'notebook cell' : 'run in the editor';
  const age = `${Number.isFinite(minutes) ? minutes : 0} min ago, ${isNewer ? 'newer' : 'older'} than the last exchange`;
  const streams = [['stdout', run.stdout], ['stderr', run.stderr]].filter(([, text]) => text?.trim() !== '')
    .map(([name, text]) => `${name}:\n${keepTail(text ?? '', STREAM_CHARS)}`);
  return [`${place}, ${age}, ${run.ok ? 'succeeded' : 'failed'}`, `code:\n${keepHead(run.code, CODE_CHARS)}`, ...streams].join('\n');
}

function keepHead(text: string, limit: number): string {
  const head = clipCodePoints(text.trimEnd(), limit);
  return head.length < text.trimEnd().length ? `${head}\n[…]` : head;
}

function keepTail(text: string, limit: number): string {
  const points = [...text.trimEnd()];
  return points.length > limit ? `[…]\n${points.slice(-limit).join('')}` : points.join('');
}

/** The evidence log; entries of other tasks leave first, then the oldest. */
export function evidenceLog(snapshot: TurnSnapshot): SectionPart[] {
  const current = currentTaskOf(snapshot)?.id;
  return (snapshot.session.state.ext?.evidence_log ?? []).map(({ subtask_id: id, turn_index: turn, verified, source, text }, index) => ({
    text: `- ${id}, turn ${turn}, ${verified ? 'verified' : 'not verified'}, ${source}: ${oneLine(text)}`,
    keep: (id === current ? 10_000 : 0) + index,
  }));
}

/**
 * The digest; for the memo agent with the ids that a patch may drop, and with the lists of the learner's page, which it replaces whole.
 * The oldest items of each list leave first.
 */
export function digestNotes(snapshot: TurnSnapshot, forMemo: boolean): SectionPart[] {
  const { digest, notes } = snapshot.session;
  const ids = digestItemIds(digest);
  const lists = [
    ['Observation', digest.key_observations, ids.observations],
    ['Struggle', digest.student_struggles, ids.struggles],
    ['Strength', digest.student_strengths, ids.strengths],
  ] as const;
  const items = lists.flatMap(([title, texts, names]) => texts.map((text, index) => ({
    text: `${title}${forMemo ? ` ${names[index] ?? ''}` : ''}: ${oneLine(text)}`,
    keep: index - texts.length,
  })));
  return forMemo ? [...items, ...pageList('solid', notes.solid), ...pageList('needs support', notes.needs_support)] : items;
}

function pageList(title: string, texts: readonly string[]): SectionPart[] {
  return texts.length === 0 ? [] : [{ text: `On the page, ${title}: ${texts.map(oneLine).join('; ')}`, keep: 0 }];
}

/** The long-term summary, the chunks of the middle, and lines of turns that are in neither; the oldest chunk leaves first. */
export function memorySummaries(snapshot: TurnSnapshot): SectionPart[] {
  const memory = snapshot.session.digest.memory_state;
  if (memory === undefined) return [];
  const firstShown = snapshot.history[0]?.turn_index ?? Infinity;
  const loose = memory.deltas.filter(({ turn_index: turn }) => turn > memory.last_mid_term_turn && turn < firstShown);
  const parts = [
    ...memory.mid_term_summaries.map(({ turn_range: range, summary }) => `Turns ${range}: ${summary}`),
    ...(loose.length === 0 ? [] : [loose.map(({ turn_index: turn, text }) => `Turn ${turn}: ${oneLine(text)}`).join('\n')]),
  ];
  const longTerm = memory.long_term_summary === '' ? [] : [{ text: `From the beginning: ${memory.long_term_summary}`, keep: 1000 }];
  return [...longTerm, ...fromEnd(parts)];
}

/**
 * What the companion and the memo agent hear of the turn's consultations: summary and guidance, never the output itself. Several share the
 * room of one, so that none pushes another out.
 */
export function consultationTexts(notes: readonly ConsultationNote[]): SectionPart[] {
  const share = (limit: number): number => Math.floor(limit / Math.max(1, notes.length));
  const parts = notes.flatMap((note): string[] => {
    if (note.outcome === 'failed' || note.summary === null) return ['An expert was asked and could not answer.'];
    const finding = `Finding: ${clipCodePoints(note.summary, share(PROPOSAL_LIMITS.summary))}`;
    return note.guidance === null ? [finding] : [finding, `How to use it: ${clipCodePoints(note.guidance, share(PROPOSAL_LIMITS.integrate_guidance))}`];
  });
  return fromStart([...new Set(parts)]);
}

/** The question that the newest consultation answered. */
export function questionText(notes: readonly ConsultationNote[]): string {
  const note = notes.at(-1);
  return note === undefined ? '' : `to ${note.expertId}: ${note.question}`;
}

/** The validated output of the newest consultation, for the planner alone. */
export function consultationOutput(notes: readonly ConsultationNote[]): SectionPart[] {
  const output = notes.at(-1)?.output ?? null;
  return output === null ? [] : fromStart(splitLines(JSON.stringify(output, null, 1)));
}

function splitLines(text: string): string[] {
  return text.split('\n');
}

/** What a skip did, as facts. */
export function skipText(snapshot: TurnSnapshot): SectionPart[] {
  const { skip } = snapshot;
  if (skip === null) return [];
  return fromStart([JSON.stringify({
    task: skip.skippedTitle, is_skipped: !skip.needsReason, next_task: skip.nextTitle, reason_needed_first: skip.needsReason,
  })]);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
