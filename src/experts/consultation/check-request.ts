import type { ChapterConsultation } from '../chapter/consultation-config.ts';
import { LANE_TYPES } from '../outputs/output-schemas.ts';
import type { ExpertRegistry } from '../registry/load-registry.ts';
import type { ExpertPackage } from '../registry/load-package.ts';
import { findFile } from '../tools/run-tool.ts';
import type { SessionFile } from '../tools/session-files.ts';
import { ExpertRequestSchema, namedFile } from './request.ts';
import type { ExpertRequest } from './request.ts';

/** Why a question is not passed on. */
export const DENIAL_CODES = [
  'schema', 'unknown_expert', 'not_available_in_chapter', 'must_not_consult', 'output_type_not_offered', 'file_not_found', 'turn_limit',
  'lane_unavailable', 'budget',
] as const;
export type DenialCode = (typeof DENIAL_CODES)[number];

/** What a question is held against. */
export interface RequestFacts {
  registry: ExpertRegistry;
  chapter: ChapterConsultation;
  files: readonly SessionFile[];
  /** Consultations that the turn has had. */
  heldInTurn: number;
  isLaneAvailable: boolean;
  hasBudget: boolean;
}

/** A question that may be asked, or the first check that it fails. */
export type RequestCheck = { kind: 'accepted'; request: ExpertRequest; expert: ExpertPackage } | { kind: 'denied'; code: DenialCode };

/** Checks a question in the fixed order; nothing has happened yet when it is denied. */
export function checkRequest(value: unknown, facts: RequestFacts): RequestCheck {
  const parsed = ExpertRequestSchema.safeParse(value);
  if (!parsed.success) return { kind: 'denied', code: 'schema' };
  const request = parsed.data;
  const expert = facts.registry.experts.get(request.expert_id);
  if (expert === undefined) return { kind: 'denied', code: 'unknown_expert' };
  const code = firstDenial(request, expert, facts);
  return code === null ? { kind: 'accepted', request, expert } : { kind: 'denied', code };
}

function firstDenial(request: ExpertRequest, expert: ExpertPackage, facts: RequestFacts): DenialCode | null {
  const { chapter } = facts;
  if (!chapter.experts.includes(request.expert_id)) return 'not_available_in_chapter';
  if (chapter.mustNotConsult.some((line) => line === request.expert_id || line === request.scenario_id)) return 'must_not_consult';
  if (!expert.outputModes.includes(request.expected_output_type)) return 'output_type_not_offered';
  const file = namedFile(request);
  if (file !== null && findFile(facts.files, file) === null) return 'file_not_found';
  if (facts.heldInTurn >= chapter.roundsPerTurn) return 'turn_limit';
  if (!facts.isLaneAvailable && LANE_TYPES.includes(request.expected_output_type)) return 'lane_unavailable';
  return facts.hasBudget ? null : 'budget';
}
