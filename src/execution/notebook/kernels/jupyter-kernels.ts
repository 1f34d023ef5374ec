import type { JsonObject, JupyterMessage } from '../connection/jupyter-message.ts';

/** A kernel as Jupyter Server shows it. */
export interface KernelModel { id: string; name: string; last_activity: string; execution_state: string; connections: number }

/** What a client of a kernel receives. `dead` = the kernel will not come back by itself. */
export interface ClientSink {
  message(message: JupyterMessage): void;
  dead(): void;
}

/** One client of a kernel, named by its session id; it gets what it missed when it comes back under the same name. */
export interface ClientChannel {
  /** Throws QUEUE_FULL. */
  send(message: JupyterMessage): void;
  /** The socket is gone: what it did not take, and what comes, is kept for a while. */
  leave(unsent?: readonly JupyterMessage[]): void;
}

/** Kernels as `/jupyter` sees them. Unknown ids: KERNEL_NOT_FOUND. */
export interface JupyterKernels {
  list(): KernelModel[];
  get(id: string): KernelModel;
  /** The session of a path's first segment, or a scratch workspace. Throws QUEUE_FULL. */
  start(request: { path?: string | undefined }): Promise<KernelModel>;
  end(id: string): Promise<void>;
  interrupt(id: string): Promise<void>;
  restart(id: string): Promise<KernelModel>;
  /** Follows and feeds a kernel; what was kept for this name comes first. */
  attach(id: string, clientName: string, sink: ClientSink): ClientChannel;
  /** Ids of the kernels of a session, the one of our own routes first. */
  ofSession(sessionId: string): string[];
  sessionOf(id: string): string | null;
  kernelInfo(): JsonObject | null;
  readonly lastActivity: Date | null;
}
