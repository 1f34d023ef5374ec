import { normaliseText, readMarkdownLines } from './markdown-lines.ts';

/** The sections of the dynamic report. */
export type ReportSectionName = 'tasks' | 'recent' | 'student' | 'next';

/** One section in the order of the template. `guidance` is what stood in `[…]`, for the memo agent. */
export interface ReportSection { section: ReportSectionName; title: string; guidance: string }

/** The templates of reports. */
export const TEMPLATE_NAMES = ['dynamic_report_template', 'student_error_summary_template', 'final_learning_report_template'] as const;
export type TemplateName = (typeof TEMPLATE_NAMES)[number];

const MAX_GUIDANCE_CHARS = 600;
const SECTION_WORDS: readonly (readonly [ReportSectionName, RegExp])[] = [
  ['tasks', /任务|task/i],
  ['recent', /活动|回合|recent/i],
  ['student', /学习者|状态|student|learner/i],
  ['next', /下一步|建议|next/i],
];

/** The sections that a report template names, each once, in its order; empty when nothing fits. Pure. */
export function parseReportTemplate(template: string): ReportSection[] {
  const sections: ReportSection[] = [];
  let current: ReportSection | null = null;
  for (const line of readMarkdownLines(normaliseText(template))) {
    if (line.heading !== null && line.heading.level <= 2) {
      current = openSection(line.heading, sections);
      continue;
    }
    for (const match of current === null ? [] : line.text.matchAll(/\[([^[\]]{1,300})\]/g)) {
      if (current !== null) current.guidance = `${current.guidance} ${match[1] ?? ''}`.trim().slice(0, MAX_GUIDANCE_CHARS);
    }
  }
  return sections;
}

function openSection(heading: { level: number; text: string }, sections: ReportSection[]): ReportSection | null {
  if (heading.level !== 2) return null;
  const name = SECTION_WORDS.find(([, words]) => words.test(heading.text))?.[0];
  if (name === undefined || sections.some((known) => known.section === name)) return null;
  const section = { section: name, title: heading.text, guidance: '' };
  sections.push(section);
  return section;
}
