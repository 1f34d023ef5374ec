/** Whose words a data block holds, as the prompts name it. */
export const ORIGINS: Readonly<Record<string, string>> = {
  EXPERTS: 'course: experts', TASK_INDEX: 'course: task list, states by this system', COMPLETION: 'course: completion principles',
  TASK_SECTION: 'course: task', SUMMARIES: 'memo agent: summaries', DIGEST: 'memo agent: notes', EARLIER_TURNS: 'conversation',
  LAST_EXCHANGE: 'conversation', WORK: "learner's files and runs", PACKET: 'planner', MESSAGE: 'learner', EXPERT_RESULT: 'expert',
  SKIP_NOTE: 'this system, titles from the course', EVIDENCE: 'evidence log', QUESTION: 'planner', RECORD: 'tutor', REPORT_GUIDANCE: 'course: report template',
  FOLD: 'memo agent: summaries', FINAL_FACTS: 'session facts', PROSE: 'tutor', BAD_TEXT: 'model reply', ERRORS: 'validation',
};
