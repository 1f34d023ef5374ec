import { mkdir } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { SidecarError } from '../../../contracts/index.ts';
import { removeTree } from '../../guard/index.ts';
import type { WorkspaceSpec } from '../../guard/index.ts';
import type { KernelConnection } from '../connection/kernel-connection.ts';
import { startPipeKernel } from '../connection/pipe-connection.ts';
import { Gateway } from '../gateway/gateway.ts';
import type { NotebooksDeps } from '../notebook-contract.ts';
import { askMainShell } from './ask-kernel.ts';
import { DatasetCopies } from './dataset-copies.ts';
import { KernelPool } from './kernel-pool.ts';

const MIB = 1024 * 1024;
const POOL_MB = 512;
const CAPS = { text_bytes: 8 * MIB, rich_bytes: 32 * MIB, message_bytes: 8 * MIB } as const;
const REHEARSAL = {
  code: 'get_ipython().display_formatter.format(0)', silent: true, store_history: false, user_expressions: {}, allow_stdin: false, stop_on_error: false,
} as const;
const REHEARSAL_MS = 5_000;
const USUAL = ['numpy', 'pandas'] as const;

/** Silent code that pays the import cost before the first cell; a module that is missing or broken is passed over. */
function warmUp(modules: readonly string[]): string[] {
  if (modules.length === 0) return [];
  return [`def _warm(names):
    for name in names:
        try: __import__(name)
        except Exception: pass
_warm(${JSON.stringify(modules)})
del _warm`];
}

/** Starts kernel processes in sessions and scratch folders, from spares where there are some. */
export class KernelLauncher {
  readonly pool: KernelPool;
  /** Where kernels run, if not here. */
  readonly gateway: Gateway | null;
  readonly #deps: NotebooksDeps;
  readonly #datasets: DatasetCopies;

  constructor(deps: NotebooksDeps) {
    const { kernelGateway } = deps.config.execution;
    this.#deps = deps;
    this.gateway = kernelGateway === null ? null : new Gateway(kernelGateway, deps);
    this.#datasets = new DatasetCopies(deps);
    this.pool = new KernelPool({
      // Idle processes on another machine are its operator's to pay.
      poolMb: kernelGateway !== null ? 0 : deps.config.execution.poolMb ?? Math.min(POOL_MB, Math.floor(totalmem() / MIB / 10)),
      otherMb: () => 0, releaseOther: () => false, mayFill: () => true, freeMemory: () => freemem() / totalmem(), ...deps.spares,
      clock: deps.clock, log: deps.log,
      start: async (sessionId, signal, isSpare) => await this.#start(await this.#workspaceOf(sessionId), signal, isSpare),
    });
  }

  /** A ready process for a session. */
  async forSession(sessionId: string, signal: AbortSignal): Promise<KernelConnection> {
    await this.prepareSession(sessionId); // Not with the spare: a session that was only opened gets no files.
    const connection = await this.pool.claim(sessionId, signal);
    this.pool.warm(sessionId, 'later');
    return connection;
  }

  /** A ready process in a folder of its own. */
  async inScratch(id: string, signal: AbortSignal): Promise<KernelConnection> {
    const folder = this.#scratchOf(id);
    await mkdir(join(folder, 'workspace'), { recursive: true, mode: 0o700 });
    return await this.#start({ folder: join(folder, 'workspace'), home: join(folder, 'home'), packages: null, sessionId: `scratch-${id}` }, signal, false);
  }

  async removeScratch(id: string): Promise<void> {
    await removeTree(this.#scratchOf(id));
  }

  /** Uploads and datasets that are not in the workspace yet appear there. */
  async prepareSession(sessionId: string): Promise<void> {
    this.pool.touch(sessionId);
    const { uploads, workspace } = await this.#deps.foldersOf(sessionId);
    await this.#datasets.bring({ sessionId, uploads, workspace });
  }

  /** Nothing of the session is remembered here any more. */
  forgetSession(sessionId: string): void {
    this.#datasets.forget(sessionId);
  }

  /** A spare has time to import what cells usually need; a kernel that somebody waits for has not. */
  async #start(workspace: WorkspaceSpec, signal: AbortSignal, isSpare: boolean): Promise<KernelConnection> {
    const { guard, ids, config } = this.#deps;
    if (this.gateway !== null) return await this.gateway.start(workspace.sessionId, signal);
    const search = await guard.python();
    if (!search.found) throw new SidecarError('EXECUTION_UNAVAILABLE', search.reason, { detail: search.reason, retryAfterSeconds: 60 });
    if (isSpare && !(await guard.probe()).lanes.notebook.available) throw new Error('the notebook lane is refused');
    const { preload } = config.execution;
    const init = isSpare ? warmUp(preload === 'auto' ? USUAL : preload) : [];
    const connection = await startPipeKernel({ id: ids.uuid(), guard, workspace, signal, init, caps: CAPS });
    // The first cell of a process pays for what is made on first use; in a spare this one does.
    if (isSpare) await askMainShell(connection, this.#deps, { type: 'execute_request', content: { ...REHEARSAL }, timeoutMs: REHEARSAL_MS });
    return connection;
  }

  async #workspaceOf(sessionId: string): Promise<WorkspaceSpec> {
    const folders = await this.#deps.foldersOf(sessionId);
    // The same place as for the runs of the session, so that what one installs the other can import.
    const packages = this.#deps.config.execution.laneNetwork.mode === 'hosts' ? join(folders.folder, 'packages') : null;
    return { folder: folders.workspace, home: folders.home, packages, sessionId };
  }

  #scratchOf(id: string): string {
    return join(this.#deps.scratchDir, id);
  }
}
