import {
  type InstructionPacket, type Judgement, type SessionState, clipCodePoints, languageOf,
} from '../../contracts/index.ts';
import type { UnversionedPacket } from './packet-version.ts';
import { type IntegrateProposal, type PacketPatchProposal, type PlanPacketProposal, PROPOSAL_LIMITS } from './proposals.ts';
import { chooseTask } from './task-states.ts';
import type { UnlockReason } from './unlock.ts';

/** What the next packet depends on besides the planner's proposal. */
export interface PlanContext {
  /** The packet that was in force. */
  current: Pick<InstructionPacket, 'hint_level'>;
  /** The state with the planner's `state_update` applied. */
  state: SessionState;
  judgement: Judgement;
  reasons: readonly UnlockReason[];
}

type HintLevel = NonNullable<InstructionPacket['hint_level']>;
const HINT_LEVELS: readonly HintLevel[] = [0, 1, 2, 3, 4];

/** The planner's packet as the rules allow it; the commit assigns its version. */
export function applyPlan(proposal: PlanPacketProposal, context: PlanContext): UnversionedPacket {
  const helps = proposal.allow_setup_helper_code && proposal.setup_helper_scope !== 'none';
  return {
    current_focus: proposal.current_focus, guidance_for_ca: proposal.guidance_for_ca,
    recommended_targets: proposal.recommended_targets.slice(0, PROPOSAL_LIMITS.targets),
    nice_check: proposal.nice_check.slice(0, PROPOSAL_LIMITS.nice_checks),
    lock_until: proposal.lock_until,
    allow_setup_helper_code: helps, setup_helper_scope: helps ? proposal.setup_helper_scope : 'none',
    task_type: proposal.task_type, suggest_checkpoint_confirmation: proposal.suggest_checkpoint_confirmation,
    current_task_id: chooseTask(context.state, proposal.current_task_id), hint_level: nextHintLevel(proposal, context),
  };
}

/** A checkpoint starts over; a learner who ran out of attempts gets a stronger hint, whatever the planner says. */
function nextHintLevel(proposal: PlanPacketProposal, context: PlanContext): HintLevel {
  if (context.judgement.checkpoint) return 0;
  const current = context.current.hint_level ?? 0;
  const wished = proposal.hint_level ?? current;
  const level = context.reasons.includes('attempts') ? Math.max(current + 1, wished) : wished;
  return HINT_LEVELS[Math.min(level, 4)] ?? 4;
}

/** The packet once more with the next stronger hint: for a plan that was asked for after many attempts and brought no packet. */
export function strengthenHint({ instruction_version: _old, ...packet }: InstructionPacket): UnversionedPacket {
  return { ...packet, hint_level: HINT_LEVELS[Math.min((packet.hint_level ?? 0) + 1, 4)] ?? 4 };
}

/** Applies what `integrate` may change: the packet's texts. */
export function applyPacketPatch<T extends UnversionedPacket>(packet: T, patch: PacketPatchProposal | null): T {
  if (patch === null) return packet;
  return {
    ...packet,
    ...(patch.current_focus === undefined ? {} : { current_focus: patch.current_focus }),
    ...(patch.guidance_for_ca === undefined ? {} : { guidance_for_ca: patch.guidance_for_ca }),
    ...(patch.recommended_targets === undefined ? {} : { recommended_targets: patch.recommended_targets }),
    ...(patch.nice_check === undefined ? {} : { nice_check: patch.nice_check }),
  };
}

const FALLBACK_TEXTS = {
  zh: { none: '专家没有给出摘要。', issues: '问题：', guide: '把专家的结论用自己的话告诉学习者，然后请学习者做下一步。' },
  en: { none: 'The expert gave no summary.', issues: 'Issues: ', guide: 'Tell the learner the result in your own words, then ask for the next step.' },
} as const;

/** Builds both texts of `integrate` from a validated expert output when the planner failed. */
export function fallbackIntegration(output: Readonly<Record<string, unknown>>, language: string): IntegrateProposal {
  const texts = FALLBACK_TEXTS[languageOf(language)];
  const issues = ['blocking_issues', 'warning_issues', 'missing_elements'].flatMap((field) => readTexts(output[field]));
  const summary = [readText(output['answer_summary']) ?? readText(output['summary']), issues.length === 0 ? null : texts.issues + issues.join('; ')]
    .filter((part) => part !== null).join('\n');
  const guidance = [readText(output['recommended_next_step']), texts.guide].filter((part) => part !== null).join('\n');
  return {
    expert_consultation_summary: clipCodePoints(summary === '' ? texts.none : summary, PROPOSAL_LIMITS.summary),
    guidance_for_ca: clipCodePoints(guidance, PROPOSAL_LIMITS.integrate_guidance),
    packet_patch: null, state_update: null, consultation_request: null,
  };
}

function readText(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
}

function readTexts(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown) => {
    const text = readText(item) ?? (isRecord(item) ? (readText(item['message']) ?? readText(item['description'])) : null);
    return text === null ? [] : [text];
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
