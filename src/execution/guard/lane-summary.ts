import type { LaneReport } from '../../contracts/index.ts';
import type { Guard, GuardId, GuardState, LaneCapability } from './guard-contract.ts';

const STRENGTH: GuardState[] = ['absent', 'degraded', 'enforced'];

/** The lane as `GET /api/capabilities` shows it: the weakest of the guards that one name stands for. */
export function summarizeLane(lane: LaneCapability): LaneReport {
  const weakest = (...ids: GuardId[]) => summarize(ids.map((id) => lane.guards[id]).sort(byStrength)[0] ?? lane.guards.files_read);
  return {
    available: lane.available, reason: lane.reason,
    guards: {
      filesystem: weakest('files_write', 'files_read'), network: weakest('network'), environment: weakest('environment'),
      memory: weakest('memory'), cpu: weakest('cpu'), processes: weakest('processes', 'signals', 'kill_tree'), output: weakest('output'),
      disk: weakest('disk'), wall_time: weakest('wall_time'),
    },
    backend: lane.backend, warnings: lane.warnings,
  };
}

function summarize(guard: Guard): { state: 'enforced' | 'partial' | 'absent'; reason: string | null } {
  return { state: guard.state === 'degraded' ? 'partial' : guard.state, reason: guard.reason };
}

function byStrength(a: Guard, b: Guard): number {
  return STRENGTH.indexOf(a.state) - STRENGTH.indexOf(b.state);
}
