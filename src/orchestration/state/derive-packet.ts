import { type Language, clipCodePoints, languageOf } from '../../contracts/index.ts';
import type { Task } from '../../content/index.ts';
import type { UnversionedPacket } from './packet-version.ts';
import { PROPOSAL_LIMITS } from './proposals.ts';

/** Why code makes a packet instead of the planner. */
export type DerivationCause = 'creation' | 'completion' | 'skip' | 'restore';

const OPENINGS: Record<Language, Record<DerivationCause, string>> = {
  zh: {
    creation: '这是本章的第一个任务。',
    completion: '上一个任务刚刚完成。先用一句话具体说出学习者做到了什么。',
    skip: '学习者跳过了上一个任务，不要再回到那个任务，也不要评价这个选择。',
    restore: '会话刚刚恢复。先用一句话接上之前的进度。',
  },
  en: {
    creation: 'This is the first task of the chapter.',
    completion: 'The task before was just completed. Say in one sentence what exactly the learner achieved.',
    skip: 'The learner skipped the task before. Do not go back to it and do not judge the choice.',
    restore: 'The session was just restored. Pick up the thread in one sentence.',
  },
};
const INTRODUCE: Record<Language, (title: string) => string> = {
  zh: (title) => `介绍任务「${title}」：说明目标和它为什么有用，不给出解法，然后请学习者做第一次尝试并把结果告诉你。`,
  en: (title) => `Introduce the task "${title}": say what it is for and why it helps, do not give the solution, then ask for a first attempt and for its result.`,
};
const FINISHED: Record<Language, { focus: string; guidance: string; target: string }> = {
  zh: {
    focus: '回顾本章',
    guidance: '没有未完成的任务了。具体地肯定学习者做到的事，一起回顾本章的要点；学习者愿意的话，可以再看看选做内容或结束本章。',
    target: '学习者用自己的话说出本章学到的一点',
  },
  en: {
    focus: 'Look back on the chapter',
    guidance: 'No task is open any more. Praise concretely what the learner did and look back on the chapter together; offer optional work, or to end the chapter.',
    target: 'The learner names one thing learnt in this chapter in their own words',
  },
};

/** A packet made by code: introduces the task and asks for a first attempt; for null it looks back on the chapter. */
export function derivePacket(task: Pick<Task, 'id' | 'title' | 'body'> | null, cause: DerivationCause, language: string): UnversionedPacket {
  const tongue = languageOf(language);
  const common = {
    nice_check: [], lock_until: 'checkpoint_reached' as const, allow_setup_helper_code: false, setup_helper_scope: 'none' as const,
    task_type: 'core' as const, suggest_checkpoint_confirmation: false, hint_level: 0 as const, derived: true,
  };
  if (task === null) {
    const { focus, guidance, target } = FINISHED[tongue];
    return { ...common, current_focus: focus, guidance_for_ca: guidance, recommended_targets: [target], current_task_id: null };
  }
  const title = oneLine(task.title, PROPOSAL_LIMITS.focus) || task.id;
  return {
    ...common, current_focus: title, guidance_for_ca: `${OPENINGS[tongue][cause]}${tongue === 'zh' ? '' : ' '}${INTRODUCE[tongue](title)}`,
    recommended_targets: [firstBullet(task.body) ?? title], current_task_id: task.id,
  };
}

/** The text of the first list item that says more than an id and a type tag. */
function firstBullet(body: string): string | null {
  let inFence = false;
  for (const line of body.split('\n')) {
    if (/^\s*(?:```|~~~)/.test(line)) inFence = !inFence;
    const item = inFence ? null : /^\s*(?:[-*+]|\d{1,3}[.)])\s+(.*)$/.exec(line);
    const text = oneLine(stripMarks(item?.[1] ?? ''), PROPOSAL_LIMITS.target);
    if (text !== '') return text;
  }
  return null;
}

function stripMarks(item: string): string {
  return item
    .replace(/[[［【]\s*(?:类型|type)\s*[:：][^\]］】]*[\]］】]/gi, '')
    .replace(/^(?:\*\*|__)\s*`?[A-Za-z][A-Za-z0-9_-]{1,63}`?\s*[:：]?\s*(?:\*\*|__)\s*[:：]?/, '')
    .replace(/\*\*|__/g, '');
}

function oneLine(text: string, limit: number): string {
  return clipCodePoints(text.replace(/\s+/g, ' ').trim(), limit).trimEnd();
}
