import type { Clock, Log } from '../../../config/index.ts';
import type { KernelConnection, KernelGoneFacts, KernelState } from '../connection/kernel-connection.ts';
import type { MessageMaker } from '../connection/new-message.ts';
import type { TaskTimes } from '../cells/run-task.ts';
import type { MemoryNotice } from './memory-notice.ts';

/** `none` = no process: not started yet, or culled. */
export type LifeState = KernelState | 'none';

/** What watchers of a kernel are told beside its messages. */
export type KernelEvent =
  | { type: 'state'; state: LifeState }
  /** `isAsked`: a client had asked the process to end. */
  | { type: 'lost'; facts: KernelGoneFacts; willRestart: boolean; isAsked: boolean }
  /** Somebody asked for another process. */
  | { type: 'restarting' }
  | { type: 'starting' }
  | { type: 'started' };

export interface KernelOptions {
  id: string;
  sessionId: string | null;
  /** Path that a client named it by. */
  path: string;
  /** A ready process, pre-warmed or new. */
  launch(signal: AbortSignal): Promise<KernelConnection>;
  /** Before a cell runs: brings the workspace up to date. */
  prepare(): Promise<void>;
  makeMessage: MessageMaker;
  memory: MemoryNotice;
  clock: Clock;
  log: Log;
  times: TaskTimes;
  isNetworkOff: boolean;
  /** Cells have run before in this session, in a process that is gone. */
  hasOldState: boolean;
}
