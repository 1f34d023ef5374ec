import type {
  CancelAnswer, ContentSource, CreateSessionAnswer, CreateSessionRequest, EndAnswer, ExpertReport, FileContent, HistoryTurn, MessageRequest, MoveRequest,
  PutFileRequest, ReattachAnswer, ReattachRequest, SessionListItem, SessionState, SkipAnswer, SkipRequest, UploadedFile, UsageAnswer,
  WorkspaceAnswer, WorkspaceEntry,
} from '../contracts/index.ts';
import type { Subscription } from '../orchestration/index.ts';
import type { Caller } from './create.ts';
import type { FileChange } from './files/write-file.ts';
import type { ContentProblem } from './content-problems.ts';
import type { ImportProblem } from './import-problems.ts';
import type { SessionPaths } from './session-folder.ts';

/** One part of an upload: the client's file name and its bytes, already bounded by the route. */
export interface UploadPart { name: string; bytes: Uint8Array }

/** What the API calls; every method throws SidecarError with a code of the contract. Session ids that break the pattern are unknown. */
export interface Sessions {
  /** Without `caller`: the caller has a token unless the shipped app's mode is on. */
  create(request: CreateSessionRequest, caller?: Caller): Promise<CreateSessionAnswer>;
  reattach(sessionId: string, request: ReattachRequest, caller?: Caller): Promise<ReattachAnswer>;
  list(query: { chapter_id?: string | undefined; limit?: number | undefined }): Promise<SessionListItem[]>;
  /** Imports the folder of a session that the store does not know yet; every route with a session id awaits this first. */
  ensureKnown(sessionId: string): Promise<void>;
  history(sessionId: string): HistoryTurn[];
  dynamicReport(sessionId: string): string;
  state(sessionId: string): SessionState;
  usage(sessionId: string): UsageAnswer;
  skip(sessionId: string, request: SkipRequest): SkipAnswer;
  end(sessionId: string, signal: AbortSignal): Promise<EndAnswer>;
  delete(sessionId: string, options: { force: boolean }): Promise<void>;
  expertReports(sessionId: string): ExpertReport[];
  /** Throws MESSAGE_EMPTY or MESSAGE_TOO_LONG, which come before all other checks of a message request. */
  checkText(message: string): void;
  /** Checks the message (MESSAGE_EMPTY, MESSAGE_TOO_LONG), starts or joins the turn, and follows it. Null = unknown session. */
  send(sessionId: string, request: MessageRequest): Subscription | null;
  cancel(sessionId: string): Promise<CancelAnswer>;
  follow(sessionId: string, lastEventId: string | null): Subscription;
  /** Language in which errors of this session are told; the service's when unknown. */
  languageOf(sessionId: string): 'zh' | 'en';
  files: SessionFiles;
  /** Folders of a session, for the lanes. Throws SESSION_NOT_FOUND. */
  pathsOf(sessionId: string): SessionPaths;
  /** What imports could not take as it stood, for diagnostics. */
  importProblems(): ImportProblem[];
  /** What was worth telling about the content that sessions use, for diagnostics. */
  contentProblems(): ContentProblem[];
  /** Where the texts come from that sessions are pinned to, for diagnostics. */
  contentSources(): ContentSource[];
  /** At start-up: removes what a killed process left unfinished; returns how many entries went. */
  sweep(): Promise<number>;
  /** Ends imports and waits for work in the background. */
  close(): Promise<void>;
}

/** Workspace and uploads of a session. Names are workspace-relative, `/`-separated, decoded once. */
export interface SessionFiles {
  workspace(sessionId: string): Promise<WorkspaceAnswer>;
  list(sessionId: string, prefix: string | undefined): Promise<WorkspaceEntry[]>;
  read(sessionId: string, name: string): Promise<FileContent & { etag: string }>;
  readRaw(sessionId: string, name: string): Promise<{ bytes: Uint8Array; contentType: string; fileName: string; etag: string }>;
  write(sessionId: string, name: string, change: PutFileRequest & { ifMatch: string | null }): Promise<WorkspaceEntry>;
  /** Like `write`, for bytes; `maxBytes` may widen the limit, as notebooks have one of their own. */
  writeBytes(sessionId: string, name: string, change: FileChange): Promise<WorkspaceEntry & { etag: string }>;
  remove(sessionId: string, name: string, options: { recursive: boolean }): Promise<void>;
  move(sessionId: string, request: MoveRequest): Promise<WorkspaceEntry>;
  upload(sessionId: string, parts: readonly UploadPart[]): Promise<{ files: UploadedFile[]; message: string }>;
  uploads(sessionId: string): Promise<UploadedFile[]>;
  removeUpload(sessionId: string, name: string): Promise<{ success: true; message: string }>;
}
