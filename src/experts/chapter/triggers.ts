import * as z from 'zod';
import { BlockerTypeSchema, ExpertIdSchema, languageOf } from '../../contracts/index.ts';
import type { Language, SessionState } from '../../contracts/index.ts';

const name = z.string().regex(/^[a-z][a-z0-9_-]{1,63}$/);
const target = {
  expert_id: ExpertIdSchema, scenario_id: name, output_type: name,
  task_requirements: z.union([z.string().max(2000), z.record(z.string(), z.unknown())]).optional(), question: z.string().trim().min(1).max(2000).optional(),
};

/** A cause in code that asks an expert when the planner does not. */
export const TriggerSchema = z.discriminatedUnion('on', [
  z.object({ on: z.literal('new_upload'), extensions: z.array(z.string().min(1).max(16)).max(32).optional(), ...target }),
  z.object({ on: z.literal('attempts'), gte: z.int().min(1).max(100), ...target }),
  z.object({ on: z.literal('blocker'), in: z.array(BlockerTypeSchema).min(1), ...target }),
  z.object({ on: z.literal('checkpoint'), ...target }),
]);
export type Trigger = z.infer<typeof TriggerSchema>;

const MAX_TRIGGERS = 32;

/** Reads triggers one by one; a broken one is left out and named. */
export function readTriggers(value: unknown, problems: string[]): Trigger[] {
  return (Array.isArray(value) ? value : []).slice(0, MAX_TRIGGERS).flatMap((item, index) => {
    const parsed = TriggerSchema.safeParse(item);
    if (parsed.success) return [parsed.data];
    problems.push(`trigger ${index + 1}: ${parsed.error.issues[0]?.path.join('.') ?? ''} ${parsed.error.issues[0]?.message ?? 'is invalid'}`);
    return [];
  });
}

/** What triggers look at. `uploads` are the learner's own files that are new in this turn or wait since an earlier one, oldest first. */
export interface TriggerFacts {
  state: Pick<SessionState, 'attempts_since_last_progress' | 'current_subtask_id'>;
  uploads: readonly { name: string; sha256: string | null }[];
  judgement: { checkpoint: boolean; blocker: string };
}

/** A trigger whose cause is there; `cause` names it for ever. */
export interface FiredTrigger { trigger: Trigger; cause: string; fileName: string | null }

/** A file that a trigger has not asked about yet. */
export interface OpenUpload extends FiredTrigger { fileName: string }

/** The first trigger in file order whose cause holds and has not fired before. */
export function findTrigger(triggers: readonly Trigger[], facts: TriggerFacts, hasFired: (cause: string) => boolean): FiredTrigger | null {
  for (const trigger of triggers) {
    const fired = causesOf(trigger, facts).find(({ cause }) => !hasFired(cause));
    if (fired !== undefined) return { trigger, ...fired };
  }
  return null;
}

/** Uploads that a trigger still asks about: each file whose cause has not fired before. */
export function openUploads(triggers: readonly Trigger[], facts: TriggerFacts, hasFired: (cause: string) => boolean): OpenUpload[] {
  return triggers.filter(({ on }) => on === 'new_upload').flatMap((trigger) => causesOf(trigger, facts).flatMap(({ cause, fileName }) =>
    (fileName === null || hasFired(cause) ? [] : [{ trigger, cause, fileName }])));
}

/** The newest file first. */
function causesOf(trigger: Trigger, { state, uploads, judgement }: TriggerFacts): { cause: string; fileName: string | null }[] {
  const of = (cause: string): string => `${trigger.on}:${trigger.expert_id}:${trigger.scenario_id}:${cause}`;
  const task = state.current_subtask_id ?? '-';
  const once = (holds: boolean, cause: string): { cause: string; fileName: null }[] => (holds ? [{ cause: of(`${task}:${cause}`), fileName: null }] : []);
  switch (trigger.on) {
    case 'new_upload':
      return uploads.filter((file) => hasExtension(file.name, trigger.extensions)).toReversed()
        .map((file) => ({ cause: of(file.sha256 ?? file.name), fileName: file.name }));
    // The running turn counts: it is the one that brings the attempt.
    case 'attempts': return once(state.attempts_since_last_progress + 1 >= trigger.gte, `attempts${trigger.gte}`);
    case 'blocker': return once((trigger.in as readonly string[]).includes(judgement.blocker), judgement.blocker);
    case 'checkpoint': return once(judgement.checkpoint, 'checkpoint');
    default: return trigger satisfies never;
  }
}

/** True for a name with one of the extensions, and for any name when there are none. */
export function hasExtension(fileName: string, extensions: readonly string[] | undefined): boolean {
  if (extensions === undefined) return true;
  const dot = fileName.lastIndexOf('.');
  const own = dot < 0 ? '' : fileName.slice(dot + 1).toLowerCase();
  return extensions.some((extension) => extension.toLowerCase().replace(/^\./, '') === own);
}

const QUESTIONS: Readonly<Record<string, Record<Language, string>>> = {
  dataset_suitability_check: { en: 'Does the uploaded file fit the current task?', zh: '上传的文件是否适合当前任务？' },
  concept_clarification: { en: 'Which concept stops the learner, and how can it be explained?', zh: '学生卡在哪个概念上，应该怎样解释？' },
  error_diagnosis: { en: 'What is the cause of the learner’s error?', zh: '学生遇到的错误原因是什么？' },
  progress_validation: { en: 'Does the learner’s result hold?', zh: '学生的结果是否成立？' },
};
const GENERAL: Record<Language, string> = { en: 'What should the planner know for the next step?', zh: '规划下一步需要知道什么？' };

/** The request of a fired trigger, in the form the planner's own requests have. */
export function requestOf({ trigger, fileName }: FiredTrigger, facts: { taskId: string | null; language: string }): {
  expert_id: string; expected_output_type: string; question: string; scenario_id: string; reasoning: string; context: Record<string, unknown>;
} {
  const language = languageOf(facts.language);
  return {
    expert_id: trigger.expert_id, expected_output_type: trigger.output_type, scenario_id: trigger.scenario_id,
    question: trigger.question ?? (QUESTIONS[trigger.scenario_id] ?? GENERAL)[language],
    reasoning: `trigger ${trigger.on}`,
    context: {
      ...(fileName === null ? {} : { file_name: fileName }), ...(facts.taskId === null ? {} : { task_id: facts.taskId }),
      ...(trigger.task_requirements === undefined ? {} : { task_requirements: trigger.task_requirements }),
    },
  };
}

const SCENARIOS: readonly { scenario_id: string; output_type: string; cause: { on: 'new_upload' } | { on: 'checkpoint' } | { on: 'blocker'; in: ['core_concept'] | ['core_implementation'] } }[] = [
  { scenario_id: 'dataset_suitability_check', output_type: 'suitability_judgment', cause: { on: 'new_upload' } },
  { scenario_id: 'concept_clarification', output_type: 'concept_explanation', cause: { on: 'blocker', in: ['core_concept'] } },
  { scenario_id: 'error_diagnosis', output_type: 'error_diagnosis', cause: { on: 'blocker', in: ['core_implementation'] } },
  { scenario_id: 'progress_validation', output_type: 'validation_report', cause: { on: 'checkpoint' } },
];

/** Triggers that stand for the expert and scenario ids of `must_consult`; one that the chapter declares itself goes before. */
export function impliedTriggers(mustConsult: readonly string[], declared: readonly Trigger[], experts: readonly { id: string; outputModes: readonly string[] }[]): Trigger[] {
  return mustConsult.flatMap((line) => {
    const own = experts.find(({ id }) => id === line);
    const scenario = own === undefined
      ? SCENARIOS.find(({ scenario_id: id }) => id === line)
      : SCENARIOS.find(({ output_type: type }) => own.outputModes.includes(type));
    const expert = own ?? experts.find(({ outputModes }) => scenario !== undefined && outputModes.includes(scenario.output_type));
    if (scenario === undefined || expert === undefined) return [];
    const { cause, ...target } = scenario;
    if (declared.some((trigger) => trigger.on === cause.on && trigger.expert_id === expert.id)) return [];
    return [TriggerSchema.parse({ ...cause, ...target, expert_id: expert.id })];
  });
}
