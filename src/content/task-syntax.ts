import type { TaskKind } from '../contracts/index.ts';
import { TASK_ID_PATTERN } from '../contracts/index.ts';

/** `任务3：…`, `必做任务三：…`, `Task 4: …`; the longer labels stand first because they contain the shorter ones. */
const TASK_HEADING =
  /^(必做任务|选做任务|可选任务|任务|可选|选做|进阶|task|optional|advanced)\s*(?:[0-9０-９]+|[零〇一二三四五六七八九十百两]+)\s*[:：.．、)）]\s*(.*)$/i;
const LEGEND = /类型说明|任务类型|task categories|task types|\blegend\b/i;
const TYPE_TAG = /[[［【]\s*(?:类型|type)\s*[:：]([^\]］】[［【]*)[\]］】]/i;
const LIST_ITEM = /^(\s*)([-*+]|\d{1,9}[.)])(\s+)(.*)$/;
const ID_LINE = /^\s{0,3}(?:[-*+]\s+)?(?:\*\*|__)\s*(?:task\s*id|任务\s*id)\s*(?:[:：]\s*(?:\*\*|__)|(?:\*\*|__)\s*[:：])\s*(.*)$/i;
const TYPE_LINE = /^\s{0,3}(?:[-*+]\s+)?(?:\*\*|__)\s*(?:type|类型)\s*(?:[:：]\s*(?:\*\*|__)|(?:\*\*|__)\s*[:：])\s*(.*)$/i;

/** Tested in this order, so that `Advanced Tasks (Optional)` is advanced. Word limits keep `scores` from reading as core. */
const KIND_WORDS: readonly (readonly [TaskKind, RegExp])[] = [
  ['scaffolding', /\bscaffolding\b|脚手架/i],
  ['advanced', /\badvanced\b|进阶/i],
  ['optional', /\boptional\b|可选|选做/i],
  ['mandatory', /\bmandatory\b|必做/i],
  ['core', /\bcore\b|核心/i],
];

/** A task heading's label and title, or null. */
export function readTaskHeading(text: string): { label: string; title: string } | null {
  const plain = text.replace(/^(\*\*|__)(.*)\1$/, '$2').trim();
  const match = TASK_HEADING.exec(plain);
  return match === null ? null : { label: match[1] ?? '', title: (match[2] ?? '').trim() };
}

/** True for a heading that explains the kinds of tasks instead of listing them. */
export function isLegend(text: string): boolean {
  return LEGEND.test(text);
}

/** The kind that a text names, or null. */
export function readKind(text: string): TaskKind | null {
  return KIND_WORDS.find(([, word]) => word.test(text))?.[0] ?? null;
}

/** The kind that a tag names; null = a word that is no kind. */
export function readTagKind(word: string): TaskKind | null {
  return readKind(word) ?? (/\brequired\b/i.test(word) ? 'mandatory' : null);
}

/** The word inside `[类型: …]`, and the text without the tag. */
export function readTypeTag(text: string): { word: string; without: string } | null {
  const match = TYPE_TAG.exec(text);
  if (match === null) return null;
  const without = `${text.slice(0, match.index).trimEnd()} ${text.slice(match.index + match[0].length).trimStart()}`;
  return { word: (match[1] ?? '').trim(), without: without.trim().replace(/^[:：]\s*/, '') };
}

/** A list item: its indent, where its content begins, and that content. */
export function readListItem(text: string): { indent: number; offset: number; content: string } | null {
  const match = LIST_ITEM.exec(text);
  if (match === null) return null;
  const [, space = '', marker = '', gap = '', content = ''] = match;
  const indent = widthOf(space);
  return { indent, offset: indent + marker.length + Math.min(gap.length, 4), content: content.trim() };
}

/** The bold word that a list item starts with, and what follows it after an optional colon. */
export function readBoldStart(content: string): { word: string; rest: string } | null {
  const mark = ['**', '__'].find((candidate) => content.startsWith(candidate));
  if (mark === undefined) return null;
  const end = content.indexOf(mark, mark.length);
  if (end < 0) return null;
  const word = content.slice(mark.length, end).trim().replace(/[:：]$/, '').trim().replace(/^`(.*)`$/, '$1');
  const rest = content.slice(end + mark.length).trimStart();
  return { word: word.trim(), rest: rest.replace(/^[:：]/, '').trim() };
}

/** The id of a `**Task ID:** id` line, or null when the line is none. */
export function readIdLine(text: string): string | null {
  return readValueLine(ID_LINE, text);
}

/** The kind word of a `**Type:** kind` line, or null when the line is none. */
export function readTypeLine(text: string): string | null {
  return readValueLine(TYPE_LINE, text);
}

/** True for what may name a task. */
export function isTaskId(word: string): boolean {
  return TASK_ID_PATTERN.test(word);
}

function readValueLine(pattern: RegExp, text: string): string | null {
  const match = pattern.exec(text);
  return match === null ? null : (match[1] ?? '').trim().replace(/^`(.*)`$/, '$1').trim();
}

function widthOf(space: string): number {
  return [...space].reduce((width, character) => width + (character === '\t' ? 4 - (width % 4) : 1), 0);
}
