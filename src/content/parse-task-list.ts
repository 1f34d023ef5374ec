import type { TaskKind } from '../contracts/index.ts';
import type { ContentDiagnostic } from './diagnostic.ts';
import type { MarkdownLine } from './markdown-lines.ts';
import type { Task } from './task.ts';
import { fault, warn } from './diagnostic.ts';
import { normaliseText, readMarkdownLines } from './markdown-lines.ts';
import * as syntax from './task-syntax.ts';

/** What a task list holds. Findings of severity `error` mean that no session may be opened with it. */
export interface ParsedTaskList { tasks: Task[]; diagnostics: ContentDiagnostic[] }

/** How far below an id line its type line may stand. */
const TYPE_LINE_REACH = 5;
const REQUIRED: ReadonlySet<TaskKind> = new Set<TaskKind>(['core', 'mandatory']);

interface OpenHeading { level: number; line: number; kind: TaskKind | null; task: { title: string; hasId: boolean } | null; legend: boolean }

/** A task id with everything that is known where it stands. `line` and `start` are indexes of lines. */
interface FoundId {
  id: string;
  line: number;
  start: number;
  level: number;
  headingTitle: string;
  text: string;
  tagWord: string | null;
  headingKind: TaskKind | null;
}

interface Scan { headings: OpenHeading[]; openItemOffset: number | null; afterBlank: boolean; found: FoundId[]; diagnostics: ContentDiagnostic[] }

/** Reads the tasks of a Markdown task list in any of its four dialects. Pure; never throws. */
export function parseTaskList(text: string): ParsedTaskList {
  const lines = readMarkdownLines(normaliseText(text));
  const scan: Scan = { headings: [], openItemOffset: null, afterBlank: true, found: [], diagnostics: [] };
  lines.forEach((line, index) => {
    if (line.heading !== null) openHeading(scan, line.heading, index);
    else if (!isInLegend(scan)) findId(scan, lines, index);
    scan.afterBlank = line.raw.trim() === '';
  });
  const unique = dropRepeated(scan);
  const tasks = unique.map((found, order) => buildTask({ found, order, next: unique[order + 1], lines }, scan.diagnostics));
  if (!tasks.some((task) => task.required)) scan.diagnostics.push(emptyList(unique, tasks));
  return { tasks, diagnostics: scan.diagnostics };
}

function openHeading(scan: Scan, heading: { level: number; text: string }, line: number): void {
  const { level, text } = heading;
  scan.headings = scan.headings.filter((open) => open.level < level);
  const task = syntax.readTaskHeading(text);
  const kind = level === 1 ? null : syntax.readKind(task?.label ?? text);
  // A task about the legend of a plot is a task, not a legend.
  const legend = task === null && syntax.isLegend(text);
  scan.headings.push({ level, line, kind, task: task === null ? null : { title: task.title, hasId: false }, legend });
  scan.openItemOffset = null;
}

function isInLegend(scan: Scan): boolean {
  return scan.headings.some((open) => open.legend);
}

function findId(scan: Scan, lines: readonly MarkdownLine[], index: number): void {
  const text = lines[index]?.text ?? '';
  if (text.trim() === '') return;
  const idLine = syntax.readIdLine(text);
  if (idLine !== null) {
    acceptIdLine(scan, lines, { index, word: idLine });
    return;
  }
  const item = syntax.readListItem(text);
  if (item === null) {
    if (scan.afterBlank && !/^\s/.test(text)) scan.openItemOffset = null;
    return;
  }
  const isNested = scan.openItemOffset === null ? item.indent > 3 : item.indent >= scan.openItemOffset;
  if (isNested) return;
  scan.openItemOffset = item.offset;
  const bold = syntax.readBoldStart(item.content);
  if (bold !== null) acceptBullet(scan, { index, word: bold.word, text: [bold.rest, ...continuation(lines, index)].join(' ').trim() });
}

/** The lines that continue a list item's first paragraph. */
function continuation(lines: readonly MarkdownLine[], index: number): string[] {
  const rest: string[] = [];
  for (const line of lines.slice(index + 1, index + 4)) {
    if (!/^\s+\S/.test(line.text) || line.heading !== null || syntax.readListItem(line.text) !== null) break;
    rest.push(line.text.trim());
  }
  return rest;
}

function acceptBullet(scan: Scan, bullet: { index: number; word: string; text: string }): void {
  const tag = syntax.readTypeTag(bullet.text);
  const taskHeading = innermostTask(scan);
  const isFirst = taskHeading !== undefined && !taskHeading.task?.hasId;
  if (!syntax.isTaskId(bullet.word)) {
    if (tag !== null) scan.diagnostics.push(ignoredId(bullet.word, bullet.index));
    return;
  }
  if (tag === null && !(isFirst && /[_-]/.test(bullet.word))) return;
  push(scan, { index: bullet.index, id: bullet.word, text: tag?.without ?? bullet.text, tagWord: tag?.word ?? null });
}

function acceptIdLine(scan: Scan, lines: readonly MarkdownLine[], found: { index: number; word: string }): void {
  if (!syntax.isTaskId(found.word)) {
    scan.diagnostics.push(ignoredId(found.word, found.index));
    return;
  }
  let tagWord: string | null = null;
  for (const line of lines.slice(found.index + 1, found.index + 1 + TYPE_LINE_REACH)) {
    if (line.heading !== null || syntax.readIdLine(line.text) !== null || tagWord !== null) break;
    tagWord = syntax.readTypeLine(line.text);
  }
  push(scan, { index: found.index, id: found.word, text: '', tagWord });
}

function push(scan: Scan, at: { index: number; id: string; text: string; tagWord: string | null }): void {
  const taskHeading = innermostTask(scan);
  const isFirst = taskHeading?.task?.hasId === false;
  const innermost = scan.headings.at(-1);
  const owner = isFirst ? taskHeading : innermost;
  if (isFirst && taskHeading?.task) taskHeading.task.hasId = true;
  scan.found.push({
    id: at.id, line: at.index, text: at.text, tagWord: at.tagWord,
    start: isFirst && taskHeading ? taskHeading.line : at.index,
    // Without a heading above, any level-1 heading still ends the body.
    level: owner?.level ?? 1,
    headingTitle: isFirst ? (taskHeading?.task?.title ?? '') : '',
    headingKind: scan.headings.findLast((open) => open.kind !== null)?.kind ?? null,
  });
}

function innermostTask(scan: Scan): OpenHeading | undefined {
  return scan.headings.findLast((open) => open.task !== null);
}

function ignoredId(word: string, index: number): ContentDiagnostic {
  return warn('task_id_ignored', `"${word.slice(0, 64)}" is not a task id and was left out`, { line: index + 1 });
}

/** Keeps the first task of each id and names the lines of the others. */
function dropRepeated(scan: Scan): FoundId[] {
  const places = Map.groupBy(scan.found, (found) => found.id);
  for (const [id, all] of places) {
    if (all.length < 2) continue;
    const numbers = all.map((found) => found.line + 1).join(', ');
    scan.diagnostics.push(fault('TASK_ID_DUPLICATE', `task id ${id} stands in lines ${numbers}`, { line: (all[1]?.line ?? 0) + 1 }));
  }
  return [...places.values()].flatMap((all) => all.slice(0, 1)).sort((a, b) => a.line - b.line);
}

interface TaskSource { found: FoundId; order: number; next: FoundId | undefined; lines: readonly MarkdownLine[] }

function buildTask(source: TaskSource, diagnostics: ContentDiagnostic[]): Task {
  const { found, order, lines } = source;
  const kind = decideKind(found, diagnostics);
  const end = bodyEnd(source);
  return {
    id: found.id,
    title: found.headingTitle || found.text || nestedTitle(lines.slice(found.line + 1, end)) || found.id,
    kind,
    required: REQUIRED.has(kind),
    order,
    body: lines.slice(found.start, end).map((line) => line.raw).join('\n'),
    source_line: found.start + 1,
  };
}

function decideKind(found: FoundId, diagnostics: ContentDiagnostic[]): TaskKind {
  const { headingKind, tagWord, id } = found;
  if (tagWord === null) return headingKind ?? 'core';
  const named = syntax.readTagKind(tagWord);
  const place = { line: found.line + 1 };
  if (named === null) diagnostics.push(warn('kind_unknown', `task ${id}: unknown type "${tagWord.slice(0, 64)}", read as core`, place));
  const tagKind = named ?? 'core';
  if (headingKind === null) return tagKind;
  if (tagKind === 'scaffolding' || headingKind === 'scaffolding') return 'scaffolding';
  const isConflict = REQUIRED.has(tagKind) && !REQUIRED.has(headingKind);
  if (!isConflict) return tagKind;
  diagnostics.push(warn('kind_conflict', `task ${id} is tagged ${tagKind} under a heading that says ${headingKind}; it is ${headingKind}`, place));
  return headingKind;
}

/** The index after the last line of a body, without trailing blank lines and rules. */
function bodyEnd({ found, next, lines }: TaskSource): number {
  const limit = Math.min(next?.start ?? lines.length, lines.length);
  let end = found.line + 1;
  while (end < limit && !((lines[end]?.heading?.level ?? 7) <= found.level)) end += 1;
  while (end > found.line + 1 && isBlankOrRule(lines[end - 1]?.raw ?? '')) end -= 1;
  return end;
}

function isBlankOrRule(raw: string): boolean {
  return raw.trim() === '' || (raw.length < 200 && /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/.test(raw));
}

function nestedTitle(lines: readonly MarkdownLine[]): string {
  for (const line of lines) {
    if (line.heading !== null) return '';
    const item = syntax.readListItem(line.text);
    if (item !== null) return item.content;
  }
  return '';
}

function emptyList(found: readonly FoundId[], tasks: readonly Task[]): ContentDiagnostic {
  const listed = found.map(({ id, line }, index) => `line ${line + 1}: ${id} (${tasks[index]?.kind})`).slice(0, 20).join('; ');
  const [first] = found;
  const place = first === undefined ? {} : { line: first.line + 1 };
  return fault('TASK_LIST_EMPTY', `no core or mandatory task${listed === '' ? ', and no task at all' : ` (${listed})`}`, place);
}
