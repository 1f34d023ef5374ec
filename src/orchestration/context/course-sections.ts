import { clipCodePoints } from '../../contracts/index.ts';
import { isTracked, parseReportTemplate, type Task } from '../../content/index.ts';
import { rawTokens } from '../../models/index.ts';
import { quoteName } from '../prompts/index.ts';
import type { SectionPart } from './pack-context.ts';
import { splitParagraphs, splitSections } from './markdown-parts.ts';
import { currentTaskOf, type SourcedText, type TurnSnapshot } from './snapshot.ts';

/** Parts that lose their end first. */
export function fromStart(texts: readonly string[]): SectionPart[] {
  return texts.map((text, index) => ({ text, keep: -index }));
}

/** Parts that lose their beginning first. */
export function fromEnd(texts: readonly string[]): SectionPart[] {
  return texts.map((text, index) => ({ text, keep: index }));
}

/** A text in paragraphs; its end is cut first. */
export function paragraphs(source: SourcedText | null): SectionPart[] {
  return source === null ? [] : fromStart(splitParagraphs(source.text));
}

/** The chapter's text in sections; the last ones are cut first. */
export function chapterContext(snapshot: TurnSnapshot): SectionPart[] {
  return fromStart(splitSections(snapshot.chapter.chapterContext.text));
}

/** The section of the current task; none when every task is closed. */
export function taskSection(snapshot: TurnSnapshot): SectionPart[] {
  const task = currentTaskOf(snapshot);
  return task === null ? [] : fromStart(splitParagraphs(task.body));
}

/** The completion principles; parts that do not name the current task leave first. */
export function completion(snapshot: TurnSnapshot): SectionPart[] {
  const task = currentTaskOf(snapshot);
  const others = snapshot.tasks.filter(({ id }) => id !== task?.id);
  return splitSections(snapshot.chapter.completionPrinciples.text).map((text, index) => {
    const general = others.some((other) => names(text, other)) ? 0 : 1;
    const rank = task !== null && names(text, task) ? 2 : general;
    return { text, keep: rank - index / 1000 };
  });
}

function names(text: string, task: Task): boolean {
  return text.includes(task.id) || text.includes(task.title);
}

/** One line for each task: id, kind, state, title. Finished optional tasks leave first, the current one last. */
export function taskIndex(snapshot: TurnSnapshot): SectionPart[] {
  const { state } = snapshot.session;
  const current = currentTaskOf(snapshot)?.id;
  const head: SectionPart = { text: 'id | kind | state | title', keep: 20 };
  const lines = snapshot.tasks.map((task): SectionPart => {
    const status = state.subtask_status[task.id]?.status ?? (isTracked(task) ? 'not_started' : 'only when needed');
    const isDone = status === 'completed' || status === 'skipped';
    const weight = (task.required ? 1 : 0) + (isDone ? 0 : 2);
    const mark = task.id === current ? ' (current)' : '';
    const text = `${task.id}${mark} | ${task.kind} | ${status} | ${quoteName(task.title, 120)}`;
    return { text, keep: task.id === current ? 10 : weight - task.order / 10_000 };
  });
  return lines.length === 0 ? [] : [head, ...lines];
}

/** Experts that may be asked; for the planner also the course's guide and rules. */
export function experts(snapshot: TurnSnapshot, forPlanner: boolean): SectionPart[] {
  if (snapshot.experts.length === 0) return [];
  const lines = snapshot.experts.map(({ id, description, outputModes }) => {
    return `- ${id}: ${clipCodePoints(description, 300)} Answers as: ${outputModes.join(', ')}.`;
  });
  const list = lines.join('\n');
  if (!forPlanner) return fromStart([list]);
  const { consultRules } = snapshot;
  const rules = consultRules.length === 0 ? [] : [`Rules of the course:\n${consultRules.map((rule) => `- ${rule}`).join('\n')}`];
  const guide = snapshot.chapter.consultationGuide;
  return fromStart([list, ...rules, ...(guide === null ? [] : splitParagraphs(guide.text))]);
}

/** What the course asks of the report, where it has a template of its own. */
export function reportGuidance(source: SourcedText): SectionPart[] {
  if (source.provenance === 'packaged' || source.provenance === 'missing') return [];
  const known = parseReportTemplate(source.text).filter(({ guidance }) => guidance !== '').map(({ title, guidance }) => `${title}: ${guidance}`);
  return fromStart(known.length > 0 ? known : splitParagraphs(source.text));
}

/** Caps of the two protocol texts, which share one: what one leaves free the other may use. */
export function protocolCaps(snapshot: TurnSnapshot, shared: { cap: number; factor: number }): { interaction: number; socratic: number } {
  const size = (source: SourcedText): number => rawTokens(source.text) * shared.factor;
  const half = shared.cap / 2;
  const interaction = Math.max(half, shared.cap - size(snapshot.chapter.socraticRules));
  const socratic = Math.max(half, shared.cap - size(snapshot.chapter.interactionProtocol));
  return { interaction, socratic };
}
