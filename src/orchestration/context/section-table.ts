import type { AgentCode, ModelPurpose } from '../../contracts/index.ts';
import type { PromptId } from '../prompts/index.ts';
import type { StructureName } from '../reading/index.ts';

/** What a call is for; the two repairs share one purpose in the ledger. */
export type CallPurpose =
  | 'reply' | 'speak' | 'greet' | 'next_task' | 'plan' | 'integrate' | 'memo' | 'final_report' | 'repair.record' | 'repair.json';

/** Names of the sections; each is a variable of the prompts. */
export type SectionName =
  | 'POLICY' | 'INTERACTION_PROTOCOL' | 'SOCRATIC_RULES' | 'CHAPTER_CONTEXT' | 'PACKET' | 'MESSAGE' | 'LAST_EXCHANGE' | 'JUDGEMENT'
  | 'EXPERT_RESULT' | 'SKIP_NOTE' | 'TASK_SECTION' | 'COMPLETION' | 'WORK' | 'EVIDENCE' | 'EARLIER_TURNS' | 'DIGEST' | 'TASK_INDEX' | 'EXPERTS'
  | 'SUMMARIES' | 'QUESTION' | 'RECORD' | 'REPORT_GUIDANCE' | 'FOLD' | 'FINAL_FACTS' | 'PROSE' | 'BAD_TEXT' | 'ERRORS';

/** Order of sacrifice (the highest goes first) and the most a section may take, in tokens. */
export const SECTION_LIMITS: Readonly<Record<SectionName, { rank: number | 'never'; cap: number | null }>> = {
  PACKET: { rank: 'never', cap: null },
  MESSAGE: { rank: 'never', cap: null },
  LAST_EXCHANGE: { rank: 'never', cap: 3000 },
  JUDGEMENT: { rank: 'never', cap: 200 },
  QUESTION: { rank: 'never', cap: 900 },
  FINAL_FACTS: { rank: 'never', cap: 3500 },
  PROSE: { rank: 'never', cap: 3000 },
  BAD_TEXT: { rank: 'never', cap: 4000 },
  ERRORS: { rank: 'never', cap: 600 },
  EXPERT_RESULT: { rank: 1, cap: 900 },
  SKIP_NOTE: { rank: 1, cap: 900 },
  RECORD: { rank: 1, cap: 600 },
  POLICY: { rank: 2, cap: 1500 },
  TASK_SECTION: { rank: 3, cap: 1500 },
  COMPLETION: { rank: 4, cap: 900 },
  WORK: { rank: 5, cap: 900 },
  EVIDENCE: { rank: 6, cap: 600 },
  EARLIER_TURNS: { rank: 7, cap: 3000 },
  DIGEST: { rank: 8, cap: 700 },
  TASK_INDEX: { rank: 9, cap: 600 },
  EXPERTS: { rank: 10, cap: 1200 },
  REPORT_GUIDANCE: { rank: 11, cap: 400 },
  INTERACTION_PROTOCOL: { rank: 11, cap: 900 },
  SOCRATIC_RULES: { rank: 11, cap: 900 },
  CHAPTER_CONTEXT: { rank: 12, cap: 1500 },
  SUMMARIES: { rank: 13, cap: 1500 },
  FOLD: { rank: 13, cap: 1500 },
};

/** One kind of call: who, which prompts, how much may come back, what goes in. */
export interface CallPlan {
  agent: AgentCode;
  purpose: ModelPurpose;
  system: PromptId | null;
  user: PromptId;
  maxOutputTokens: number;
  structure: StructureName | null;
  systemSections: readonly SectionName[];
  sections: readonly SectionName[];
}

const COMPANION = {
  agent: 'CA', system: 'companion.system', maxOutputTokens: 3000, structure: null,
  systemSections: ['POLICY', 'INTERACTION_PROTOCOL', 'SOCRATIC_RULES', 'CHAPTER_CONTEXT'],
} as const;
const TURN: readonly SectionName[] = [
  'EXPERTS', 'TASK_INDEX', 'COMPLETION', 'TASK_SECTION', 'SUMMARIES', 'DIGEST', 'EARLIER_TURNS', 'LAST_EXCHANGE', 'WORK', 'PACKET', 'MESSAGE',
];

/** What goes into each call. */
export const CALL_PLANS: Readonly<Record<CallPurpose, CallPlan>> = {
  reply: { ...COMPANION, purpose: 'reply', user: 'companion.reply', sections: TURN },
  speak: { ...COMPANION, purpose: 'speak', user: 'companion.speak', sections: [...TURN, 'JUDGEMENT', 'EXPERT_RESULT', 'SKIP_NOTE'] },
  greet: { ...COMPANION, purpose: 'greet', user: 'companion.greet', sections: ['TASK_INDEX', 'TASK_SECTION', 'WORK', 'PACKET'] },
  next_task: {
    ...COMPANION, purpose: 'next_task', user: 'companion.next-task',
    sections: ['TASK_INDEX', 'TASK_SECTION', 'DIGEST', 'LAST_EXCHANGE', 'PACKET', 'SKIP_NOTE'],
  },
  plan: {
    agent: 'RMA', purpose: 'plan', system: 'roadmap.system', user: 'roadmap.plan', maxOutputTokens: 2000, structure: 'plan',
    systemSections: ['POLICY', 'CHAPTER_CONTEXT'], sections: [...TURN, 'EVIDENCE', 'JUDGEMENT'],
  },
  integrate: {
    agent: 'RMA', purpose: 'integrate', system: 'roadmap.system', user: 'roadmap.integrate', maxOutputTokens: 1200, structure: 'integrate',
    systemSections: [], sections: ['TASK_INDEX', 'EVIDENCE', 'PACKET', 'QUESTION', 'EXPERT_RESULT', 'MESSAGE'],
  },
  memo: {
    agent: 'MA', purpose: 'memo', system: 'memo.system', user: 'memo.patch', maxOutputTokens: 2000, structure: 'memo', systemSections: ['POLICY'],
    sections: ['TASK_INDEX', 'TASK_SECTION', 'EVIDENCE', 'DIGEST', 'WORK', 'EARLIER_TURNS', 'PACKET', 'MESSAGE', 'LAST_EXCHANGE', 'RECORD',
      'JUDGEMENT', 'EXPERT_RESULT', 'SKIP_NOTE', 'REPORT_GUIDANCE', 'FOLD'],
  },
  final_report: {
    agent: 'MA', purpose: 'final_report', system: 'memo.system', user: 'memo.final', maxOutputTokens: 2500, structure: null,
    systemSections: ['POLICY'], sections: ['FINAL_FACTS', 'DIGEST', 'SUMMARIES', 'REPORT_GUIDANCE'],
  },
  'repair.record': {
    agent: 'CA', purpose: 'repair', system: null, user: 'repair.record', maxOutputTokens: 800, structure: 'record', systemSections: [],
    sections: ['TASK_INDEX', 'MESSAGE', 'PROSE', 'JUDGEMENT'],
  },
  'repair.json': {
    agent: 'RMA', purpose: 'repair', system: null, user: 'repair.json', maxOutputTokens: 800, structure: null, systemSections: [],
    sections: ['BAD_TEXT', 'ERRORS'],
  },
};

/** The most that an agent's context may take, in tokens. */
export const AGENT_BUDGETS: Readonly<Record<AgentCode, number>> = { CA: 14_000, RMA: 12_000, MA: 8_000, EXP: 12_000 };
