import type { BindingRule } from '../../contracts/index.ts';
import { requiredFields } from '../outputs/output-schemas.ts';
import type { ExpertPackage } from '../registry/load-package.ts';
import type { ToolName } from '../tools/tool-names.ts';
import { titleOf } from './request.ts';
import type { ExpertRequest } from './request.ts';

/** The letter that an expert gets. */
export interface ConsultingEnvelope {
  consulting_letter_title: string;
  consultation_id: string;
  user_turn_index: number;
  round_index: number;
  rounds_remaining_after_this: number;
  parallel_group_id: string;
  scenario_id: string;
  expert_id: string;
  question: string;
  session_scope: { allowed_root: string };
  expected_output_template: { output_type: string; required_fields: string[]; binding: boolean };
  context: Record<string, unknown>;
  constraints: { tools: readonly ToolName[]; limits: ExpertPackage['limits'] };
}

/** The workspace's name in everything that leaves it. */
export const VIRTUAL_ROOT = '/workspace';

/** Writes the letter; everything in it is made by code or was checked. */
export function createEnvelope(facts: {
  request: ExpertRequest; expert: ExpertPackage; consultationId: string; turnIndex: number; round: number; roundsPerTurn: number;
  tools: readonly ToolName[]; rules: readonly BindingRule[]; language: string;
}): ConsultingEnvelope {
  const { request, expert, consultationId, round } = facts;
  return {
    consulting_letter_title: titleOf(request, facts.language), consultation_id: consultationId, user_turn_index: facts.turnIndex,
    round_index: round, rounds_remaining_after_this: Math.max(0, facts.roundsPerTurn - round),
    parallel_group_id: `pg_${consultationId}_r${round}`, scenario_id: request.scenario_id, expert_id: request.expert_id,
    question: request.question, session_scope: { allowed_root: VIRTUAL_ROOT },
    expected_output_template: {
      output_type: request.expected_output_type, required_fields: requiredFields(request.expected_output_type), binding: isBinding(facts.rules, request),
    },
    context: request.context, constraints: { tools: facts.tools, limits: expert.limits },
  };
}

/** True when some rule of the chapter can fire on the answer. */
export function isBinding(rules: readonly BindingRule[], request: Pick<ExpertRequest, 'expert_id' | 'expected_output_type'>): boolean {
  return rules.some(({ when }) => (when.output_type === undefined || when.output_type === request.expected_output_type)
    && (when.expert_id === undefined || when.expert_id === request.expert_id));
}
