import type { OfflineHints } from '../port.ts';
import { quoteOf, readLearner } from './read-learner.ts';
import { say } from './wordings.ts';

const REQUIRED_KINDS: ReadonlySet<string> = new Set(['core', 'mandatory']);

type OpenTask = OfflineHints['openTasks'][number];

/** The planner's three parts, made from the task list. */
export function planObject(hints: OfflineHints): object {
  const isDone = hints.judgement?.checkpoint === true && hints.task !== null && quoteOf(hints) !== '';
  const next = isDone ? nextTask(hints) : currentTask(hints);
  return {
    packet: next === null ? closingPacket(hints) : taskPacket(hints, next),
    state_update: { subtask_status: isDone && hints.task !== null ? { [hints.task.id]: completed(hints) } : {} },
    consultation_request: consultationRequest(hints),
  };
}

/** What an expert's answer means for the companion. */
export function integrateObject(hints: OfflineHints): object {
  const summary = clip(hints.consultResult ?? '', 1200);
  return {
    expert_consultation_summary: summary,
    guidance_for_ca: say(hints, {
      en: 'Tell the learner in one sentence what the expert found, then go on with the current step.',
      zh: '用一句话告诉学习者专家的结论，再继续当前的步骤。',
    }),
    state_update: {},
    consultation_request: null,
  };
}

function completed(hints: OfflineHints): object {
  const text = hints.lastRun?.ok === true
    ? say(hints, { en: 'ran the code without an error and got the output', zh: '代码运行成功并得到输出' })
    : say(hints, { en: 'reported the result in their own words', zh: '说出了结果' });
  return { status: 'completed', evidence: [{ text, quote: quoteOf(hints) }] };
}

function currentTask(hints: OfflineHints): OpenTask | null {
  const { task } = hints;
  if (task === null) return nextTask(hints);
  return hints.openTasks.find(({ id }) => id === task.id) ?? { id: task.id, title: task.title, kind: 'core', bullets: task.bullets };
}

function nextTask(hints: OfflineHints): OpenTask | null {
  const others = hints.openTasks.filter(({ id }) => id !== hints.task?.id);
  return others.find(({ kind }) => REQUIRED_KINDS.has(kind)) ?? others[0] ?? null;
}

function taskPacket(hints: OfflineHints, task: OpenTask): object {
  return {
    ...PACKET_DEFAULTS,
    current_focus: clip(task.title, 200),
    guidance_for_ca: say(hints, {
      en: 'Introduce the step, ask for a first attempt, give one hint at a time.',
      zh: '介绍这一步，请学习者先尝试，每次只给一个提示。',
    }),
    recommended_targets: [clip(task.bullets[0] ?? task.title, 200)],
    current_task_id: task.id,
  };
}

function closingPacket(hints: OfflineHints): object {
  return {
    ...PACKET_DEFAULTS,
    current_focus: say(hints, { en: 'Looking back at the chapter', zh: '回顾本章' }),
    guidance_for_ca: say(hints, { en: 'Praise the work and ask what was new.', zh: '肯定学习者的努力，问问哪些是新的收获。' }),
    recommended_targets: [say(hints, { en: 'The learner names one thing that was new', zh: '学习者说出一个新的收获' })],
    current_task_id: null,
  };
}

const PACKET_DEFAULTS = {
  nice_check: [], lock_until: 'checkpoint_reached', allow_setup_helper_code: false, setup_helper_scope: 'none', task_type: 'core',
  suggest_checkpoint_confirmation: false,
};

function consultationRequest(hints: OfflineHints): object | null {
  const reason = hints.judgement?.consult ?? readLearner(hints).consult;
  const wanted = WANTED_OUTPUTS[reason];
  if (wanted === undefined) return null;
  for (const outputType of wanted) {
    const expert = hints.experts.find(({ outputModes }) => outputModes.includes(outputType));
    if (expert === undefined) continue;
    const file = hints.newUploads[0];
    return {
      expert_id: expert.id,
      expected_output_type: outputType,
      question: say(hints, QUESTIONS[outputType] ?? { en: 'Please answer the question of the learner.', zh: '请回答学习者的问题。' }),
      scenario_id: SCENARIOS[outputType] ?? 'rma_custom',
      context: {
        ...(file === undefined ? {} : { file_name: file }),
        ...(hints.task === null ? {} : { task_id: hints.task.id }),
        ...(hints.message.trim() === '' ? {} : { student_confusion: clip(hints.message, 400) }),
      },
    };
  }
  return null;
}

const WANTED_OUTPUTS: Readonly<Record<string, readonly string[]>> = {
  user_uploaded_new_data_file: ['suitability_judgment', 'dataset_overview_report'],
  user_requested_data_analysis: ['dataset_overview_report', 'suitability_judgment'],
  concept_clarification_needed: ['concept_explanation', 'analogy'],
  error_diagnosis_needed: ['error_diagnosis'],
  progress_validation_needed: ['validation_report'],
};
const SCENARIOS: Readonly<Record<string, string>> = {
  suitability_judgment: 'dataset_suitability_check', concept_explanation: 'concept_clarification', error_diagnosis: 'error_diagnosis',
  validation_report: 'progress_validation',
};
const QUESTIONS: Readonly<Record<string, { en: string; zh: string }>> = {
  suitability_judgment: { en: 'Does this file fit the current task?', zh: '这个文件适合当前任务吗？' },
  dataset_overview_report: { en: 'What is in this file?', zh: '这个文件里有什么？' },
  concept_explanation: { en: 'Please explain the concept the learner asks about.', zh: '请解释学习者问到的概念。' },
  error_diagnosis: { en: 'What causes this error?', zh: '这个错误的原因是什么？' },
};

function clip(text: string, length: number): string {
  return [...text].slice(0, length).join('');
}
