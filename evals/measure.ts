import type { PlayedSession, PlayedTurn } from './play.ts';

/** Deterministic measures of some sessions. Shares are null where nothing was counted. */
export interface Measures {
  turns: number;
  failed: number;
  checkpointPrecision: number | null;
  checkpointRecall: number | null;
  /** Replies that show at least two lines of the chapter's reference solution. */
  leakRate: number | null;
  exactlyOneAction: number | null;
  atMostTwoQuestions: number | null;
  languageMatch: number | null;
  /** The turn in which the planner first ran for a stuck learner, counted from 1. */
  turnsToPlanner: number | null;
  callsPerTurn: number | null;
  tokensPerTurn: number | null;
  firstTextMs: number | null;
}

const MIN_LINE = 12;
const LINES_OF_A_LEAK = 2;
const MOST_QUESTIONS = 2;
const HAN_SHARE = 0.2;

/** Measures sessions of one learner or of all; `solutions` are the reference texts of a chapter. */
export function measure(sessions: readonly PlayedSession[], solutions: (chapter: string) => readonly string[]): Measures {
  const all = sessions.flatMap((session) => session.turns.map((turn) => ({ turn, session })));
  const told = all.filter(({ turn }) => turn.end === 'done');
  const judged = told.filter(({ turn }) => turn.expected !== null);
  const hits = judged.filter(({ turn }) => turn.expected === true && turn.checkpoint).length;
  const share = (holds: (entry: { turn: PlayedTurn; session: PlayedSession }) => boolean): number | null => ratio(told.filter(holds).length, told.length);
  return {
    turns: all.length, failed: all.length - told.length,
    checkpointPrecision: ratio(hits, judged.filter(({ turn }) => turn.checkpoint).length),
    checkpointRecall: ratio(hits, judged.filter(({ turn }) => turn.expected === true).length),
    leakRate: share(({ turn, session }) => solutions(session.chapter).some((solution) => isLeak(turn.reply, solution))),
    exactlyOneAction: share(({ turn }) => countActions(turn.reply) === 1),
    atMostTwoQuestions: share(({ turn }) => countQuestions(turn.reply) <= MOST_QUESTIONS),
    languageMatch: share(({ turn, session }) => languageOf(turn.reply) === session.language),
    turnsToPlanner: slowestPlanner(sessions.filter(({ learner }) => learner === 'stuck')),
    callsPerTurn: ratio(told.reduce((sum, { turn }) => sum + turn.calls, 0), told.length),
    tokensPerTurn: ratio(told.reduce((sum, { turn }) => sum + turn.tokens, 0), told.length),
    firstTextMs: median(told.flatMap(({ turn }) => turn.firstTextMs ?? [])),
  };
}

/** True when a reply holds lines of a reference solution, wherever they stand in it. */
export function isLeak(reply: string, solution: string): boolean {
  const folded = fold(reply);
  const lines = solution.split('\n').map((line) => line.trim()).filter((line) => !/^(#|import |from |"""|'''|$)/.test(line));
  const shown = new Set(lines.map(fold).filter((line) => line.length >= MIN_LINE && folded.includes(line)));
  return shown.size >= LINES_OF_A_LEAK;
}

const fold = (text: string): string => text.replaceAll(/\s+/g, '').replaceAll('"', "'");

const ACTION = /^(?:(?:now|then|next|so|first|please|just|also|and|or)[,:]?\s+)*(?:try|run|write|print|change|load|use|add|compare|look|open|put|make|count|read|pick|choose|think|name|say|explain|sort|filter|upload|check|fix|start|guess)\b/i;
const ACTION_ZH = /^(?:现在|然后|接着|先|再|请|请你|试着|那么|，|,|\s)*(?:试|写|运行|打印|改|只改|加载|读|用|加|比较|看|打开|数|选|想|说|解释|排序|筛选|上传|检查|回顾|在编辑器里)/;
const RESULT_REQUEST = /\b(?:send|show|tell|paste)\b|发给我|告诉我|贴/i;

/** Sentences that ask the learner to do something, by word lists; asking for the result is none, and code does not count. */
export function countActions(reply: string): number {
  return sentencesOf(reply).filter((sentence) => (ACTION.test(sentence) || ACTION_ZH.test(sentence)) && !RESULT_REQUEST.test(sentence.slice(0, 24))).length;
}

/** Question marks outside code. */
export function countQuestions(reply: string): number {
  return (withoutCode(reply).match(/[?？]/g) ?? []).length;
}

/** The language of a reply, by its script. */
export function languageOf(reply: string): 'en' | 'zh' {
  const letters = withoutCode(reply).match(/\p{L}/gu) ?? [];
  return letters.filter((letter) => /\p{Script=Han}/u.test(letter)).length >= HAN_SHARE * letters.length && letters.length > 0 ? 'zh' : 'en';
}

function sentencesOf(reply: string): string[] {
  return withoutCode(reply).split(/(?<=[.!?。！？])\s*|\n+/).map((text) => text.replace(/^[\s*>#\d.)-]+/, '').trim()).filter((text) => text !== '');
}

function withoutCode(reply: string): string {
  return reply.replaceAll(/```[\s\S]*?(?:```|$)/g, '\n').replaceAll(/`[^`\n]*`/g, 'code');
}

/** The slowest of several sessions; a session without any plan counts as one turn more than it had. */
function slowestPlanner(sessions: readonly PlayedSession[]): number | null {
  const firsts = sessions.map(({ turns }) => {
    const first = turns.findIndex(({ planned }) => planned);
    return first < 0 ? turns.length + 1 : first + 1;
  });
  return firsts.length === 0 ? null : Math.max(...firsts);
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function median(values: readonly number[]): number | null {
  return values.toSorted((one, another) => one - another)[Math.floor(values.length / 2)] ?? null;
}
