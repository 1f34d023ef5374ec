export { createSessions } from './create-sessions.ts';
export type { Sessions, SessionFiles, UploadPart } from './sessions-contract.ts';
export type { SessionsDeps, SessionSettings, SessionLanes, SyncTokens } from './sessions-deps.ts';
export type { Caller } from './create.ts';
export type { ImportProblem } from './import-problems.ts';
export { sessionPaths, type SessionPaths } from './session-folder.ts';
export { resolveInWorkspace, openRegular, type Place } from './files/resolve-in-workspace.ts';
export { readWorkspacePath } from './files/workspace-path.ts';
export type { FileChange } from './files/write-file.ts';
