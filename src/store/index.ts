export type {
  Store, SessionRow, SessionListRow, TurnRow, HistoryRow, FrameRow, MemoJobRow, OutboxRow, OutboxKind, BackendRow, FileOriginRow,
  SystemEventRow, RevisionRow, RunNote,
} from './store-contract.ts';
