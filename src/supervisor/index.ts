export { createSupervisor } from './supervisor.ts';
export {
  SupervisorError, DEFAULT_LIMITS, type Supervisor, type SupervisorLimits, type SupervisorOptions, type SupervisorProblem, type SupervisorState,
  type SupervisorStatus,
} from './supervisor-contract.ts';
export { minimalEnvironment } from './minimal-environment.ts';
