import { BindingRuleSchema, clipCodePoints, firedRules } from '../../contracts/index.ts';
import type { BindingRule, BoundOutput } from '../../contracts/index.ts';
import type { UnversionedPacket } from './packet-version.ts';
import { PROPOSAL_LIMITS } from './proposals.ts';

/** Applies every rule that fires, the later one winning per field. The last writer of a packet in a turn. */
export function applyBinding<T extends UnversionedPacket>(packet: T, rules: readonly BindingRule[], bound: BoundOutput): T {
  const fired = firedRules(rules, bound);
  if (fired.length === 0) return packet;
  const set = mergeSets(fired);
  const allowed = set.allow_setup_helper_code ?? packet.allow_setup_helper_code;
  return {
    ...packet,
    lock_until: set.lock_until ?? packet.lock_until,
    allow_setup_helper_code: allowed,
    // Without permission a scope left over from the planner means nothing; one that a rule names stays readable.
    setup_helper_scope: set.setup_helper_scope ?? (allowed ? packet.setup_helper_scope : 'none'),
    current_focus: clip(set.current_focus, PROPOSAL_LIMITS.focus) ?? packet.current_focus,
    recommended_targets: set.recommended_targets?.slice(0, PROPOSAL_LIMITS.targets)
      .map((target) => clipCodePoints(target, PROPOSAL_LIMITS.target)) ?? packet.recommended_targets,
    guidance_for_ca: set.guidance_for_ca === undefined ? packet.guidance_for_ca : prepend(set.guidance_for_ca, packet.guidance_for_ca),
    bound_by: [...new Set([...(packet.bound_by ?? []), ...fired.map((rule) => rule.name)])],
  };
}

/** Only what a rule really sets may win; an absent field must not erase an earlier rule's. */
function mergeSets(fired: readonly BindingRule[]): BindingRule['set'] {
  const given = fired.flatMap((rule) => Object.entries(rule.set).filter(([, value]) => value !== undefined));
  return BindingRuleSchema.shape.set.parse(Object.fromEntries(given));
}

function clip(text: string | undefined, limit: number): string | undefined {
  return text === undefined ? undefined : clipCodePoints(text, limit);
}

/** Once only, so that two consultations of a turn do not repeat a rule's words. */
function prepend(first: string, rest: string): string {
  return rest.startsWith(first) ? rest : clipCodePoints(`${first}\n${rest}`, PROPOSAL_LIMITS.guidance);
}
