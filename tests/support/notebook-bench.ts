import { mkdirSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createIds, silentLog, systemClock } from '../../src/config/index.ts';
import type { Clock } from '../../src/config/index.ts';
import { CellRequestSchema, SidecarError } from '../../src/contracts/index.ts';
import type { CellAnswer, CellRequest } from '../../src/contracts/index.ts';
import { createGuard } from '../../src/execution/guard/index.ts';
import type { ExecutionGuard } from '../../src/execution/guard/index.ts';
import { createNotebooks } from '../../src/execution/notebook/index.ts';
import type { Notebooks, NotebooksDeps } from '../../src/execution/notebook/index.ts';
import { openStore } from '../../src/store/index.ts';
import type { Store } from '../../src/store/index.ts';
import { sampleSession } from './store-rows.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

const PROGRAM = join(import.meta.dirname, '..', '..');

/** Notebooks over real kernels in a folder of their own; ends everything when it is disposed. */
export interface NotebookBench extends AsyncDisposable {
  readonly notebooks: Notebooks;
  readonly guard: ExecutionGuard;
  readonly store: Store;
  readonly root: string;
  /** Makes a session with its folders. */
  session(id: string, language?: 'en' | 'zh'): string;
  workspace(id: string): string;
  /** Runs a cell with the contract's defaults. */
  run(sessionId: string, code: string, change?: Partial<CellRequest>): Promise<CellAnswer>;
  /** Events of a streamed cell, to its end. */
  stream(sessionId: string, code: string, change?: Partial<CellRequest>): AsyncGenerator<{ type: string; [field: string]: unknown }>;
}

export interface BenchOptions {
  poolMb?: number; gateway?: NonNullable<NotebooksDeps['config']['execution']['kernelGateway']>;
  clock?: Clock; times?: NotebooksDeps['times']; gatewayTimes?: NotebooksDeps['gatewayTimes']; hosts?: string[];
}

/** What a kernel must keep to is generous: a busy machine makes it slow, and it then must not count as broken. */
export const PATIENT: NonNullable<NotebooksDeps['times']> = {
  ladderStepMs: 60_000, pingMs: 20_000, settleMs: 5_000, askBusyMs: 30_000, askIdleMs: 30_000, isCompleteMs: 30_000,
};

/** The parts that a running service would pass. */
export async function openNotebookBench(options: BenchOptions = {}): Promise<NotebookBench> {
  const folder = await createTemporaryFolder('notebook');
  const clock = options.clock ?? systemClock;
  const ids = createIds(systemClock);
  const store = await openStore({ dir: folder.join('sessions'), clock: systemClock, log: silentLog, signal: AbortSignal.timeout(60_000) });
  const laneNetwork = options.hosts === undefined ? { mode: 'off' as const } : { mode: 'hosts' as const, hosts: options.hosts.map((host) => ({ host, port: null })) };
  const execution = { bwrap: null, laneNetwork, preload: 'auto' as const, poolMb: options.poolMb ?? 0, kernelGateway: options.gateway ?? null };
  const guard = createGuard({
    config: { programDir: PROGRAM, homeDir: folder.join('host-home'), python: { runtimeRoot: null, python: process.env.SIDECAR_PYTHON ?? null, launchPython: null }, execution },
    stateDir: folder.join('state'), clock: systemClock, ids, log: silentLog,
  });
  const folderOf = (id: string, name: string): string => folder.join('sessions', id, name);
  const foldersOf: NotebooksDeps['foldersOf'] = (id) => {
    if (store.sessions.get(id) === null) throw new SidecarError('SESSION_NOT_FOUND', 'no such session');
    return { folder: folder.join('sessions', id), workspace: folderOf(id, 'user_workspace'), uploads: folderOf(id, 'working_files'), home: folderOf(id, 'home') };
  };
  const files = plainFiles((id, name) => join(folderOf(id, 'user_workspace'), name));
  const notebooks = createNotebooks({
    guard, store, config: { execution }, clock, ids, log: silentLog, foldersOf, files, scratchDir: folder.join('scratch'), redact: (text) => text, random: () => 0.5,
    times: { ...PATIENT, ...options.times }, ...(options.gatewayTimes === undefined ? {} : { gatewayTimes: options.gatewayTimes }),
  });
  const cell = (code: string, change: Partial<CellRequest>): CellRequest => CellRequestSchema.parse({ code, ...change });
  return {
    notebooks, guard, store, root: folder.path,
    session: (id, language = 'en') => {
      store.sessions.insert(sampleSession(id, { language }));
      for (const name of ['user_workspace', 'working_files', 'home']) mkdirSync(folderOf(id, name), { recursive: true });
      return id;
    },
    workspace: (id) => folderOf(id, 'user_workspace'),
    run: async (sessionId, code, change = {}) => await notebooks.runCell(sessionId, cell(code, change)),
    stream: (sessionId, code, change = {}) => readEvents(notebooks, sessionId, cell(code, change)),
    [Symbol.asyncDispose]: async () => {
      await notebooks.stop();
      await guard.stop();
      store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function* readEvents(notebooks: Notebooks, sessionId: string, request: CellRequest): AsyncGenerator<{ type: string; [field: string]: unknown }> {
  await using source = await notebooks.streamCell(sessionId, request);
  for await (const frame of source.frames) yield JSON.parse(/^data: (.*)$/m.exec(frame)![1]!);
}

function plainFiles(pathOf: (sessionId: string, name: string) => string): NotebooksDeps['files'] {
  const tagOf = (bytes: Uint8Array): string => `"${createHash('sha256').update(bytes).digest('hex')}"`;
  return {
    readRaw: async (id, name) => {
      const bytes = await readFile(pathOf(id, name)).catch(() => { throw new SidecarError('FILE_NOT_FOUND', 'no such file'); });
      return { bytes, etag: tagOf(bytes) };
    },
    writeBytes: async (id, name, { bytes }) => {
      await writeFile(`${pathOf(id, name)}.new`, bytes);
      await rename(`${pathOf(id, name)}.new`, pathOf(id, name));
      return { size_bytes: bytes.length, etag: tagOf(bytes) };
    },
  };
}
