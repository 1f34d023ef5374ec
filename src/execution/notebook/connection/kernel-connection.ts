import type { GuardId, GuardState, LaneLimits } from '../../guard/index.ts';
import type { Reason } from '../../worker/index.ts';
import type { JsonObject, JupyterMessage } from './jupyter-message.ts';

export type KernelState = 'starting' | 'idle' | 'busy' | 'unresponsive' | 'restarting' | 'dead';

/** What a kernel said about itself before it was ready. */
export interface KernelInfo {
  python: string;
  ipykernel: string;
  /** Content of its `kernel_info_reply`. */
  reply: JsonObject;
  guards: Readonly<Partial<Record<GuardId, GuardState>>>;
  warnings: readonly string[];
  /** What holds for its process; null where somebody else decides. */
  limits: LaneLimits | null;
}

/** How a kernel ended. `detail` names the finer cause, such as `protocol` or a signal. */
export interface KernelGoneFacts { reason: Reason; detail: string; stderrTail: string; exitCode: number | null; signal: string | null }

/** A message could not be handed over: the kernel is gone. */
export class KernelGone extends Error {
  override readonly name = 'KernelGone';
}

/** What a kernel's bridge removed of a cell; stream `unknown` = nobody knows how much. */
export interface DroppedOutput { parentId: string; stream: string; bytes: number; messages: number; tail: string }

/** One running kernel process, here or behind a gateway. Routes, cells and `/jupyter` never know which. */
export interface KernelConnection {
  readonly id: string;
  readonly origin: 'pipe' | 'gateway';
  readonly info: KernelInfo;
  readonly pid: number | null;
  /** What its processes held at the last answered ping; null where that is not known. */
  readonly memoryBytes: number | null;
  /** A cell has ended: what the next one may add to the disk counts from here. */
  settleCell(): void;
  /** Handed over, or rejected with KernelGone. */
  send(message: JupyterMessage): Promise<void>;
  /** Every message, in arrival order per channel. */
  onMessage(listener: (message: JupyterMessage) => void): Disposable;
  /** Text that arrived outside any message: native stderr. */
  onNativeText(listener: (text: string) => void): Disposable;
  onDropped(listener: (dropped: DroppedOutput) => void): Disposable;
  /** Asks the kernel to interrupt what runs; resolves when it took the request. */
  interrupt(): Promise<void>;
  /** Resolves true when the kernel answered in time. */
  ping(timeoutMs: number): Promise<boolean>;
  /** False = it has ended unseen, as one elsewhere can; `gone` settles first. Asked before a cell goes there. */
  isThere(): Promise<boolean>;
  /** Asked when a cell ends as it ends when somebody takes its process away; same answer, after a thorough look. */
  isAlive(): Promise<boolean>;
  /** Ends it in order within the grace, then by force. Resolves when it is gone. */
  shutdown(graceMs: number): Promise<void>;
  /** Ends it by force, for this reason. */
  kill(reason: Reason, detail: string): Promise<void>;
  readonly gone: Promise<KernelGoneFacts>;
}
