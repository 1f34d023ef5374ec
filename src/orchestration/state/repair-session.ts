import type { InstructionPacket, MemoDigest, SessionState, TurnOutcome } from '../../contracts/index.ts';
import { acceptEvidence } from './evidence.ts';
import { issuePacket } from './packet-version.ts';
import { repairPacket } from './repair-packet.ts';
import { repairDigest } from './repair-records.ts';
import { type RepairFacts, repairState } from './repair-state.ts';
import { isOpenTask, settleTasks, withStatus } from './task-states.ts';

/** The JSON files of a restored folder, parsed or undefined, and what its turns say. */
export interface RestoredFiles {
  state?: unknown;
  packet?: unknown;
  digest?: unknown;
  memory?: unknown;
  outcomes: readonly { turn_index: number; outcome: TurnOutcome }[];
}

/** Makes legal records of a restored folder; `problems` names every value that was not taken as it stood. */
export function repairSession(
  files: RestoredFiles, facts: RepairFacts,
): { state: SessionState; packet: InstructionPacket; digest: MemoDigest; problems: string[] } {
  const read = repairState(files.state, facts);
  const { digest, problems: digestProblems } = repairDigest(files.digest, files.memory);
  const state = rebuildStatuses(read.state, files.outcomes, digest);
  const repaired = repairPacket(files.packet, { state, tasks: facts.tasks, language: facts.language });
  const version = Math.max(state.current_instruction_version, repaired.packet.instruction_version);
  const isDerived = repaired.packet.derived === true && !isStored(files.packet);
  const issued = isDerived || version === 0
    ? issuePacket({ ...state, current_instruction_version: version }, repaired.packet)
    : { state: { ...state, current_instruction_version: version }, packet: { ...repaired.packet, instruction_version: version } };
  return { ...issued, digest, problems: [...read.problems, ...repaired.problems, ...digestProblems] };
}

/** True when the packet on disk says itself that code made it. */
function isStored(raw: unknown): boolean {
  return typeof raw === 'object' && raw !== null && 'derived' in raw && raw.derived === true && 'current_focus' in raw;
}

/** A state without any status is told again by its turns, as far as they can: evidence, unverified, and known skips. */
function rebuildStatuses(state: SessionState, outcomes: RestoredFiles['outcomes'], digest: MemoDigest): SessionState {
  const untouched = Object.values(state.subtask_status).every((entry) => entry.status === 'not_started' && entry.evidence.length === 0);
  if (!untouched) return state;
  const told = outcomes.reduce((next, { turn_index, outcome }) => {
    const claims = outcome.evidence_for_subtasks.map((item) => ({ subtask_id: item.subtask_id, text: item.evidence }));
    return acceptEvidence(next, claims, { turnIndex: turn_index, learnerTexts: [], runs: [] }).state;
  }, state);
  const skipped = digest.skipped_tasks.reduce((next, id) => (isOpenTask(next, id) ? withStatus(next, id, 'skipped') : next), told);
  return settleTasks(skipped, null);
}
