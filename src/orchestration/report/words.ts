import type { BlockerType, Language, Sentiment, SkipReason, StudentErrorEntry, SubtaskState } from '../../contracts/index.ts';
import type { ReportSectionName } from '../../content/index.ts';

/** The words of reports in one language. */
export interface ReportWords {
  sections: Record<ReportSectionName, string>;
  status: Record<SubtaskState, string>;
  sentiment: Record<Sentiment, string>;
  blocker: Record<Exclude<BlockerType, 'none'>, string>;
  errors: Record<StudentErrorEntry['error_type'], string>;
  skipReasons: Record<SkipReason, string>;
  colon: string; optional: string; current: string; noTasks: string; noActivity: string; mood: string; stuckOn: string;
  solid: string; needsSupport: string; attempts: (count: number) => string;
  turn: (index: number) => string;
  situation: (title: string, done: number, total: number) => string;
  allDone: (done: number, total: number) => string;
  next: (step: string) => string; nextTask: (title: string) => string; nextEnd: string; nextOptional: (title: string) => string;
  errorTitle: string; reason: string; context: string;
  final: {
    title: string; overview: string; tasks: string; evidence: string; skips: string; errors: string; experts: string; narrative: string;
    counts: (facts: { turns: number; minutes: number; done: number; skipped: number; total: number }) => string;
    verified: string; none: string; noReason: string;
  };
}

const zh: ReportWords = {
  sections: { tasks: '任务状态', recent: '最近活动', student: '学习者状态', next: '下一步建议' },
  status: { not_started: '未开始', in_progress: '进行中', completed: '已完成', skipped: '已跳过' },
  sentiment: { engaged: '投入', confused: '有些困惑', frustrated: '有些受挫', fatigued: '有些疲倦' },
  blocker: { scaffolding: '环境或文件准备', core_concept: '概念理解', core_implementation: '代码实现', external_resource_needed: '缺少外部资料' },
  errors: { conceptual: '概念', coding: '代码', scaffolding: '环境与准备' },
  skipReasons: { 已掌握: '已掌握', 不感兴趣: '不感兴趣', 太难了: '太难了', 太啰嗦: '太啰嗦', 其他: '其他' },
  colon: '：', optional: '选做', current: '当前', noTasks: '还没有任务信息。', noActivity: '还没有记录。', mood: '状态', stuckOn: '卡在',
  solid: '已掌握', needsSupport: '需要支持', attempts: (count) => `连续 ${count} 轮没有新进展`,
  turn: (index) => `第 ${index + 1} 轮`,
  situation: (title, done, total) => `正在进行「${title}」，必做任务已处理 ${done}/${total}。`,
  allDone: (done, total) => `本章的必做任务都已处理（${done}/${total}）。`,
  next: (step) => `下一步：${step}`, nextTask: (title) => `继续任务「${title}」`, nextEnd: '回顾本章，准备好后可以结束学习',
  nextOptional: (title) => `可以尝试选做任务「${title}」，或结束本章`,
  errorTitle: '错误小结', reason: '原因', context: '场景',
  final: {
    title: '学习总结', overview: '概览', tasks: '任务', evidence: '学习证据', skips: '跳过的任务', errors: '遇到的错误', experts: '专家咨询',
    narrative: '总结',
    counts: ({ turns, minutes, done, skipped, total }) => `共 ${turns} 轮对话，历时约 ${minutes} 分钟；${total} 个任务中完成 ${done} 个，跳过 ${skipped} 个。`,
    verified: '已核实', none: '无', noReason: '未说明',
  },
};

const en: ReportWords = {
  sections: { tasks: 'Tasks', recent: 'Recent activity', student: 'Student state', next: 'Next step' },
  status: { not_started: 'not started', in_progress: 'in progress', completed: 'completed', skipped: 'skipped' },
  sentiment: { engaged: 'engaged', confused: 'a little confused', frustrated: 'a little frustrated', fatigued: 'a little tired' },
  blocker: { scaffolding: 'set-up or files', core_concept: 'a concept', core_implementation: 'the code', external_resource_needed: 'a missing resource' },
  skipReasons: { 已掌握: 'already known', 不感兴趣: 'not interested', 太难了: 'too hard', 太啰嗦: 'too wordy', 其他: 'other' },
  errors: { conceptual: 'Conceptual', coding: 'Coding', scaffolding: 'Scaffolding' },
  colon: ': ', optional: 'optional', current: 'current', noTasks: 'No tasks are known yet.', noActivity: 'Nothing noted yet.', mood: 'Mood', stuckOn: 'Held up by',
  solid: 'Solid', needsSupport: 'Needs support', attempts: (count) => `${count} turn${count === 1 ? '' : 's'} in a row without new progress`,
  turn: (index) => `Turn ${index + 1}`,
  situation: (title, done, total) => `Working on "${title}"; ${done} of ${total} required tasks are settled.`,
  allDone: (done, total) => `All required tasks of this chapter are settled (${done} of ${total}).`,
  next: (step) => `Next: ${step}`, nextTask: (title) => `go on with "${title}"`, nextEnd: 'look back on the chapter, then end it when ready',
  nextOptional: (title) => `try the optional task "${title}", or end the chapter`,
  errorTitle: 'Error summary', reason: 'Reason', context: 'Context',
  final: {
    title: 'Learning report', overview: 'Overview', tasks: 'Tasks', evidence: 'Evidence', skips: 'Skipped tasks', errors: 'Errors met',
    experts: 'Expert consultations', narrative: 'Summary',
    counts: ({ turns, minutes, done, skipped, total }) =>
      `${countOf(turns, 'turn')} in about ${countOf(minutes, 'minute')}; of ${countOf(total, 'task')} ${done} ${done === 1 ? 'is' : 'are'} completed and ${skipped} skipped.`,
    verified: 'verified', none: 'none', noReason: 'not given',
  },
};

export const REPORT_WORDS: Record<Language, ReportWords> = { zh, en };

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
