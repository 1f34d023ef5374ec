/** What the code supplies to one prompt. Names marked as data carry words that are not ours and are always wrapped. */
export interface PromptContract {
  role: 'system' | 'user';
  required: readonly string[];
  optional: readonly string[];
  data: readonly string[];
}

const COURSE = ['TASK_INDEX', 'COMPLETION', 'TASK_SECTION'] as const;
const MEMORY = ['SUMMARIES', 'DIGEST', 'EARLIER_TURNS', 'LAST_EXCHANGE'] as const;
const NOTED = [
  'TASK_INDEX', 'TASK_SECTION', 'EVIDENCE', 'DIGEST', 'WORK', 'EARLIER_TURNS', 'RECORD', 'EXPERT_RESULT', 'SKIP_NOTE', 'REPORT_GUIDANCE', 'FOLD',
] as const;
const TURN_DATA = ['EXPERTS', ...COURSE, ...MEMORY, 'WORK'] as const;

/** Every packaged prompt and the variables it gets; a prompt file that disagrees stops the start-up. */
export const PROMPT_CATALOGUE = {
  'companion.system': {
    role: 'system', required: ['LANGUAGE', 'JUDGEMENT_SHAPE', 'JUDGEMENT_EXAMPLES', 'RECORD_SHAPE', 'RECORD_EXAMPLE'],
    optional: ['POLICY', 'INTERACTION_PROTOCOL', 'SOCRATIC_RULES', 'CHAPTER_CONTEXT'], data: [],
  },
  'companion.reply': {
    role: 'user', required: ['BOUNDARY', 'FACTS', 'PACKET', 'MESSAGE'], optional: TURN_DATA, data: [...TURN_DATA, 'PACKET', 'MESSAGE'],
  },
  'companion.speak': {
    role: 'user', required: ['BOUNDARY', 'FACTS', 'PACKET', 'MESSAGE', 'JUDGEMENT'], optional: [...TURN_DATA, 'EXPERT_RESULT', 'SKIP_NOTE'],
    data: [...TURN_DATA, 'PACKET', 'MESSAGE', 'EXPERT_RESULT', 'SKIP_NOTE'],
  },
  'companion.greet': {
    role: 'user', required: ['BOUNDARY', 'FACTS', 'PACKET'], optional: ['TASK_INDEX', 'TASK_SECTION', 'WORK'],
    data: ['TASK_INDEX', 'TASK_SECTION', 'WORK', 'PACKET'],
  },
  'companion.next-task': {
    role: 'user', required: ['BOUNDARY', 'FACTS', 'PACKET'], optional: ['TASK_INDEX', 'TASK_SECTION', 'DIGEST', 'LAST_EXCHANGE', 'SKIP_NOTE'],
    data: ['TASK_INDEX', 'TASK_SECTION', 'DIGEST', 'LAST_EXCHANGE', 'PACKET', 'SKIP_NOTE'],
  },
  'roadmap.system': { role: 'system', required: ['LANGUAGE'], optional: ['POLICY', 'CHAPTER_CONTEXT'], data: [] },
  'roadmap.plan': {
    role: 'user', required: ['BOUNDARY', 'FACTS', 'PACKET', 'MESSAGE', 'JUDGEMENT', 'SHAPE', 'EXAMPLE'], optional: [...TURN_DATA, 'EVIDENCE'],
    data: [...TURN_DATA, 'EVIDENCE', 'PACKET', 'MESSAGE'],
  },
  'roadmap.integrate': {
    role: 'user', required: ['BOUNDARY', 'FACTS', 'PACKET', 'QUESTION', 'EXPERT_RESULT', 'MESSAGE', 'SHAPE', 'EXAMPLE'],
    optional: ['TASK_INDEX', 'EVIDENCE'], data: ['TASK_INDEX', 'EVIDENCE', 'PACKET', 'QUESTION', 'EXPERT_RESULT', 'MESSAGE'],
  },
  'memo.system': { role: 'system', required: ['LANGUAGE'], optional: ['POLICY'], data: [] },
  'memo.patch': {
    role: 'user', required: ['BOUNDARY', 'FACTS', 'PACKET', 'MESSAGE', 'LAST_EXCHANGE', 'JUDGEMENT', 'SHAPE', 'EXAMPLE'],
    optional: NOTED, data: [...NOTED, 'PACKET', 'MESSAGE', 'LAST_EXCHANGE'],
  },
  'memo.final': {
    role: 'user', required: ['BOUNDARY', 'FINAL_FACTS'], optional: ['DIGEST', 'SUMMARIES', 'REPORT_GUIDANCE'],
    data: ['FINAL_FACTS', 'DIGEST', 'SUMMARIES', 'REPORT_GUIDANCE'],
  },
  'expert.system': { role: 'system', required: ['EXPERT_ID', 'LANGUAGE', 'PRINCIPLES'], optional: ['WAYS_OF_ANSWERING', 'TEXT_TOOLS'], data: [] },
  'expert.consult': {
    role: 'user', required: ['BOUNDARY', 'ENVELOPE', 'OUTPUT_TYPE', 'OUTPUT_SHAPE'], optional: ['FILES'], data: ['ENVELOPE', 'FILES'],
  },
  'repair.record': {
    role: 'user', required: ['LANGUAGE', 'BOUNDARY', 'MESSAGE', 'PROSE', 'JUDGEMENT', 'SHAPE', 'EXAMPLE'], optional: ['TASK_INDEX'],
    data: ['TASK_INDEX', 'MESSAGE', 'PROSE'],
  },
  'repair.json': { role: 'user', required: ['BOUNDARY', 'BAD_TEXT', 'ERRORS', 'SHAPE'], optional: [], data: ['BAD_TEXT', 'ERRORS'] },
} as const satisfies Record<string, PromptContract>;

export type PromptId = keyof typeof PROMPT_CATALOGUE;

/** All ids, in the order of the catalogue. */
export const PROMPT_IDS = Object.keys(PROMPT_CATALOGUE) as readonly PromptId[];
