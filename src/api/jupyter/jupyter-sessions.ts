import type { Ids } from '../../config/index.ts';
import { SidecarError } from '../../contracts/index.ts';
import type { JupyterKernels, KernelModel } from '../../execution/notebook/index.ts';

/** A document with its kernel, as Jupyter Server shows it. */
export interface SessionModel {
  id: string; path: string; name: string; type: string; kernel: KernelModel; notebook: { path: string; name: string };
}
export interface SessionBody { path?: unknown; name?: unknown; type?: unknown; kernel?: unknown }

interface Held { id: string; path: string; name: string; type: string; kernelId: string }

const text = (value: unknown, fallback: string): string => (typeof value === 'string' ? value : fallback);

/** Documents and their kernels; a session goes with its kernel. */
export function createJupyterSessions(kernels: JupyterKernels, ids: Ids) {
  const held = new Map<string, Held>(); // left by delete, and with the kernel at the next look
  const isAlive = ({ kernelId }: Held): boolean => kernels.list().some(({ id }) => id === kernelId);
  const modelOf = ({ id, path, name, type, kernelId }: Held): SessionModel =>
    ({ id, path, name, type, kernel: kernels.get(kernelId), notebook: { path, name } });
  const sweep = (): void => { for (const session of held.values()) if (!isAlive(session)) held.delete(session.id); };
  const require = (id: string): Held => {
    sweep();
    const session = held.get(id);
    if (session === undefined) throw new SidecarError('KERNEL_NOT_FOUND', 'no such session');
    return session;
  };
  /** The kernel that a body names, or a new one. */
  const kernelFor = async (body: SessionBody, path: string): Promise<string> => {
    const { id } = (typeof body.kernel === 'object' && body.kernel !== null ? body.kernel : {}) as { id?: unknown }; // proof: an object
    return typeof id === 'string' ? kernels.get(id).id : (await kernels.start({ path })).id;
  };
  return {
    list: (): SessionModel[] => {
      sweep();
      return [...held.values()].map(modelOf);
    },
    get: (id: string): SessionModel => modelOf(require(id)),
    create: async (body: SessionBody): Promise<SessionModel> => {
      sweep();
      const path = text(body.path, '');
      const known = [...held.values()].find((session) => session.path === path);
      if (known !== undefined) return modelOf(known);
      const session: Held = {
        id: ids.uuid(), path, name: text(body.name, path.slice(path.lastIndexOf('/') + 1)), type: text(body.type, 'notebook'),
        kernelId: await kernelFor(body, path),
      };
      held.set(session.id, session);
      return modelOf(session);
    },
    change: async (id: string, body: SessionBody): Promise<SessionModel> => {
      const session = require(id);
      const kernelId = body.kernel === undefined ? session.kernelId : await kernelFor(body, session.path);
      if (kernelId !== session.kernelId) await kernels.end(session.kernelId);
      const changed = { ...session, path: text(body.path, session.path), name: text(body.name, session.name), type: text(body.type, session.type), kernelId };
      held.set(id, changed);
      return modelOf(changed);
    },
    remove: async (id: string): Promise<void> => {
      const session = require(id);
      held.delete(id);
      await kernels.end(session.kernelId);
    },
  };
}

export type JupyterSessions = ReturnType<typeof createJupyterSessions>;
