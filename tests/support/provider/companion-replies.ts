import { text, toolCall } from './script.ts';
import type { Part } from './script.ts';
import type { ReceivedRequest } from './received-request.ts';

/** The five routing fields; what is not given takes a value that keeps the turn locked. */
export interface JudgementFields {
  readonly checkpoint?: boolean;
  readonly blocker?: string;
  readonly sentiment?: string;
  readonly consult?: string;
  readonly skip?: string;
}

/** A companion reply; null leaves a part out, a string stands for a broken object. */
export interface CompanionReplyFields {
  readonly judgement?: JudgementFields | string | null;
  readonly prose?: string;
  readonly record?: Readonly<Record<string, unknown>> | string | null;
  /** False leaves out the closing marker. */
  readonly end?: boolean;
}

const QUIET_JUDGEMENT = { checkpoint: false, blocker: 'none', sentiment: 'engaged', consult: '', skip: '' };
const PLAIN_RECORD = {
  progress_record: '',
  what_user_attempted: 'asked a question',
  what_user_observed: '',
  ca_teaching_mode: 'socratic',
  ca_next_suggestion: 'try the next step',
  evidence_for_subtasks: [],
};

/** A reply in the companion's protocol: judgement line, prose, record, end. */
export function companionReply({ judgement = {}, prose = 'What do you see?', record = {}, end = true }: CompanionReplyFields = {}): string {
  const head = judgement === null ? '' : `@@judgement ${asObject(judgement, QUIET_JUDGEMENT)}\n`;
  const tail = record === null ? '' : `\n@@record\n${asObject(record, PLAIN_RECORD)}\n${end ? '@@end\n' : ''}`;
  return head + prose + tail;
}

/** The second companion call after an unlock: prose and record, no judgement. */
export function speakReply(fields: Omit<CompanionReplyFields, 'judgement'> = {}): string {
  return companionReply({ ...fields, judgement: null });
}

/** The object a record repair answers with. */
export function recordReply(record: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ ...PLAIN_RECORD, ...record });
}

/** The planner's three parts. */
export interface PlanReplyFields {
  readonly packet?: Readonly<Record<string, unknown>>;
  readonly state_update?: unknown;
  readonly consultation_request?: unknown;
}

/** The object the roadmap manager answers `plan` with; packet fields not given are valid defaults. */
export function planReply({ packet = {}, state_update = {}, consultation_request = null }: PlanReplyFields = {}): string {
  const complete = {
    current_focus: 'the next step',
    guidance_for_ca: 'Ask for a first attempt and wait for it.',
    recommended_targets: ['the learner shows an attempt'],
    nice_check: [],
    lock_until: 'checkpoint_reached',
    allow_setup_helper_code: false,
    setup_helper_scope: 'none',
    task_type: 'core',
    suggest_checkpoint_confirmation: false,
    current_task_id: null,
    ...packet,
  };
  return JSON.stringify({ packet: complete, state_update, consultation_request });
}

/** The object the roadmap manager answers `integrate` with. */
export function integrateReply(fields: Readonly<Record<string, unknown>> = {}): string {
  const complete = {
    expert_consultation_summary: 'The expert answered the question.',
    guidance_for_ca: 'Use the answer of the expert in one sentence.',
    state_update: {},
    consultation_request: null,
  };
  return JSON.stringify({ ...complete, ...fields });
}

/** The patch the memo agent answers with. */
export function memoReply(fields: Readonly<Record<string, unknown>> = {}): string {
  const complete = {
    observations: { add: ['works step by step'], drop: [] },
    struggles: { add: [], drop: [] },
    strengths: { add: [], drop: [] },
    progress_delta: 'none',
    achievements: [],
    report: { activity: 'asked a question', points: [], solid: [], needs_support: [], next_step: 'try the next step' },
    error_entries: [],
    memory_delta: 'The learner asked a question.',
    diagnostic_log: [],
  };
  return JSON.stringify({ ...complete, ...fields });
}

/** Answers on the rung the request asked for: a call of the forced tool, else text. */
export function structured(json: string): (request: ReceivedRequest) => Part {
  return (request) => (request.plain.forcedTool === null ? text(json) : toolCall(request.plain.forcedTool, json));
}

function asObject(value: object | string, defaults: object): string {
  return typeof value === 'string' ? value : JSON.stringify({ ...defaults, ...value });
}
