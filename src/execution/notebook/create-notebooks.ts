import type { CellAnswer, CellRequest, Language } from '../../contracts/index.ts';
import { SidecarError, languageOf } from '../../contracts/index.ts';
import { CellEvents, errorEvent } from './cells/cell-events.ts';
import type { CellEvent } from './cells/cell-events.ts';
import { closeRecord, openRecord } from './cells/cell-record.ts';
import { CellRun } from './cells/cell-run.ts';
import type { JupyterMessage } from './connection/jupyter-message.ts';
import { createMessageMaker } from './connection/new-message.ts';
import type { MessageMaker } from './connection/new-message.ts';
import { checkNotebookCell, storeResults } from './files/store-outputs.ts';
import type { GatewayState } from './gateway/gateway.ts';
import { REMOTE_GUARDS } from './gateway/remote-facts.ts';
import { ASK_TIMES, askKernel, askOrRefuse, withinCode } from './kernels/ask-kernel.ts';
import type { AskTimes } from './kernels/ask-kernel.ts';
import { createJupyterKernels } from './kernels/create-jupyter-kernels.ts';
import type { JupyterKernels } from './kernels/jupyter-kernels.ts';
import type { Kernel } from './kernels/kernel.ts';
import { KernelRegistry } from './kernels/kernel-registry.ts';
import { startError } from './kernels/start-error.ts';
import type { CellFrames, CursorRequest, NotebookStatus, Notebooks, NotebooksDeps } from './notebook-contract.ts';

const CLIENT_CELL_SECONDS = 600;

/** Makes the notebooks of this process. No kernel runs before the first call that needs one. */
export function createNotebooks(deps: NotebooksDeps): Notebooks {
  return new SessionNotebooks(deps);
}

interface RunPlan { sessionId: string | null; request: CellRequest; kernel: Kernel; message: JupyterMessage; emit(event: CellEvent): void }

class SessionNotebooks implements Notebooks {
  readonly jupyter: JupyterKernels;
  readonly spares: Notebooks['spares'];
  readonly #deps: NotebooksDeps;
  readonly #registry: KernelRegistry;
  readonly #make: MessageMaker;
  readonly #askTimes: AskTimes;
  /** Running and waiting cells of our routes, by session; an entry leaves with its cell. */
  readonly #runs = new Map<CellRun, { sessionId: string; kernel: Kernel }>();

  constructor(deps: NotebooksDeps) {
    this.#deps = deps;
    this.#askTimes = { ...ASK_TIMES, ...deps.times };
    this.#make = createMessageMaker(deps, `sidecar-${deps.ids.secret(9)}`);
    this.#registry = new KernelRegistry(deps, (kernel, message, onUnrun) => this.#runForClient(kernel, message, onUnrun));
    this.jupyter = createJupyterKernels(this.#registry, deps);
    this.spares = this.#registry.launcher.pool;
  }

  async runCell(sessionId: string, request: CellRequest): Promise<CellAnswer> {
    return await this.#run(await this.#plan(sessionId, { ...request, allow_stdin: false }, () => {}));
  }

  async streamCell(sessionId: string, request: CellRequest): Promise<CellFrames> {
    const events = new CellEvents();
    const plan = await this.#plan(sessionId, request, (event) => events.emit(event));
    const running = this.#run(plan);
    running.then(
      (answer) => events.emit({ type: 'cell_complete', answer }, true),
      (error: unknown) => events.emit(errorEvent(error, { log: this.#deps.log, language: this.#languageOf(sessionId) }), true),
    );
    return events;
  }

  async interrupt(sessionId: string): Promise<{ success: boolean }> {
    await this.#requireSession(sessionId);
    await this.#registry.tryMain(sessionId)?.interrupt();
    return { success: true };
  }

  async restart(sessionId: string): Promise<{ success: boolean; status: string }> {
    const kernel = await this.#restart(sessionId, false);
    return { success: true, status: wireState(kernel.state) };
  }

  async reset(sessionId: string): Promise<{ success: true }> {
    await this.#restart(sessionId, true);
    return { success: true };
  }

  async input(sessionId: string, answer: { request_id: string; value: string }): Promise<void> {
    await this.#requireSession(sessionId);
    const found = [...this.#runs].find(([run, owner]) => owner.sessionId === sessionId && run.openInput === answer.request_id);
    if (found === undefined) throw new SidecarError('KERNEL_NOT_FOUND', 'no such input request');
    const [run, { kernel }] = found;
    run.closeInput();
    kernel.queue.running?.run.answered();
    await kernel.send(this.#make('stdin', 'input_reply', { value: answer.value, status: 'ok' }));
  }

  status(sessionId: string): NotebookStatus {
    const kernel = this.#registry.tryMain(sessionId);
    const info = kernel?.info ?? null;
    const gateway = this.#deps.config.execution.kernelGateway;
    return {
      state: wireState(kernel?.state ?? 'none'), detail: kernel?.state ?? 'none', execution_count: kernel?.executionCount ?? 0,
      python: info?.python ?? null, started_at: info === null ? null : kernel?.startedAt ?? null,
      guards: info?.guards ?? this.#guardsOfLane(), warnings: [...info?.warnings ?? [], ...(kernel?.memoryWarning == null ? [] : [kernel.memoryWarning])], kernel_id: kernel?.id ?? null,
      origin: gateway === null ? 'pipe' : 'gateway', files: gateway === null ? 'local' : gateway.files.mode, state_lost: kernel?.hasLostState ?? this.#registry.hasOldState(sessionId),
      gateway: this.#registry.launcher.gateway?.describe(sessionId) ?? null,
    };
  }

  async complete(sessionId: string, request: CursorRequest): Promise<{ matches: string[]; cursor_start: number; cursor_end: number }> {
    const answer = await this.#ask(sessionId, 'complete_request', withinCode(request));
    const matches = Array.isArray(answer.matches) ? answer.matches.map(String) : [];
    return { matches, cursor_start: numberOr(answer.cursor_start, request.cursor_pos), cursor_end: numberOr(answer.cursor_end, request.cursor_pos) };
  }

  async inspect(sessionId: string, request: CursorRequest): Promise<{ found: boolean; data: Record<string, unknown> }> {
    const answer = await this.#ask(sessionId, 'inspect_request', { ...withinCode(request), detail_level: 0 });
    const { data } = answer;
    return { found: answer.found === true, data: typeof data === 'object' && data !== null ? { ...data } : {} };
  }

  async isComplete(sessionId: string, code: string): Promise<{ status: string; indent: string }> {
    const connection = await this.#connect(sessionId);
    const answer = await askKernel(connection, this.#deps, { type: 'is_complete_request', content: { code }, timeoutMs: this.#askTimes.isCompleteMs });
    return { status: String(answer?.status ?? 'unknown'), indent: String(answer?.indent ?? '') };
  }

  prepare(sessionId: string): void {
    if (this.#registry.tryMain(sessionId)?.info == null) this.#registry.launcher.pool.warm(sessionId);
  }

  async endSession(sessionId: string): Promise<void> {
    await this.#registry.endSession(sessionId);
  }

  async cull(): Promise<void> {
    await this.#registry.cull();
  }

  recover(): void {
    this.#registry.launcher.gateway?.kernels.sweep();
  }

  async gateway(): Promise<GatewayState | null> {
    return await this.#registry.launcher.gateway?.check() ?? null;
  }

  active(): { kernels: number; busy: number } {
    const kernels = this.#registry.list().filter((kernel) => kernel.info !== null);
    return { kernels: kernels.length, busy: kernels.filter((kernel) => kernel.queue.isBusy).length };
  }

  async stop(): Promise<void> {
    await this.#registry.stop();
  }

  async #plan(sessionId: string, request: CellRequest, emit: (event: CellEvent) => void): Promise<RunPlan> {
    await this.#requireSession(sessionId);
    await this.#requirePython();
    if (request.notebook_path !== undefined) await checkNotebookCell(this.#deps.files, sessionId, { path: request.notebook_path, cellId: request.cell_id });
    const message = this.#make('shell', 'execute_request', {
      code: request.code, silent: false, store_history: true, user_expressions: {}, allow_stdin: request.allow_stdin,
      // The queue of the host stops after an error; the kernel's own would race with the next request.
      stop_on_error: false,
    });
    return { sessionId, request, kernel: this.#registry.main(sessionId), message, emit };
  }

  async #run(plan: RunPlan): Promise<CellAnswer> {
    const { sessionId, request, kernel } = plan;
    const executionId = this.#deps.ids.mint('exe_');
    const run = this.#newRun(plan, executionId);
    const record = {
      executionId, sessionId: sessionId ?? '', kernelId: kernel.id, cellId: request.cell_id ?? null, path: request.notebook_path ?? null,
      code: request.code, timeoutMs: run.timeoutMs,
    };
    this.#registry.admit(kernel); // The place may have been given away since the plan was made.
    kernel.execute(run); // Refuses before anything is written.
    if (sessionId !== null) {
      openRecord(this.#deps, record);
      this.#runs.set(run, { sessionId, kernel });
    }
    plan.emit({ type: 'cell_start', execution_id: executionId, cell_id: request.cell_id ?? null });
    const { answer, outputs, record: end } = await run.ended;
    this.#runs.delete(run);
    if (sessionId === null) return answer;
    closeRecord(this.#deps, record, end);
    const warnings = await storeResults(this.#deps, sessionId, {
      request, answer, outputs, displays: kernel.displays.stored, language: this.#languageOf(sessionId),
    });
    return warnings.length === 0 ? answer : { ...answer, warnings };
  }

  #newRun({ sessionId, request, kernel, message, emit }: RunPlan, executionId: string): CellRun {
    return new CellRun({ executionId, request, message, kernel, clock: this.#deps.clock, language: this.#languageOf(sessionId), emit });
  }

  #languageOf(sessionId: string | null): Language {
    return languageOf((sessionId === null ? null : this.#deps.store.sessions.get(sessionId))?.language ?? 'en');
  }

  /** A cell of a client of `/jupyter`: same queue, same record; its messages reach the client by themselves. */
  #runForClient(kernel: Kernel, message: JupyterMessage, onUnrun: () => void): void {
    const { content } = message;
    const request = {
      code: typeof content.code === 'string' ? content.code : '', timeout_seconds: CLIENT_CELL_SECONDS,
      allow_stdin: content.allow_stdin === true, stop_on_error: content.stop_on_error !== false,
    };
    const running = this.#run({ sessionId: kernel.sessionId, request, kernel, message, emit: () => {} });
    running.then(
      (answer) => { if (answer.reason === 'cancelled' && (answer.execution_count === null || answer.detail === 'restarted')) onUnrun(); },
      (error: unknown) => {
        this.#deps.log.debug({ kernel: kernel.id, error: String(error) }, 'a request of a client was not run');
        onUnrun();
      },
    );
  }

  async #restart(sessionId: string, clears: boolean): Promise<Kernel> {
    await this.#requireSession(sessionId);
    await this.#requirePython();
    const kernel = this.#registry.main(sessionId);
    this.#registry.admit(kernel, 'restart');
    await kernel.restart({ clears }).catch((error: unknown) => { throw startError(error); });
    return kernel;
  }

  async #ask(sessionId: string, type: string, content: Record<string, unknown>): Promise<Record<string, unknown>> {
    const connection = await this.#connect(sessionId);
    const isBusy = this.#registry.tryMain(sessionId)?.queue.isBusy ?? false;
    return await askOrRefuse(connection, this.#deps, { type, content, timeoutMs: isBusy ? this.#askTimes.askBusyMs : this.#askTimes.askIdleMs });
  }

  async #connect(sessionId: string) {
    await this.#requireSession(sessionId);
    await this.#requirePython();
    return await this.#registry.main(sessionId).connect().catch((error: unknown) => { throw startError(error); });
  }

  /** Throws SESSION_NOT_FOUND. */
  async #requireSession(sessionId: string): Promise<void> {
    await this.#deps.foldersOf(sessionId);
  }

  /** Throws EXECUTION_UNAVAILABLE without Python here, LANE_REFUSED below the lane's minimum. */
  async #requirePython(): Promise<void> {
    if (this.#deps.config.execution.kernelGateway !== null) return; // What runs there is its operator's.
    const search = await this.#deps.guard.python();
    if (!search.found) throw new SidecarError('EXECUTION_UNAVAILABLE', search.reason, { detail: search.reason, retryAfterSeconds: 60 });
    const lane = (await this.#deps.guard.probe()).lanes.notebook;
    if (!lane.available) throw new SidecarError('LANE_REFUSED', lane.reason ?? 'notebook lane', { detail: lane.reason ?? '', retryAfterSeconds: 60 });
  }

  #guardsOfLane(): unknown {
    if (this.#deps.config.execution.kernelGateway !== null) return REMOTE_GUARDS;
    const guards = this.#deps.guard.report()?.lanes.notebook.guards;
    return guards === undefined ? {} : Object.fromEntries(Object.entries(guards).map(([name, guard]) => [name, guard.state]));
  }
}

const numberOr = (value: unknown, fallback: number): number => (typeof value === 'number' ? value : fallback);

/** The exact state as the contract's five. */
function wireState(state: Kernel['state']): NotebookStatus['state'] {
  if (state === 'restarting') return 'starting';
  return state === 'unresponsive' ? 'busy' : state;
}
