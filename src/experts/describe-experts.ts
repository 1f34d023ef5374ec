import type { ExpertRegistry } from './registry/load-registry.ts';
import { effectiveTools, possibleOutputs } from './session-experts.ts';

/** A usable expert, or a problem of a package. */
export interface DescribedExpert extends Record<string, unknown> { expert_id: string }

/** Experts and problems of their packages, as capabilities and diagnostics show them. */
export function describeExperts({ experts, diagnostics }: ExpertRegistry, isLaneAvailable: boolean): DescribedExpert[] {
  const usable = [...experts.values()].map((expert) => ({
    expert_id: expert.expertId, description: expert.description, output_modes: possibleOutputs(expert, isLaneAvailable),
    tools: effectiveTools(expert, isLaneAvailable), source: expert.provenance, hash: expert.hash,
  }));
  const problems = diagnostics.map(({ expert_id, code, severity, path, message }) => ({ expert_id, code, severity, path, message }));
  return [...usable, ...problems];
}
