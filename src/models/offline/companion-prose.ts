import type { OfflineHints } from '../port.ts';
import { readLearner, quoteOf, type OfflineJudgement } from './read-learner.ts';
import { isChinese, say } from './wordings.ts';

const LABEL = {
  en: '*I am the built-in offline tutor: I follow fixed rules and am not a language model.*',
  zh: '*我是内置的离线助教：按固定规则回答，不是语言模型。*',
};

/** The label in front of the first answer of a session. */
function labelled(hints: OfflineHints, paragraphs: readonly string[]): string {
  const first = hints.facts['is_first_answer'] === true ? [say(hints, LABEL)] : [];
  return [...first, ...paragraphs].filter((text) => text !== '').join('\n\n');
}

/** The answer of a locked turn. */
export function replyProse(hints: OfflineHints): string {
  return labelled(hints, [feeling(hints, readLearner(hints)), ...guidance(hints)]);
}

/** The answer after the planner, an expert or a skip. */
export function speakProse(hints: OfflineHints): string {
  if (hints.skipNote !== null) return labelled(hints, afterSkip(hints, hints.skipNote));
  const praise = hints.judgement?.checkpoint === true
    ? say(hints, { en: `That works. "${quoteOf(hints)}" shows it.`, zh: `做到了，“${quoteOf(hints)}”就是证明。` })
    : feeling(hints, readLearner(hints));
  const expert = hints.consultResult === null ? '' : say(hints, { en: `What the expert found: ${hints.consultResult}`, zh: `专家的结论：${hints.consultResult}` });
  return labelled(hints, [praise, expert, ...(hints.task === null ? [lookBack(hints)] : guidance(hints))]);
}

/** The first words of a session. */
export function greetProse(hints: OfflineHints): string {
  const chapter = typeof hints.facts['chapter_title'] === 'string' ? hints.facts['chapter_title'] : '';
  const welcome = chapter === ''
    ? say(hints, { en: 'Welcome! We go through this chapter step by step.', zh: '欢迎！我们一步一步完成这一章。' })
    : say(hints, { en: `Welcome to "${chapter}". We go through it step by step.`, zh: `欢迎学习《${chapter}》，我们一步一步来。` });
  return labelled(hints, [welcome, ...introduction(hints)]);
}

/** Introduces the task after a skip by the button, or looks back when none is left. */
export function nextTaskProse(hints: OfflineHints): string {
  if (hints.skipNote !== null) return labelled(hints, afterSkip(hints, hints.skipNote));
  return labelled(hints, introduction(hints));
}

/** What the companion does next, in one line. */
export function nextSuggestion(hints: OfflineHints): string {
  return actionOf(hints);
}

function feeling(hints: OfflineHints, judgement: OfflineJudgement): string {
  if (judgement.sentiment === 'frustrated') {
    return say(hints, { en: 'That is a tiring spot, and it is normal to get stuck here. Let us make the step smaller.', zh: '这里确实容易卡住，不用着急，我们把步子再缩小一点。' });
  }
  if (judgement.sentiment === 'fatigued') return say(hints, { en: 'A short break is fine. One small step is enough for now.', zh: '累了可以先休息一下，现在只做一小步就好。' });
  if (judgement.blocker === 'core_implementation') return errorLine(hints);
  if (judgement.blocker === 'core_concept') return say(hints, { en: 'Good that you ask.', zh: '问得好。' });
  return '';
}

// The last line of an error names it; everything above says how the program got there.
function errorLine(hints: OfflineHints): string {
  const source = hints.lastRun?.ok === false ? hints.lastRun.stderr : hints.message;
  const line = source.split('\n').map((text) => text.trim()).findLast((text) => /^\w*(Error|Exception)\b/.test(text));
  if (line === undefined) return say(hints, { en: 'Read the last line of the error first: it names the cause.', zh: '先看报错的最后一行，原因就写在那里。' });
  const shown = [...line].slice(0, 160).join('').replaceAll('`', "'");
  return say(hints, {
    en: `The last line of the error says \`${shown}\`. Which name or value in your code does it point at?`,
    zh: `报错的最后一行是 \`${shown}\`。它指的是你代码里的哪个名字或值？`,
  });
}

function guidance(hints: OfflineHints): string[] {
  if (hints.task === null) return [lookBack(hints)];
  const focus = say(hints, { en: `**Now:** ${hints.focus}`, zh: `**当前任务：** ${hints.focus}` });
  const hint = hintOf(hints);
  return [focus, hint === '' ? '' : say(hints, { en: `Hint: ${hint}`, zh: `提示：${hint}` }), [actionOf(hints), requestFor(hints)].join(isChinese(hints) ? '' : ' ')];
}

function introduction(hints: OfflineHints): string[] {
  if (hints.task === null) return [lookBack(hints)];
  return [
    say(hints, { en: `**First up:** ${hints.task.title}`, zh: `**现在开始：** ${hints.task.title}` }),
    targetLine(hints),
    say(hints, { en: 'How would you begin? Write down your first attempt, even a rough one, and send me what it prints.', zh: '你会怎么开始？先写一个尝试，粗糙一点没关系，再把运行结果发给我。' }),
  ];
}

function afterSkip(hints: OfflineHints, note: NonNullable<OfflineHints['skipNote']>): string[] {
  if (note.needsReason) {
    return [say(hints, {
      en: `We can skip "${note.skippedTitle}". Tell me in a word why: already known, not interesting, too hard, too wordy, or something else?`,
      zh: `可以跳过“${note.skippedTitle}”。请告诉我原因：已掌握、不感兴趣、太难了、太啰嗦，还是其他？`,
    })];
  }
  const skipped = note.skippedTitle === '' ? '' : say(hints, { en: `"${note.skippedTitle}" is skipped, and that is fine.`, zh: `已跳过“${note.skippedTitle}”，没有关系。` });
  return [skipped, ...(note.nextTitle === null ? [lookBack(hints)] : introduction(hints))];
}

function lookBack(hints: OfflineHints): string {
  const optional = hints.openTasks[0];
  const more = optional === undefined ? '' : say(hints, { en: ` If you like, there is still "${optional.title}".`, zh: `如果愿意，还可以试试“${optional.title}”。` });
  return say(hints, {
    en: `You have been through all required tasks. Which step was new to you, in one sentence?${more}`,
    zh: `必做的任务都走完了。用一句话说说：哪一步对你来说是新的？${more}`,
  });
}

/** One hint, from vague to concrete; the first bullet is the target and no hint. */
function hintOf(hints: OfflineHints): string {
  const bullets = hints.task?.bullets ?? [];
  if (bullets.length <= 1) return '';
  return bullets[Math.min(1 + (hints.task?.hintLevel ?? 0), bullets.length - 1)] ?? '';
}

function targetLine(hints: OfflineHints): string {
  const target = hints.targets[0] ?? hints.task?.bullets[0] ?? '';
  return target === '' ? '' : say(hints, { en: `You are there when: ${target}`, zh: `做到这一点就算完成：${target}` });
}

function actionOf(hints: OfflineHints): string {
  if (hints.task === null) return say(hints, { en: 'Look back at what you did.', zh: '回顾一下做过的内容。' });
  if (hints.lastRun?.ok === false) return say(hints, { en: 'Change only that one line and run it again.', zh: '只改那一行，再运行一次。' });
  return say(hints, { en: 'Try just this one step in your editor and run it.', zh: '在编辑器里只做这一步，然后运行。' });
}

function requestFor(hints: OfflineHints): string {
  return say(hints, { en: 'Then send me what it prints.', zh: '然后把输出发给我。' });
}
