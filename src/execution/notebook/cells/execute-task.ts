import type { JsonObject, JupyterMessage } from '../connection/jupyter-message.ts';
import type { DroppedOutput } from '../connection/kernel-connection.ts';
import type { Reason } from '../../worker/index.ts';
import { isNetworkError } from './cell-hints.ts';

/** How one execute request ended. `done` = the kernel answered it. */
export interface TaskEnd {
  how: 'done' | 'skipped' | 'cancelled' | 'gone';
  reason: Reason;
  detail: string;
  /** Content of the reply, if one came. */
  reply: JsonObject | null;
  /** The kernel never said that it is idle again. */
  isLate: boolean;
  stderrTail: string;
}

/** One execute request on its way through a kernel's queue, from our routes or from a client of `/jupyter`. */
export interface ExecuteTask {
  readonly message: JupyterMessage;
  readonly stopOnError: boolean;
  /** Null = no limit. */
  readonly timeoutMs: number | null;
  onStart(): void;
  onMessage(message: JupyterMessage): void;
  onNativeText(text: string): void;
  onDropped(dropped: DroppedOutput): void;
  /** Called exactly once, also for a task that never started. */
  onEnd(end: TaskEnd): void;
}

const ERRNO = /\[Errno (\d+)\]/;
const DENIED = new Set(['1', '13', '30', '101']);
const DISK = new Set(['27', '28', '122']);

/** The reason of a cell that ended with an error of its own. */
export function reasonOfError(ename: string, evalue: string, isNetworkOff: boolean): Reason {
  if (ename === 'MemoryError' || ename.endsWith('ArrayMemoryError')) return 'memory_limit';
  if (ename === 'SyntaxError' || ename === 'IndentationError' || ename === 'TabError') return 'syntax_error';
  if (ename === 'SystemExit') return 'exit';
  const errno = ERRNO.exec(evalue)?.[1] ?? '';
  if (DENIED.has(errno) || (isNetworkOff && isNetworkError(ename, evalue))) return 'sandbox_denied';
  if (DISK.has(errno)) return 'disk_limit';
  if (errno === '11' || (ename === 'RuntimeError' && evalue.startsWith("can't start new thread"))) return 'process_limit';
  return 'error';
}
