export { openStore, STORE_FILE, type OpenStoreOptions } from './open-store.ts';
export { StoreLockedError, StoreTooNewError } from './storage-error.ts';
export { STORE_SCHEMA, STORE_SCHEMA_COMPATIBLE } from './migrations.ts';
export { blankDigest, blankNotes, blankOutcome, blankPacket, blankState } from './blank-values.ts';
export { backendChapterId, turnItem, memoryItem, reportItem, type OutboxItem } from './outbox-items.ts';
export type { Store } from './store-contract.ts';
export type {
  SessionRow, SessionListRow, SessionChange, DamagedColumn, TurnRow, HistoryRow, FrameRow, MemoJobRow, OutboxRow, OutboxKind, BackendRow,
  FileOriginRow, SystemEventRow, RevisionRow, RunNote, ExecutionRow, ExecutionTexts, JobRow, ConsultationRow, ExpertReportRow,
  QuarantineRow,
} from './store-rows.ts';
