export {
  GUARD_IDS, GuardUnavailable, type GuardId, type GuardState, type Guard, type Backend, type LaneCapability, type CapabilityReport,
  type LaneLimits, type DiskLimits, type WorkspaceSpec, type ProgramSpec, type SpawnOptions, type SpawnRequest, type LimitKind, type LimitHit,
  type ExitFacts, type KillFacts, type ChildPaths, type GuardedChild, type PythonSearch, type PythonRuntime, type GuardDependencies,
  type ExecutionGuard,
} from './guard-contract.ts';
export { createGuard } from './create-guard.ts';
export { laneLimits, laneCaps, type Machine } from './lane-limits.ts';
export { explainStartFailure, signalOf, wasBrokerLost, type StartFailure } from './start-failure.ts';
export { summarizeLane } from './lane-summary.ts';
export { createDeadline, type Deadline } from './deadline.ts';
export { removeTree } from './remove-tree.ts';
