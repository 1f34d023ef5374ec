import { type ReportNotes, type SessionState, languageOf } from '../../contracts/index.ts';
import { type ReportSection, type ReportSectionName, parseReportTemplate } from '../../content/index.ts';
import { areRequiredTasksDone, extOf, isOpenTask, isRequiredTask, nextTask, titleOf } from '../state/index.ts';
import { inline } from './inline.ts';
import { REPORT_WORDS, type ReportWords } from './words.ts';

const RECENT = 3;
const DEFAULT_ORDER: readonly ReportSectionName[] = ['tasks', 'recent', 'student', 'next'];

/** What the learner's page is rendered from. `template` gives order and titles; null = the usual ones. */
export interface ReportSource { state: SessionState; notes: ReportNotes; template: string | null; language: string }

/** The learner's page: one plain line, then level-2 sections; facts from the state, the rest from the notes. */
export function renderReport(source: ReportSource): string {
  const words = REPORT_WORDS[languageOf(source.language)];
  const bodies: Record<ReportSectionName, string[]> = {
    tasks: tellTasks(source.state, words), recent: tellActivities(source.notes, words),
    student: tellLearner(source, words), next: tellNext(source, words),
  };
  const sections = orderSections(source.template, words).map(({ section, title }) => `## ${title}\n\n${bodies[section].join('\n')}`);
  return `${[tellSituation(source.state, words), ...sections].join('\n\n')}\n`;
}

/** The template's sections, then those that it leaves out: no template hides facts. */
function orderSections(template: string | null, words: ReportWords): Pick<ReportSection, 'section' | 'title'>[] {
  const named = template === null ? [] : parseReportTemplate(template);
  const missing = DEFAULT_ORDER.filter((name) => !named.some((known) => known.section === name));
  return [
    ...named.map(({ section, title }) => ({ section, title: inline(title.replace(/\[[^\]]*\]/g, '')) || words.sections[section] })),
    ...missing.map((section) => ({ section, title: words.sections[section] })),
  ];
}

function tellSituation(state: SessionState, words: ReportWords): string {
  const required = Object.keys(state.subtask_status).filter((id) => isRequiredTask(state, id));
  const settled = required.filter((id) => !isOpenTask(state, id)).length;
  const current = state.current_subtask_id;
  if (required.length === 0) return words.noTasks;
  if (current === null || areRequiredTasksDone(state)) return words.allDone(settled, required.length);
  return words.situation(inline(titleOf(state, current)), settled, required.length);
}

function tellTasks(state: SessionState, words: ReportWords): string[] {
  const lines = Object.entries(state.subtask_status).map(([id, entry]) => {
    const marks = [words.status[entry.status], ...(isRequiredTask(state, id) ? [] : [words.optional]), ...(id === state.current_subtask_id ? [words.current] : [])];
    return `- **${inline(titleOf(state, id))}** — ${marks.join(', ')}`;
  });
  return lines.length > 0 ? lines : [words.noTasks];
}

function tellActivities(notes: ReportNotes, words: ReportWords): string[] {
  const recent = notes.activities.toSorted((one, other) => other.turn_index - one.turn_index).slice(0, RECENT);
  const lines = recent.flatMap((item) => [
    `- **${words.turn(item.turn_index)}**${item.activity === '' ? '' : `${words.colon}${inline(item.activity)}`}`,
    ...item.points.map((point) => `  - ${inline(point)}`),
  ]);
  return lines.length > 0 ? lines : [words.noActivity];
}

function tellLearner({ state, notes }: ReportSource, words: ReportWords): string[] {
  const last = extOf(state).last_judgement;
  const lines = [
    `- ${words.mood}${words.colon}${words.sentiment[last?.sentiment ?? 'engaged']}`,
    ...(last === null || last.blocker === 'none' ? [] : [`- ${words.stuckOn}${words.colon}${words.blocker[last.blocker]}`]),
    ...(state.attempts_since_last_progress === 0 ? [] : [`- ${words.attempts(state.attempts_since_last_progress)}`]),
  ];
  return [...lines, ...tellList(words.solid, notes.solid, words), ...tellList(words.needsSupport, notes.needs_support, words)];
}

function tellList(label: string, items: readonly string[], words: ReportWords): string[] {
  return items.length === 0 ? [] : [`- ${label}${words.colon.trim()}`, ...items.map((item) => `  - ${inline(item)}`)];
}

/** The first line is made from facts, so that it never points to a task that is over. */
function tellNext({ state, notes }: ReportSource, words: ReportWords): string[] {
  const note = inline(notes.next_step);
  return [words.next(nextStep(state, words)), ...(note === '' ? [] : ['', `- ${note}`])];
}

function nextStep(state: SessionState, words: ReportWords): string {
  const id = state.current_subtask_id ?? nextTask(state, null);
  if (id === null) return words.nextEnd;
  const title = inline(titleOf(state, id));
  return isRequiredTask(state, id) ? words.nextTask(title) : words.nextOptional(title);
}
