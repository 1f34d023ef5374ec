export { createExpertRunner } from './create-expert-runner.ts';
export type {
  ExpertArtifact, ExpertCall, ExpertCallResult, ExpertInput, ExpertRunner, ExpertRunnerDeps, ExpertWorkspace, ExpertWorkspaceRequest,
} from './expert-runner-contract.ts';
