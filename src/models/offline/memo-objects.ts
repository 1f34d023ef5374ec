import type { OfflineHints } from '../port.ts';
import { nextSuggestion } from './companion-prose.ts';
import { quoteOf, readLearner } from './read-learner.ts';
import { say } from './wordings.ts';

/** The record behind the prose. */
export function recordObject(hints: OfflineHints): object {
  const judgement = readLearner(hints);
  const message = clip(hints.message.trim(), 300);
  // When the planner has run, the task of these hints is the next one already, and proves nothing yet.
  const isProof = hints.purpose === 'reply' && judgement.checkpoint;
  return {
    progress_record: judgement.checkpoint ? clip(hints.lastRun?.stdout.trim() || hints.message.trim(), 1000) : '',
    what_user_attempted: hints.lastRun === null ? message : say(hints, { en: 'ran code', zh: '运行了代码' }),
    what_user_observed: clip((hints.lastRun?.ok === false ? hints.lastRun.stderr : hints.lastRun?.stdout ?? '').trim(), 300),
    ca_teaching_mode: 'socratic',
    ca_next_suggestion: nextSuggestion(hints),
    evidence_for_subtasks: isProof && hints.task !== null
      ? [{ subtask_id: hints.task.id, evidence: say(hints, { en: 'reached the target of the step', zh: '达到了这一步的目标' }), quote: quoteOf(hints) }]
      : [],
  };
}

/** The patch of the memo agent. */
export function memoObject(hints: OfflineHints): object {
  const read = readLearner(hints);
  const isDone = hints.judgement?.checkpoint ?? read.checkpoint;
  const title = hints.task?.title ?? hints.focus;
  // After a checkpoint the current task is the next one; the one that was reached has its evidence already.
  const activity = isDone
    ? say(hints, { en: `reached the target of a step; next is "${title}"`, zh: `达到了一个步骤的目标，接下来是“${title}”` })
    : say(hints, { en: `worked on "${title}"`, zh: `学习了“${title}”` });
  const struggles = isDone || read.blocker === 'none' ? [] : [say(hints, { en: `got stuck at "${title}"`, zh: `在“${title}”卡住了` })];
  const strengths = isDone ? [say(hints, { en: 'brought a step to a result', zh: '独立做出了一个步骤的结果' })] : [];
  return {
    observations: { add: [], drop: [] },
    struggles: { add: struggles.map((text) => clip(text, 200)), drop: [] },
    strengths: { add: strengths.map((text) => clip(text, 200)), drop: [] },
    progress_delta: isDone ? 'checkpoint_reached' : 'none',
    achievements: [],
    report: { activity: clip(activity, 160), points: [], solid: strengths, needs_support: struggles, next_step: clip(nextSuggestion(hints), 200) },
    error_entries: errorEntries(hints),
    memory_delta: clip(activity, 400),
    diagnostic_log: [],
  };
}

function errorEntries(hints: OfflineHints): object[] {
  if (hints.lastRun === null || hints.lastRun.ok) return [];
  const line = hints.lastRun.stderr.trim().split('\n').at(-1) ?? '';
  return line === '' ? [] : [{ error_type: 'coding', description: clip(line, 300), context: clip(hints.lastRun.code, 300) }];
}

/** The narrative of the final report, from the facts alone. */
export function finalReportText(hints: OfflineHints): string {
  const names = (key: string): readonly string[] => {
    const value = hints.facts[key];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  };
  const listed = (items: readonly string[]): string => items.map((item) => `"${item}"`).join(', ');
  const [completed, skipped, open] = [names('completed'), names('skipped'), names('open')];
  const lines = [
    completed.length > 0 ? say(hints, { en: `You completed ${listed(completed)}.`, zh: `你完成了：${completed.join('、')}。` }) : '',
    skipped.length > 0 ? say(hints, { en: `You skipped ${listed(skipped)}.`, zh: `你跳过了：${skipped.join('、')}。` }) : '',
    open.length > 0 ? say(hints, { en: `Still open: ${listed(open)}.`, zh: `还没有完成：${open.join('、')}。` }) : '',
  ].filter((line) => line !== '');
  if (lines.length === 0) lines.push(countedStates(hints));
  const closing = say(hints, {
    en: 'Take one of the steps you solved and do it again with data of your own.',
    zh: '选一个已经完成的步骤，用自己的数据再做一遍。',
  });
  return [...lines, closing].join('\n\n');
}

function countedStates(hints: OfflineHints): string {
  const states = Object.values(Object(hints.facts['task_states']) as object);
  const count = (wanted: string): number => states.filter((status) => status === wanted).length;
  return say(hints, {
    en: `You completed ${count('completed')} of ${states.length} tasks and skipped ${count('skipped')}.`,
    zh: `共 ${states.length} 个任务，你完成了 ${count('completed')} 个，跳过了 ${count('skipped')} 个。`,
  });
}

function clip(text: string, length: number): string {
  return [...text].slice(0, length).join('');
}
