import type { Scores } from './judge.ts';
import type { Measures } from './measure.ts';

/** One line of the report: a learner, or all of them. */
export interface ReportRow { learner: string; measures: Measures; scores: Scores | null }

/** What was run, for the head of the report. */
export interface ReportHead { at: string; model: string; judges: readonly string[]; chapters: readonly string[]; turns: number }

const percent = (share: number | null): string => (share === null ? '–' : `${Math.round(share * 100)} %`);
const number = (value: number | null): string => (value === null ? '–' : String(Math.round(value * 10) / 10));

const COLUMNS: readonly (readonly [string, (row: ReportRow) => string])[] = [
  ['Learner', ({ learner }) => learner],
  ['Turns (failed)', ({ measures }) => `${measures.turns} (${measures.failed})`],
  ['Checkpoint precision', ({ measures }) => percent(measures.checkpointPrecision)],
  ['recall', ({ measures }) => percent(measures.checkpointRecall)],
  ['Leaks', ({ measures }) => percent(measures.leakRate)],
  ['One action', ({ measures }) => percent(measures.exactlyOneAction)],
  ['≤ 2 questions', ({ measures }) => percent(measures.atMostTwoQuestions)],
  ['Language', ({ measures }) => percent(measures.languageMatch)],
  ['Planner after', ({ measures }) => (measures.turnsToPlanner === null ? '–' : `${measures.turnsToPlanner} turns`)],
  ['Calls', ({ measures }) => number(measures.callsPerTurn)],
  ['Tokens', ({ measures }) => (measures.tokensPerTurn === null ? '–' : String(Math.round(measures.tokensPerTurn)))],
  ['First text', ({ measures }) => (measures.firstTextMs === null ? '–' : `${Math.round(measures.firstTextMs)} ms`)],
  ['Judges (guidance, accuracy, care, brevity)', ({ scores }) =>
    (scores === null ? '–' : [scores.guidance, scores.accuracy, scores.care, scores.brevity].map(number).join(', '))],
];

/** The report as Markdown. Pure. */
export function renderEvalReport(head: ReportHead, rows: readonly ReportRow[]): string {
  return [
    '# Tutoring', '',
    `${head.at}, model ${head.model}, ${head.turns} turns for each learner in ${head.chapters.join(' and ')}.${head.judges.length === 0 ? '' : ` Judges: ${head.judges.join(', ')}.`}`,
    '', `| ${COLUMNS.map(([title]) => title).join(' | ')} |`, `|${COLUMNS.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${COLUMNS.map(([, cell]) => cell(row)).join(' | ')} |`), '',
  ].join('\n');
}
