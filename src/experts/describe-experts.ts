import type { ExpertRegistry } from './registry/load-registry.ts';
import { effectiveTools, possibleOutputs } from './session-experts.ts';

/** Experts and problems of their packages, as capabilities and diagnostics show them. */
export function describeExperts({ experts, diagnostics }: ExpertRegistry, isLaneAvailable: boolean): (Record<string, unknown> & { expert_id: string })[] {
  const usable = [...experts.values()].map((expert) => ({
    expert_id: expert.expertId, description: expert.description, output_modes: possibleOutputs(expert, isLaneAvailable),
    tools: effectiveTools(expert, isLaneAvailable), source: expert.provenance, hash: expert.hash,
  }));
  const problems = diagnostics.map(({ expert_id, code, severity, path, message }) => ({ expert_id, code, severity, path, message }));
  return [...usable, ...problems];
}
