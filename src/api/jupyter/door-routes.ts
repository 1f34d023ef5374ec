import type { ApiDeps } from '../api-contract.ts';
import { SidecarError } from '../../contracts/index.ts';
import type { JupyterKernels } from '../../execution/notebook/index.ts';
import type { Checkpoints } from './checkpoints.ts';
import { createContents, listRoot, parseContentsPath, readContents, renameContents, saveContents } from './contents.ts';
import type { ContentsPath } from './contents.ts';
import type { DoorRequest } from './door-request.ts';
import type { JupyterSessions } from './jupyter-sessions.ts';

/** What a route of `/jupyter` answers; a text is sent as plain text. */
export interface DoorAnswer { status: number; body?: unknown; location?: string }
export interface DoorRoute { method: string; pattern: RegExp; answer(request: DoorRequest): DoorAnswer | Promise<DoorAnswer> }

export interface DoorParts {
  deps: Pick<ApiDeps, 'sessions' | 'report' | 'clock'>;
  kernels: JupyterKernels;
  sessions: JupyterSessions;
  checkpoints: Checkpoints;
  startedAt: string;
  connections(): number;
}

/** The version of Jupyter Server whose answers these are. */
const SERVER_VERSION = '2.17.0';
const SPEC = {
  name: 'python3', resources: {},
  spec: { argv: [], display_name: 'Python 3', language: 'python', interrupt_mode: 'message', env: {}, metadata: { debugger: true } },
};
const IDENTITY = { username: 'learner', name: 'Learner', display_name: 'Learner', initials: 'L', avatar_url: null, color: null };

const ok = (body: unknown): DoorAnswer => ({ status: 200, body });
const created = (body: unknown, location: string): DoorAnswer => ({ status: 201, body, location });
const empty: DoorAnswer = { status: 204 };
const route = (method: string, pattern: RegExp, answer: DoorRoute['answer']): DoorRoute => ({ method, pattern, answer });

/** Every route below `/jupyter`. */
export function doorRoutes(parts: DoorParts): DoorRoute[] {
  return [...serviceRoutes(parts), ...kernelRoutes(parts), ...sessionRoutes(parts), ...checkpointRoutes(parts), ...contentsRoutes(parts)];
}

function serviceRoutes({ kernels, startedAt, connections }: DoorParts): DoorRoute[] {
  return [
    route('GET', /^\/(?:tree|lab)?$/, () => ok('Notebook kernels of this service. Connect a Jupyter client to this address.\n')),
    route('GET', /^\/api\/?$/, () => ok({ version: SERVER_VERSION })),
    route('GET', /^\/api\/status$/, () => ok({
      started: startedAt, last_activity: (kernels.lastActivity?.toISOString() ?? startedAt), connections: connections(), kernels: kernels.list().length,
    })),
    route('GET', /^\/api\/me$/, () => ok({ identity: IDENTITY, permissions: {} })),
    route('GET', /^\/api\/kernelspecs$/, () => ok({ default: 'python3', kernelspecs: { python3: SPEC } })),
    route('GET', /^\/api\/kernelspecs\/python3$/, () => ok(SPEC)),
  ];
}

function kernelRoutes({ kernels }: DoorParts): DoorRoute[] {
  const id = ({ parts }: DoorRequest): string => parts[0] ?? '';
  return [
    route('GET', /^\/api\/kernels$/, () => ok(kernels.list())),
    route('POST', /^\/api\/kernels$/, async (request) => {
      const { path, name = 'python3' } = await request.body();
      if (name !== 'python3') throw new SidecarError('KERNEL_NOT_FOUND', 'no such kernel name');
      const model = await kernels.start({ path: typeof path === 'string' ? path : undefined });
      return created(model, `/jupyter/api/kernels/${model.id}`);
    }),
    route('GET', /^\/api\/kernels\/([^/]+)$/, (request) => ok(kernels.get(id(request)))),
    route('DELETE', /^\/api\/kernels\/([^/]+)$/, async (request) => {
      await kernels.end(id(request));
      return empty;
    }),
    route('POST', /^\/api\/kernels\/([^/]+)\/interrupt$/, async (request) => {
      await kernels.interrupt(id(request));
      return empty;
    }),
    route('POST', /^\/api\/kernels\/([^/]+)\/restart$/, async (request) => ok(await kernels.restart(id(request)))),
  ];
}

function sessionRoutes({ sessions }: DoorParts): DoorRoute[] {
  const id = ({ parts }: DoorRequest): string => parts[0] ?? '';
  return [
    route('GET', /^\/api\/sessions$/, () => ok(sessions.list())),
    route('POST', /^\/api\/sessions$/, async (request) => {
      const model = await sessions.create(await request.body());
      return created(model, `/jupyter/api/sessions/${model.id}`);
    }),
    route('GET', /^\/api\/sessions\/([^/]+)$/, (request) => ok(sessions.get(id(request)))),
    route('PATCH', /^\/api\/sessions\/([^/]+)$/, async (request) => ok(await sessions.change(id(request), await request.body()))),
    route('DELETE', /^\/api\/sessions\/([^/]+)$/, async (request) => {
      await sessions.remove(id(request));
      return empty;
    }),
  ];
}

/** The session of a path is known, imported if need be; a foreign one is not found. */
async function placeOf({ deps }: DoorParts, part: string | undefined): Promise<ContentsPath> {
  const path = parseContentsPath((part ?? '').replace(/^\//, ''));
  await deps.sessions.ensureKnown(path.sessionId);
  deps.sessions.state(path.sessionId);
  return path;
}

function checkpointRoutes(parts: DoorParts): DoorRoute[] {
  const { checkpoints } = parts;
  const file = async ({ parts: [part] }: DoorRequest): Promise<ContentsPath> => await placeOf(parts, part);
  return [
    route('GET', /^\/api\/contents\/(.+)\/checkpoints$/, async (request) => ok(await checkpoints.list(await file(request)))),
    route('POST', /^\/api\/contents\/(.+)\/checkpoints$/, async (request) => ({ status: 201, body: await checkpoints.create(await file(request)) })),
    route('POST', /^\/api\/contents\/(.+)\/checkpoints\/([^/]+)$/, async (request) => {
      await checkpoints.restore(await file(request), request.parts[1] ?? '');
      return empty;
    }),
    route('DELETE', /^\/api\/contents\/(.+)\/checkpoints\/([^/]+)$/, async (request) => {
      await checkpoints.remove(await file(request));
      return empty;
    }),
  ];
}

function contentsRoutes(parts: DoorParts): DoorRoute[] {
  const { deps } = parts;
  const place = async ({ parts: [part] }: DoorRequest): Promise<ContentsPath> => await placeOf(parts, part);
  const below = /^\/api\/contents\/(.+?)\/?$/;
  return [
    route('GET', /^\/api\/contents\/?$/, async () => ok(await listRoot(deps))),
    route('GET', below, async (request) => ok(await readContents(deps, await place(request), {
      wantsContent: request.query.get('content') !== '0', wantsHash: request.query.get('hash') === '1', format: request.query.get('format'),
    }))),
    route('PUT', below, async (request) => ok(await saveContents(deps, await place(request), await request.body()))),
    route('PATCH', below, async (request) => ok(await renameContents(deps, await place(request), await request.body()))),
    route('POST', below, async (request) => {
      const model = await createContents(deps, await place(request), await request.body());
      return created(model, `/jupyter/api/contents/${encodeURI(model.path)}`);
    }),
    route('DELETE', below, async (request) => {
      const path = await place(request);
      await deps.sessions.files.remove(path.sessionId, path.name, { recursive: false });
      return empty;
    }),
  ];
}
