import { constants } from 'node:os';
import type { Language } from '../../../contracts/index.ts';
import type { LaneLimits } from '../../guard/index.ts';
import { clipMiddle, messageFor } from '../../worker/index.ts';
import type { Reason } from '../../worker/index.ts';
import type { TaskEnd } from './execute-task.ts';

const MIB = 1024 * 1024;
/** As long as what a run says of its error. */
const MESSAGE_CHARS = 2_000;
/** IPython ends the text of a syntax error with where it stands; a cell is a file with a number for a name. */
const SYNTAX_PLACE = /\s*\((?:(\d+\.py|<[^>]*>)|[^()]*), line (\d+)\)$/;
const CELL_FRAME = /\bCell In\[(\d+)\], line (\d+)/g;

/** The sentence about a kernel that crashed too often, for cells and for questions to it. */
export const DEAD_KERNEL: Readonly<Record<Language, string>> = {
  en: 'The kernel crashed three times; restart it.', zh: '内核已连续崩溃三次，请重启内核。',
};

export interface CellError { ename: string; evalue: string; traceback: readonly string[] }

export interface CellFacts {
  end: TaskEnd;
  error: CellError | null;
  executionCount: number | null;
  language: Language;
  timeoutMs: number;
  dropped: { stdout: number; stderr: number };
  limits: LaneLimits | null;
}

/** One sentence about how a cell ended; empty for one that ended well. */
export function sentenceOf(reason: Reason, facts: CellFacts): string {
  const { end, error, language, timeoutMs, dropped, limits } = facts;
  if (reason === 'worker_lost' && end.detail === 'dead') return DEAD_KERNEL[language];
  const text = messageFor(reason, {
    error: error === null ? null : { type: error.ename, ...placeOf(reason, error, facts.executionCount) }, returncode: returnCodeOf(reason, end), signal: end.detail,
    droppedCharacters: dropped.stdout + dropped.stderr, wallSeconds: Math.round(timeoutMs / 100) / 10, cpuSeconds: 0,
    memoryMb: Math.round((limits?.memoryBytes ?? 0) / MIB), diskMb: Math.round((limits?.disk.runBytes ?? 0) / MIB),
    diskEntries: limits?.disk.runEntries ?? 0, processes: limits?.threads ?? 0, detail: end.detail,
  }, language);
  return clipMiddle(text, MESSAGE_CHARS);
}

/** The code that the program would have ended with. */
export function returnCodeOf(reason: Reason, { detail, reply }: Pick<TaskEnd, 'detail' | 'reply'>): number {
  if (reason === 'exit') return reply === null ? Number(/^exit (-?\d+)$/.exec(detail)?.[1] ?? 0) : exitCodeOf(String(reply.evalue ?? ''));
  if (reason === 'crashed' || reason === 'killed') return -(Object.entries(constants.signals).find(([name]) => name === detail)?.[1] ?? 9);
  return RETURN_CODES[reason] ?? 1;
}

/** As Python reads what was given to `sys.exit`: a number, nothing, or a text that counts as 1. */
function exitCodeOf(value: string): number {
  if (value === '' || value === 'None') return 0;
  return /^-?\d+$/.test(value) ? Number(value) : 1;
}

const RETURN_CODES: Partial<Record<Reason, number>> = {
  ok: 0, output_limit: 0, timeout: -1, cancelled: -2, worker_lost: -3, guard_unavailable: -3, python_unavailable: -3, memory_limit: -9, disk_limit: -9,
};

/** The error's text and its line in this cell. */
function placeOf(reason: Reason, { evalue, traceback }: CellError, executionCount: number | null): { message: string; line: number | null } {
  if (reason === 'syntax_error') {
    const [whole = '', isCell, line] = SYNTAX_PLACE.exec(evalue) ?? [];
    return { message: isCell === undefined ? evalue : evalue.slice(0, evalue.length - whole.length), line: line === undefined ? null : Number(line) };
  }
  // The last entry repeats the text of the error, which may say anything.
  const frames = [...traceback.slice(0, -1).join('\n').matchAll(CELL_FRAME)].filter(([, count]) => Number(count) === executionCount);
  const line = frames.at(-1)?.[2];
  return { message: evalue, line: line === undefined ? null : Number(line) };
}
