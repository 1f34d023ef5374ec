import { SidecarError, languageOf } from '../../../contracts/index.ts';
import { createMessageMaker } from '../connection/new-message.ts';
import type { JupyterMessage } from '../connection/jupyter-message.ts';
import type { NotebooksDeps } from '../notebook-contract.ts';
import { TASK_TIMES } from '../cells/run-task.ts';
import { ClientHub } from './client-hub.ts';
import { Kernel } from './kernel.ts';
import { KernelLauncher } from './kernel-launcher.ts';
import { MemoryNotice } from './memory-notice.ts';

const PER_SESSION = 4;
const IN_ALL = 8;
/** Kernels of `/jupyter` without a process and without a client; beyond that the one that was used longest ago is forgotten. */
const KEPT_EXTRAS = 16;
const TICK_MS = 30_000;
const CULL_MS = 30 * 60_000;
const CULL_WATCHED_MS = 120 * 60_000;

/** How a request of a `/jupyter` client runs in a kernel; see `ClientHub`. */
export type ClientExecute = (kernel: Kernel, message: JupyterMessage, onUnrun: () => void) => void;

interface Entry { kernel: Kernel; hub: ClientHub; isMain: boolean }

/** Only kernels with a process count, so one that was culled takes nobody's place. */
const FULL = {
  all: { en: `${IN_ALL} kernels are in use at once; try again when one of them is free`, zh: `已有 ${IN_ALL} 个内核同时在使用，请等其中一个空闲后再试` },
  session: { en: `this session already has ${PER_SESSION} kernels; end one of them first`, zh: `这个会话已有 ${PER_SESSION} 个内核，请先结束其中一个` },
} as const;

/** All kernels of this process: made on first use, counted, culled when idle, ended with their session. */
export class KernelRegistry {
  readonly launcher: KernelLauncher;
  readonly #deps: NotebooksDeps;
  readonly #execute: ClientExecute;
  readonly #entries = new Map<string, Entry>(); // left by end, session end and stop
  readonly #tick: NodeJS.Timeout;
  #tickedMs: number;
  #isStopped = false;

  constructor(deps: NotebooksDeps, execute: ClientExecute) {
    this.#deps = deps;
    this.#execute = execute;
    this.launcher = new KernelLauncher(deps);
    this.#tickedMs = deps.clock.monotonicMs();
    this.#tick = setInterval(() => void this.cull(), TICK_MS);
    this.#tick.unref();
  }

  /** The kernel of a session's own routes, made on first use. Throws QUEUE_FULL when it has no process and can get none. */
  main(sessionId: string): Kernel {
    const kernel = this.tryMain(sessionId);
    if (kernel === null) return this.create({ sessionId, path: sessionId, isMain: true });
    this.admit(kernel);
    return kernel;
  }

  tryMain(sessionId: string): Kernel | null {
    return this.#all().find(({ kernel, isMain }) => isMain && kernel.sessionId === sessionId)?.kernel ?? null;
  }

  /** Cells have run in this session before it had its kernel: their state went with an earlier process of the service. */
  hasOldState(sessionId: string): boolean {
    return this.#deps.store.executions.list(sessionId, { lane: 'notebook', limit: 1 }).length > 0;
  }

  /**
   * Before a kernel gets a process: there is room for one more, made by ending the process of the main kernel that nobody uses and
   * that was used longest ago. One that is dead gets none without a restart. Throws QUEUE_FULL beyond four per session and eight in all.
   */
  admit(kernel: Kernel, purpose: 'use' | 'restart' = 'use'): void {
    if (!kernel.hasProcess && (kernel.state !== 'dead' || purpose === 'restart')) this.#makeRoom(kernel.sessionId);
  }

  /** Throws QUEUE_FULL as `admit` does. */
  create({ sessionId, path, isMain }: { sessionId: string | null; path: string; isMain: boolean }): Kernel {
    if (this.#isStopped) throw new SidecarError('SHUTTING_DOWN', 'no new kernels');
    this.#makeRoom(sessionId);
    this.#forgetExtras();
    const { clock, log, ids, times, config, store } = this.#deps;
    const id = ids.uuid();
    const makeMessage = createMessageMaker(this.#deps, `sidecar-${id}`);
    const language = sessionId === null ? 'en' : languageOf(store.sessions.get(sessionId)?.language ?? 'en');
    const kernel: Kernel = new Kernel({
      id, sessionId, path, makeMessage, memory: new MemoryNotice(language), clock, log, times: { ...TASK_TIMES, ...times },
      isNetworkOff: config.execution.laneNetwork.mode === 'off' && config.execution.kernelGateway === null,
      hasOldState: isMain && sessionId !== null && this.hasOldState(sessionId),
      launch: async (signal) => {
        this.admit(kernel);
        return sessionId === null ? await this.launcher.inScratch(id, signal) : await this.launcher.forSession(sessionId, signal);
      },
      prepare: async () => { if (sessionId !== null) await this.launcher.prepareSession(sessionId); },
    });
    const hub = new ClientHub({
      kernel, makeMessage, language,
      execute: (message, onUnrun) => this.#execute(kernel, message, onUnrun),
    });
    this.#entries.set(id, { kernel, hub, isMain });
    return kernel;
  }

  /** Throws KERNEL_NOT_FOUND. */
  get(id: string): Kernel {
    return this.#entry(id).kernel;
  }

  hubOf(id: string): ClientHub {
    return this.#entry(id).hub;
  }

  list(): Kernel[] {
    return this.#all().map(({ kernel }) => kernel);
  }

  ofSession(sessionId: string): Kernel[] {
    const entries = this.#all().filter(({ kernel }) => kernel.sessionId === sessionId);
    return entries.sort((left, right) => Number(right.isMain) - Number(left.isMain)).map(({ kernel }) => kernel);
  }

  async end(id: string): Promise<void> {
    const { kernel, hub } = this.#entry(id);
    this.#entries.delete(id);
    await kernel.end();
    hub[Symbol.dispose]();
    if (kernel.sessionId === null) await this.launcher.removeScratch(id);
  }

  async endSession(sessionId: string): Promise<void> {
    await Promise.all([this.launcher.pool.release(sessionId), ...this.ofSession(sessionId).map((kernel) => this.end(kernel.id))]);
    this.launcher.forgetSession(sessionId);
  }

  /** Ends the processes of kernels that nobody has used for long; time asleep does not count. */
  async cull(): Promise<void> {
    const now = this.#deps.clock.monotonicMs();
    const passed = Math.min(now - this.#tickedMs, 2 * TICK_MS);
    this.#tickedMs = now;
    const idle = this.list().filter((kernel) => kernel.addIdle(passed) >= (kernel.clients > 0 ? CULL_WATCHED_MS : CULL_MS));
    await Promise.all([this.launcher.pool.tidy(), ...idle.filter((kernel) => kernel.state === 'idle').map((kernel) => kernel.park())]);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#tick);
    await Promise.all([this.launcher.pool.stop(), ...[...this.#entries.keys()].map((id) => this.end(id))]);
    await this.launcher.gateway?.kernels.stop();
  }

  #makeRoom(sessionId: string | null): void {
    const holders = this.#all().filter(({ kernel }) => kernel.hasProcess);
    const ofSession = sessionId === null ? 0 : holders.filter(({ kernel }) => kernel.sessionId === sessionId).length;
    if (ofSession >= PER_SESSION) throw new SidecarError('QUEUE_FULL', 'too many kernels in the session', { detail: FULL.session, retryAfterSeconds: 5 });
    if (holders.length < IN_ALL) return;
    const idle = holders.filter(({ kernel, isMain }) => isMain && kernel.isUnused);
    const [oldest] = idle.map(({ kernel }) => kernel).sort((left, right) => left.lastActivity.getTime() - right.lastActivity.getTime());
    if (oldest === undefined) throw new SidecarError('QUEUE_FULL', 'too many kernels', { detail: FULL.all, retryAfterSeconds: 5 });
    this.#deps.log.info({ kernel: oldest.id }, 'a kernel makes room for another');
    void oldest.park(); // Its place is free at once; its process ends within the grace.
  }

  #forgetExtras(): void {
    const extras = this.list().filter((kernel) => !kernel.hasProcess && kernel.clients === 0 && this.tryMain(kernel.sessionId ?? '') !== kernel);
    const surplus = extras.sort((left, right) => left.lastActivity.getTime() - right.lastActivity.getTime()).slice(0, -KEPT_EXTRAS);
    for (const { id } of surplus) void this.end(id);
  }

  #all(): Entry[] {
    return [...this.#entries.values()];
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new SidecarError('KERNEL_NOT_FOUND', 'no such kernel');
    return entry;
  }
}
