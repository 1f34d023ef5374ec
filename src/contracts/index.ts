export { DEVICE_NAME, SESSION_ID_PATTERN, TASK_ID_PATTERN, EXPERT_ID_PATTERN, CONSULTATION_ID_PATTERN, REPORT_ID_PATTERN,
  SessionIdSchema, TaskIdSchema, ExpertIdSchema, type IdPrefix } from './ids.ts';
export { CATALOGUE, NOTICES, sentenceFor, noticeFor, languageOf, type ErrorCode, type NoticeCode, type Language } from './error-catalogue.ts';
export { SidecarError, describeError, invariant, type SidecarErrorOptions } from './sidecar-error.ts';
export { lazily } from './lazily.ts';
export { LIMITS, codePointLength, clipCodePoints } from './limits.ts';
export {
  SubtaskStateSchema, BlockerTypeSchema, SentimentSchema, ProgressDeltaSchema, LockUntilSchema, HelperScopeSchema, TaskKindSchema,
  SkipReasonSchema, ConsultReasonSchema, AgentCodeSchema, TurnKindSchema, TurnEndSchema, TeachingModeSchema, ErrorTypeSchema, LaneSchema,
  type SubtaskState, type BlockerType, type Sentiment, type ProgressDelta, type LockUntil, type HelperScope, type TaskKind,
  type SkipReason, type ConsultReason, type AgentCode, type TurnKind, type TurnEnd, type Lane,
} from './vocabulary.ts';
export {
  SkipLogEntrySchema, EvidenceRecordSchema, StudentErrorEntrySchema, SessionExtSchema, SessionStateSchema,
  type SkipLogEntry, type EvidenceRecord, type StudentErrorEntry, type SessionExt, type SessionState,
} from './session-state.ts';
export {
  InstructionPacketSchema, JudgementSchema, CompanionRecordSchema, TurnOutcomeSchema, MemoryStateSchema, MemoDigestSchema, ReportNotesSchema,
  type InstructionPacket, type Judgement, type CompanionRecord, type TurnOutcome, type MemoryState, type MemoDigest, type ReportNotes,
} from './agent-records.ts';
export {
  UsageSchema, TurnUsageSchema, ModelErrorKindSchema, AgentErrorSchema, ModelPurposeSchema, LedgerRowSchema, TurnRecordSchema,
  type Usage, type TurnUsage, type ModelErrorKind, type AgentError, type ModelPurpose, type LedgerRow, type TurnRecord,
} from './ledger.ts';
export {
  TurnPhaseSchema, TurnEventSchema, SessionEventSchema, SkipAnswerSchema, TERMINAL_EVENT_TYPES, SSE_EVENT_TYPES, isTerminalEvent, encodeFrame,
  type TurnPhase, type TurnEvent, type SessionEvent, type StreamEvent, type StreamFrame, type SkipAnswer,
} from './stream-events.ts';
export {
  DesktopContextSchema, CreateSessionRequestSchema, CreateSessionAnswerSchema, ReattachRequestSchema, ReattachAnswerSchema,
  ListSessionsQuerySchema, SessionListItemSchema, SessionListSchema, HistoryTurnSchema, HistorySchema, DynamicReportSchema, StateAnswerSchema,
  DeleteSessionQuerySchema, ResumeQuerySchema, ResumeHeadersSchema, MessageRequestSchema, CancelAnswerSchema, SkipRequestSchema, EndAnswerSchema, UsageAnswerSchema, ExpertReportListSchema, ExpertReportItemSchema, ExpertReportSchema,
  type DesktopContext, type CreateSessionRequest, type CreateSessionAnswer, type ReattachRequest, type ReattachAnswer, type SessionListItem,
  type HistoryTurn, type MessageRequest, type CancelAnswer, type SkipRequest, type EndAnswer, type UsageAnswer, type ExpertReport,
} from './http-session.ts';
export {
  WorkspaceAnswerSchema, WorkspaceEntrySchema, WorkspaceFilesQuerySchema, ReadFileQuerySchema, DeleteFileQuerySchema, IfMatchHeadersSchema, WorkspaceFilesSchema, FileContentSchema, PutFileRequestSchema,
  MoveRequestSchema, UploadedFileSchema, UploadAnswerSchema, UploadListSchema, DeleteUploadAnswerSchema,
  type WorkspaceAnswer, type WorkspaceEntry, type FileContent, type PutFileRequest, type MoveRequest, type UploadedFile,
} from './http-files.ts';
export {
  RunRequestSchema, RunAnswerSchema, RunOutcomeSchema, ArtifactSchema, JobSchema, JobListSchema, JobDetailSchema, JobCancelAnswerSchema,
  JobStatusSchema, RunEventSchema, ExecutionsQuerySchema, ExecutionSchema, ExecutionListSchema, ExecutionDetailSchema, type RunRequest, type RunAnswer,
} from './http-execution.ts';
export {
  CellRequestSchema, CellAnswerSchema, SuccessAnswerSchema, RestartAnswerSchema, NotebookInputRequestSchema, NotebookStatusSchema,
  CursorRequestSchema, CompleteAnswerSchema, InspectAnswerSchema, NotebookFileQuerySchema, NotebookFileSchema, PutNotebookRequestSchema,
  PutNotebookAnswerSchema, type CellRequest, type CellAnswer,
} from './http-notebook.ts';
export {
  ErrorBodySchema, HealthSchema, ContractSchema, CourseListSchema, ChapterItemSchema, ChapterListSchema, CapabilitiesSchema, DiagnosticsSchema,
  LaneReportSchema, GUARD_NAMES, type Capabilities, type Diagnostics, type LaneReport,
  ContentSourceSchema, type ContentSource,
} from './http-service.ts';
export { BindingRuleSchema, firedRules, type BindingRule, type BoundOutput } from './binding-rules.ts';
export { ROUTES, JUPYTER_ROUTES, EVENT_SCHEMAS, type EventSchemaName, CONTRACT_VERSION, API_VERSION, type RouteContract, type RouteAuth, type HttpMethod } from './routes.ts';
