import type { NotebooksDeps } from '../notebook-contract.ts';
import type { JupyterKernels, KernelModel } from './jupyter-kernels.ts';
import type { Kernel } from './kernel.ts';
import type { LifeState } from './kernel-contract.ts';
import type { KernelRegistry } from './kernel-registry.ts';
import { startError } from './start-error.ts';

/** What `/jupyter` may do with the kernels of this process. */
export function createJupyterKernels(registry: KernelRegistry, deps: Pick<NotebooksDeps, 'store'>): JupyterKernels {
  return {
    list: () => registry.list().map(modelOf),
    get: (id) => modelOf(registry.get(id)),
    start: async ({ path = '' }) => {
      const [first = ''] = path.split('/');
      const sessionId = first !== '' && deps.store.sessions.get(first) !== null ? first : null;
      const idle = sessionId === null ? null : registry.tryMain(sessionId);
      const isFree = sessionId !== null && idle === null;
      const kernel = registry.create({ sessionId, path, isMain: isFree });
      await kernel.connect().catch(async (error: unknown) => {
        await registry.end(kernel.id);
        throw startError(error);
      });
      return modelOf(kernel);
    },
    end: async (id) => await registry.end(id),
    interrupt: async (id) => await registry.get(id).interrupt(),
    restart: async (id) => {
      const kernel = registry.get(id);
      registry.admit(kernel, 'restart');
      await kernel.restart({ clears: false }).catch((error: unknown) => { throw startError(error); });
      return modelOf(kernel);
    },
    attach: (id, clientName, sink) => registry.hubOf(id).attach(clientName, sink),
    ofSession: (sessionId) => registry.ofSession(sessionId).map(({ id }) => id),
    sessionOf: (id) => registry.get(id).sessionId,
    kernelInfo: () => registry.list().find(({ info }) => info !== null)?.info?.reply ?? null,
    get lastActivity() {
      const times = registry.list().map(({ lastActivity }) => lastActivity.getTime());
      return times.length === 0 ? null : new Date(Math.max(...times));
    },
  };
}

function modelOf(kernel: Kernel): KernelModel {
  return {
    id: kernel.id, name: 'python3', last_activity: kernel.lastActivity.toISOString(), execution_state: jupyterState(kernel.state),
    connections: kernel.clients,
  };
}

function jupyterState(state: LifeState): string {
  if (state === 'none') return 'idle';
  return state === 'unresponsive' ? 'busy' : state;
}
