import { type InstructionPacket, type SessionState, HelperScopeSchema, LockUntilSchema } from '../../contracts/index.ts';
import type { Task } from '../../content/index.ts';
import { derivePacket } from './derive-packet.ts';
import { type LenientReader, type RawObject, createLenientReader, isRawObject } from './lenient-reader.ts';
import { PROPOSAL_LIMITS } from './proposals.ts';
import { taskEntry, titleOf } from './task-states.ts';

const MAX_VERSION = 1_000_000;

/** What a packet is repaired against. */
export interface PacketFacts { state: SessionState; tasks: readonly Task[] | null; language: string }

/** Reads a packet that may be missing, old or damaged; without a focus one is derived for the current task. */
export function repairPacket(raw: unknown, facts: PacketFacts): { packet: InstructionPacket; problems: string[] } {
  const reader = createLenientReader('instruction_packet');
  if (raw !== undefined && !isRawObject(raw)) reader.problems.push('instruction_packet: not an object');
  const source: RawObject = isRawObject(raw) ? raw : {};
  const version = reader.integer(source, 'instruction_version', { fallback: 0, min: 0, max: MAX_VERSION });
  const derived = { ...derivePacket(currentTask(facts), 'restore', facts.language), instruction_version: version };
  const focus = reader.text(source, 'current_focus', { fallback: '', limit: PROPOSAL_LIMITS.focus }).trim();
  if (focus === '') return { packet: derived, problems: reader.problems };
  const targets = readTargets(source, reader);
  const checks = reader.texts(source, 'nice_check', { items: PROPOSAL_LIMITS.nice_checks, limit: PROPOSAL_LIMITS.target, keep: 'first' });
  const scope = reader.word(source, 'setup_helper_scope', { legal: HelperScopeSchema.options, fallback: 'none' });
  const helps = reader.flag(source, 'allow_setup_helper_code', false) && scope !== 'none';
  const packet: InstructionPacket = {
    current_focus: focus,
    guidance_for_ca: reader.text(source, 'guidance_for_ca', { fallback: '', limit: PROPOSAL_LIMITS.guidance }).trim() || derived.guidance_for_ca,
    recommended_targets: targets.length > 0 ? targets.slice(0, PROPOSAL_LIMITS.targets) : [focus],
    nice_check: checks.length > 0 ? checks : targets.slice(PROPOSAL_LIMITS.targets, PROPOSAL_LIMITS.targets + PROPOSAL_LIMITS.nice_checks),
    instruction_version: version,
    lock_until: reader.word(source, 'lock_until', { legal: LockUntilSchema.options, fallback: 'checkpoint_reached' }),
    allow_setup_helper_code: helps, setup_helper_scope: helps ? scope : 'none',
    task_type: reader.word(source, 'task_type', { legal: ['core', 'scaffolding'], fallback: 'core' }),
    suggest_checkpoint_confirmation: reader.flag(source, 'suggest_checkpoint_confirmation', false),
    current_task_id: readTaskId(source, facts, reader), hint_level: readHintLevel(source, reader), ...readOrigin(source, reader),
  };
  return { packet, problems: reader.problems };
}

/** Targets under their name of today, else under the two older ones; the oldest was one text with several points. */
function readTargets(source: RawObject, reader: LenientReader): string[] {
  const rule = { items: 8, limit: PROPOSAL_LIMITS.target, keep: 'first' as const };
  for (const key of ['recommended_targets', 'must_check']) {
    const targets = reader.texts(source, key, rule);
    if (targets.length > 0) return targets.slice(0, PROPOSAL_LIMITS.targets);
  }
  const old = Object.hasOwn(source, 'what_to_check') ? source['what_to_check'] : undefined;
  if (typeof old !== 'string') return reader.texts(source, 'what_to_check', rule);
  const points = old.split(/[\n;；]+/).map((point) => point.replace(/^\s*(?:[-*+]|\d{1,3}[.)、])\s*/, '').trim()).filter((point) => point !== '');
  return createLenientReader('instruction_packet', reader.problems).texts({ what_to_check: points }, 'what_to_check', rule);
}

function readTaskId(source: RawObject, facts: PacketFacts, reader: LenientReader): string | null {
  const id = reader.text(source, 'current_task_id', { fallback: '', limit: 64 });
  return id !== '' && taskEntry(facts.state, id) !== null ? id : facts.state.current_subtask_id;
}

function readHintLevel(source: RawObject, reader: LenientReader): NonNullable<InstructionPacket['hint_level']> {
  const level = reader.integer(source, 'hint_level', { fallback: 0, min: 0, max: 4 });
  return ([0, 1, 2, 3, 4] as const)[level] ?? 0;
}

function readOrigin(source: RawObject, reader: LenientReader): Pick<InstructionPacket, 'bound_by' | 'derived'> {
  const boundBy = reader.texts(source, 'bound_by', { items: 20, limit: 120, keep: 'first' });
  return { ...(boundBy.length > 0 ? { bound_by: boundBy } : {}), ...(reader.flag(source, 'derived', false) ? { derived: true } : {}) };
}

function currentTask(facts: PacketFacts): Pick<Task, 'id' | 'title' | 'body'> | null {
  const id = facts.state.current_subtask_id;
  if (id === null) return null;
  return facts.tasks?.find((task) => task.id === id) ?? { id, title: titleOf(facts.state, id), body: '' };
}
