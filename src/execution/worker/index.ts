export {
  REASONS, HINTS, type Reason, type Outcome, type Hint, type StreamName, type OutputLimits, type WorkerJob, type ProgramError, type StepName,
  type RunReport,
} from './worker-contract.ts';
export { HeadTail, clipMiddle, type KeptText } from './head-tail.ts';
export { messageFor, hintFor, warningFor, type MessageFacts } from './run-messages.ts';
export { outcomeOf, settleReason, type Settled } from './settle-reason.ts';
export { startWorker, WorkerStartFailure, type ReadyWorker, type WorkerSpec } from './start-worker.ts';
export { WorkerPool, type Claimed, type WorkerPoolDeps } from './worker-pool.ts';
export { createWorkerPool } from './create-worker-pool.ts';
export { importedModules, choosePreload, hidesPreload } from './preload.ts';
export { needOf, type WorkerNeed } from './program-needs.ts';
export { runProgram, type RunTools } from './run-program.ts';
export type { RunHooks } from './run-hooks.ts';
export { describeNoStart } from './describe-end.ts';
export { runOnWorker, type WorkerRun } from './run-on-worker.ts';
export { takeSnapshot, collectArtifacts, pruneFigures, mimeOf, type Artifact, type Snapshot } from './artifacts.ts';
export { walkFolder, type SeenFile, type WalkOptions } from './walk-folder.ts';
export { copyDatasets, type DatasetFolders } from './copy-datasets.ts';
export { createExecutionLog, toRunNote, stripTerminal, type ExecutionLog, type ExecutionStart, type ExecutionEnd, type Step } from './execution-log.ts';
