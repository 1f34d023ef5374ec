export { createUserRunner } from './create-user-runner.ts';
export type {
  Execution, ExecutionDetail, ExecutionsQuery, Job, JobDetail, JobFrames, JobStatus, LaneFolders, UserRunner, UserRunnerDeps,
} from './user-runner-contract.ts';
