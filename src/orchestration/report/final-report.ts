import {
  type SessionState, type SkipReason, type StudentErrorEntry, type SubtaskState, type TaskKind, languageOf,
} from '../../contracts/index.ts';
import { extOf, taskEntry, titleOf } from '../state/index.ts';
import { inline, passage } from './inline.ts';
import { REPORT_WORDS, type ReportWords } from './words.ts';

const NARRATIVE_WORDS = 400;

/** Everything the final report states as fact. */
export interface FinalFacts {
  chapter_title: string;
  turns: number;
  minutes: number;
  tasks: { id: string; title: string; kind: TaskKind; status: SubtaskState; evidence: { text: string; verified: boolean }[] }[];
  skips: { id: string; title: string; reason: SkipReason | null; reason_text: string | null }[];
  errors: StudentErrorEntry[];
  expert_reports: { title: string; expert_id: string; summary: string }[];
}

/** What the facts are taken from. Times are ISO texts. */
export interface FinalSource {
  state: SessionState;
  chapterTitle: string;
  startedAt: string;
  endedAt: string;
  expertReports: readonly { title: string; expert_id: string; summary: string }[];
}

/** Collects the facts of a session that ends; nothing in them comes from the narrating model. */
export function finalFacts(source: FinalSource): FinalFacts {
  const { state } = source;
  const { tasks, evidence_log: log, errors } = extOf(state);
  const elapsed = Date.parse(source.endedAt) - Date.parse(source.startedAt);
  return {
    chapter_title: source.chapterTitle, turns: state.turn_index, minutes: Number.isFinite(elapsed) ? Math.max(0, Math.round(elapsed / 60_000)) : 0,
    tasks: Object.entries(state.subtask_status).map(([id, entry]) => ({
      id, title: titleOf(state, id), kind: (Object.hasOwn(tasks, id) ? tasks[id]?.kind : undefined) ?? 'core', status: entry.status,
      evidence: entry.evidence.map((text) => ({
        text, verified: log.some((record) => record.subtask_id === id && record.text === text && record.verified),
      })),
    })),
    skips: state.skip_log.filter((entry) => taskEntry(state, entry.subtask_id)?.status === 'skipped').map((entry) => ({
      id: entry.subtask_id, title: titleOf(state, entry.subtask_id), reason: entry.reason, reason_text: entry.reason_text,
    })),
    errors, expert_reports: source.expertReports.map(({ title, expert_id, summary }) => ({ title, expert_id, summary })),
  };
}

/** The final report: facts in sections, before them the model's narrative (≤ 400 words) if there is one. */
export function renderFinalReport(facts: FinalFacts, narrative: string | null, language: string): string {
  const words = REPORT_WORDS[languageOf(language)];
  const { final } = words;
  const story = narrative === null ? '' : clipWords(narrative.trim(), NARRATIVE_WORDS);
  const completed = facts.tasks.filter((task) => task.status === 'completed').length;
  const skipped = facts.tasks.filter((task) => task.status === 'skipped').length;
  const sections: [string, string[]][] = [
    [final.overview, [final.counts({ turns: facts.turns, minutes: facts.minutes, done: completed, skipped, total: facts.tasks.length })]],
    ...(story === '' ? [] : [[final.narrative, [passage(story)]] satisfies [string, string[]]]),
    [final.tasks, facts.tasks.map((task) => `- **${inline(task.title)}** — ${words.status[task.status]}`)],
    [final.evidence, tellEvidence(facts, words)],
    [final.skips, facts.skips.map((skip) => tellSkip(skip, words))],
    [final.errors, facts.errors.map((entry) => `- ${words.errors[entry.error_type]}${words.colon}${inline(entry.description)}`)],
    [final.experts, facts.expert_reports.map((report) => `- **${inline(report.title)}** (${report.expert_id})${words.colon}${inline(report.summary)}`)],
  ];
  const bodies = sections.map(([title, lines]) => `## ${title}\n\n${lines.length > 0 ? lines.join('\n') : `- ${final.none}`}`);
  return `# ${final.title}${words.colon}${inline(facts.chapter_title)}\n\n${bodies.join('\n\n')}\n`;
}

function tellEvidence(facts: FinalFacts, words: ReportWords): string[] {
  return facts.tasks.filter((task) => task.evidence.length > 0).flatMap((task) => [
    `- **${inline(task.title)}**`,
    ...task.evidence.map((item) => `  - ${inline(item.text)}${item.verified ? ` (${words.final.verified})` : ''}`),
  ]);
}

function tellSkip(skip: FinalFacts['skips'][number], words: ReportWords): string {
  const detail = skip.reason_text === null ? '' : ` (${inline(skip.reason_text)})`;
  return `- **${inline(skip.title)}** — ${words.reason}${words.colon}${tellReason(skip.reason, words)}${detail}`;
}

function tellReason(reason: SkipReason | null, words: ReportWords): string {
  return reason === null ? words.final.noReason : words.skipReasons[reason];
}

/** The first `limit` words; a Han character counts as one. */
function clipWords(text: string, limit: number): string {
  let count = 0;
  for (const match of text.matchAll(/\p{Script=Han}|[^\s\p{Script=Han}]+/gu)) {
    count += 1;
    if (count > limit) return `${text.slice(0, match.index).trimEnd()} …`;
  }
  return text;
}
