import type { Lane } from '../../contracts/index.ts';
import { GUARD_IDS, type Backend, type Guard, type GuardId, type LaneCapability } from './guard-contract.ts';

const EXPERT_ENFORCED: GuardId[] = ['files_write', 'files_read', 'network', 'environment', 'signals', 'kill_tree', 'wall_time', 'output'];
const EXPERT_DEGRADED: GuardId[] = ['memory', 'processes', 'parent_death'];
const LEARNER_ENFORCED: GuardId[] = ['environment', 'wall_time', 'output'];
const LEARNER_DEGRADED: GuardId[] = ['kill_tree', 'parent_death'];

const GAPS: Record<GuardId, string> = {
  files_write: 'code can write to other files of this user', files_read: 'code can read other files of this user',
  network: 'code can use the network', environment: 'code can see settings of this program', memory: 'memory is watched, not limited',
  cpu: 'processor time is limited per process only', processes: 'the number of processes is watched, not limited',
  open_files: 'the number of open files is not limited', disk: 'disk use is watched, not limited', output: 'output is not limited',
  wall_time: 'running time is not limited', signals: 'code can signal other programs of this user',
  kill_tree: 'a background process may outlive its run', parent_death: 'code may outlive this program', interrupt: 'code cannot be interrupted gently',
};

/** What a lane needs, and which of it is missing. No setting loosens this. */
export function missingMinimum(lane: Lane, guards: Record<GuardId, Guard>): GuardId[] {
  const [enforced, degraded] = lane === 'expert' ? [EXPERT_ENFORCED, EXPERT_DEGRADED] : [LEARNER_ENFORCED, LEARNER_DEGRADED];
  return [
    ...enforced.filter((id) => guards[id].state !== 'enforced'), ...degraded.filter((id) => guards[id].state === 'absent'),
  ];
}

/** The lane's part of the report. */
export function describeLane(lane: Lane, backend: Backend, guards: Record<GuardId, Guard>): LaneCapability {
  const missing = missingMinimum(lane, guards);
  const gaps = GUARD_IDS.filter((id) => guards[id].state !== 'enforced' && id !== 'disk');
  return {
    available: missing.length === 0, reason: missing.length === 0 ? null : `missing guards: ${missing.join(', ')}`, backend, network: backend === 'srt' ? 'hosts' : 'off', guards,
    minimum: lane === 'expert' ? [...EXPERT_ENFORCED, ...EXPERT_DEGRADED] : [...LEARNER_ENFORCED, ...LEARNER_DEGRADED],
    warnings: gaps.map((id) => `${gapOf(id, guards[id])}${guards[id].fix === null ? '' : `; to close: ${guards[id].fix}`}`),
  };
}

/** Where a guard of files or the network holds but for a part, the part is the gap. */
function gapOf(id: GuardId, { state, reason }: Guard): string {
  return state === 'degraded' && reason !== null && (id === 'files_write' || id === 'network') ? reason : GAPS[id];
}

/** A lane that cannot run at all. */
export function unavailableLane(lane: Lane, reason: string): LaneCapability {
  const guard: Guard = { state: 'absent', by: 'nobody', reason, fix: null, overshoot: null, tested: 'failed' };
  // Every id gets its own copy.
  const guards = Object.fromEntries(GUARD_IDS.map((id) => [id, { ...guard }])) as Record<GuardId, Guard>;
  return { ...describeLane(lane, 'none', guards), available: false, reason, warnings: [] };
}
