import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { totalmem } from 'node:os';
import { SidecarError } from '../../../contracts/index.ts';
import { removeTree } from '../../guard/index.ts';
import type { WorkspaceSpec } from '../../guard/index.ts';
import { copyDatasets } from '../../worker/index.ts';
import type { KernelConnection } from '../connection/kernel-connection.ts';
import { createMessageMaker } from '../connection/new-message.ts';
import { startPipeKernel } from '../connection/pipe-connection.ts';
import { GatewayError, createGatewayClient } from '../gateway/gateway-client.ts';
import type { GatewayClient, GatewaySettings } from '../gateway/gateway-client.ts';
import { startGatewayKernel } from '../gateway/gateway-connection.ts';
import type { NotebooksDeps } from '../notebook-contract.ts';
import { KernelPool } from './kernel-pool.ts';

const MIB = 1024 * 1024;
const POOL_MB = 512;
const CAPS = { text_bytes: 8 * MIB, rich_bytes: 32 * MIB, message_bytes: 8 * MIB } as const;
/** A remote start may have to fetch an image first. */
const REMOTE_READY_MS = 120_000;
const REMOTE_MARGIN_MS = 5_000;
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

/** What a remote kernel is told: the operator's settings, where its workspace is mounted, and nothing else of ours. */
function remoteEnvironment({ environment, files }: GatewaySettings, sessionId: string): Record<string, string> {
  const named = Object.entries(environment).map(([name, value]) => [name.startsWith('KERNEL_') ? name : `KERNEL_${name}`, value] as const);
  return {
    ...Object.fromEntries(named), KERNEL_LAUNCH_TIMEOUT: String((REMOTE_READY_MS - REMOTE_MARGIN_MS) / 1000),
    ...(files.mode === 'shared' ? { KERNEL_WORKING_DIR: `${files.remotePath.replace(/\/+$/, '')}/${sessionId}/user_workspace` } : {}),
  };
}

/** Starts kernel processes in sessions and scratch folders, from spares where there are some. */
export class KernelLauncher {
  readonly pool: KernelPool;
  readonly #deps: NotebooksDeps;
  readonly #gateway: GatewayClient | null;

  constructor(deps: NotebooksDeps) {
    const { kernelGateway } = deps.config.execution;
    this.#deps = deps;
    this.#gateway = kernelGateway === null ? null : createGatewayClient(kernelGateway);
    this.pool = new KernelPool({
      // Idle processes on another machine are its operator's to pay.
      poolMb: kernelGateway !== null ? 0 : deps.config.execution.poolMb ?? Math.min(POOL_MB, Math.floor(totalmem() / MIB / 10)), clock: deps.clock, log: deps.log,
      start: async (sessionId, signal, isSpare) => await this.#start(await this.#workspaceOf(sessionId), signal, isSpare),
    });
  }

  /** A ready process for a session. */
  async forSession(sessionId: string, signal: AbortSignal): Promise<KernelConnection> {
    const connection = await this.pool.claim(sessionId, signal);
    this.pool.warm(sessionId);
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
    const folders = await this.#deps.foldersOf(sessionId);
    await copyDatasets(this.#deps, { sessionId, uploads: folders.uploads, workspace: folders.workspace });
  }

  /** A spare has time to import what cells usually need; a kernel that somebody waits for has not. */
  async #start(workspace: WorkspaceSpec, signal: AbortSignal, isSpare: boolean): Promise<KernelConnection> {
    const { guard, ids, config } = this.#deps;
    if (this.#gateway !== null) return await this.#startRemote(workspace.sessionId, signal);
    const search = await guard.python();
    if (!search.found) throw new SidecarError('EXECUTION_UNAVAILABLE', search.reason, { detail: search.reason, retryAfterSeconds: 60 });
    const { preload } = config.execution;
    const init = isSpare ? warmUp(preload === 'auto' ? USUAL : preload) : [];
    return await startPipeKernel({ id: ids.uuid(), guard, workspace, signal, init, caps: CAPS });
  }

  async #startRemote(sessionId: string, signal: AbortSignal): Promise<KernelConnection> {
    const { config, ids, random } = this.#deps;
    const { kernelGateway: settings } = config.execution;
    if (this.#gateway === null || settings === null) throw new Error('no gateway is set');
    const session = ids.uuid();
    try {
      return await startGatewayKernel({
        client: this.#gateway, environment: remoteEnvironment(settings, sessionId), session, make: createMessageMaker(this.#deps, session),
        signal: AbortSignal.any([signal, AbortSignal.timeout(REMOTE_READY_MS)]), random,
      });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof GatewayError)) throw error;
      throw new SidecarError('EXECUTION_UNAVAILABLE', error.message, { cause: error, detail: error.message, retryAfterSeconds: 5 });
    }
  }

  async #workspaceOf(sessionId: string): Promise<WorkspaceSpec> {
    const folders = await this.#deps.foldersOf(sessionId);
    await copyDatasets(this.#deps, { sessionId, uploads: folders.uploads, workspace: folders.workspace });
    return { folder: folders.workspace, home: folders.home, packages: null, sessionId };
  }

  #scratchOf(id: string): string {
    return join(this.#deps.scratchDir, id);
  }
}
