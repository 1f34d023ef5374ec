import { isRecord } from '../../content/index.ts';
import { TaskRequirementsSchema } from '../tools/tool-definitions.ts';
import type { SessionFile } from '../tools/session-files.ts';
import { chooseInputs } from '../tools/choose-inputs.ts';
import { hasExtension } from './triggers.ts';
import type { FiredTrigger, Trigger } from './triggers.ts';

/** What a question of the planner is completed from. */
export interface CompletionFacts {
  /** All triggers of the chapter. */
  triggers: readonly Trigger[];
  /** The one that fires in the running turn. */
  fired: FiredTrigger | null;
  files: readonly SessionFile[];
}

/**
 * The planner's own question about the cause of a trigger keeps what the chapter requires there: forgetting the requirements must not
 * make an unsuitable file suitable. For a file that did not come with the chapter this holds whenever it is asked about, also after its
 * trigger has fired. A question about anything else stays as it is.
 */
export function completeRequest(request: unknown, facts: CompletionFacts): unknown {
  if (!isRecord(request)) return request;
  const context = isRecord(request['context']) ? request['context'] : {};
  const { fired } = facts;
  if (fired !== null && isAimedAlike(fired.trigger, request) && (context['file_name'] ?? fired.fileName) === fired.fileName) {
    return withContext(request, { ...(fired.fileName === null ? {} : { file_name: fired.fileName }), ...context }, fired.trigger);
  }
  const trigger = triggerOfInputs(request, context, facts);
  return trigger === undefined ? request : withContext(request, context, trigger);
}

function isAimedAlike(trigger: Trigger, request: Record<string, unknown>): boolean {
  return request['expert_id'] === trigger.expert_id && request['expected_output_type'] === trigger.output_type;
}

/** Names of other files may stand in the words of a question; all that its expert would get count. */
function triggerOfInputs(request: Record<string, unknown>, context: Record<string, unknown>, { triggers, files }: CompletionFacts): Trigger | undefined {
  const own = chooseInputs(files, { fileName: textOf(context['file_name']).trim(), text: textOf(request['question']) })
    .filter(({ origin }) => origin !== 'bundle');
  return triggers.find((trigger) => trigger.on === 'new_upload' && trigger.task_requirements !== undefined && isAimedAlike(trigger, request)
    && own.some(({ name }) => hasExtension(name, trigger.extensions)));
}

function withContext(request: Record<string, unknown>, context: Record<string, unknown>, { task_requirements: requirements }: Trigger): unknown {
  if (requirements === undefined || namesRequirements(context['task_requirements'])) return request;
  return { ...request, context: { ...context, task_requirements: requirements } };
}

/** Requirements that name nothing that can be measured are as good as forgotten. */
function namesRequirements(value: unknown): boolean {
  const parsed = TaskRequirementsSchema.safeParse(value);
  return parsed.success && Object.keys(parsed.data).length > 0;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
