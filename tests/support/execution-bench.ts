import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createIds, silentLog, systemClock } from '../../src/config/index.ts';
import type { Clock, LaneNetwork } from '../../src/config/index.ts';
import { RunRequestSchema } from '../../src/contracts/index.ts';
import type { RunAnswer } from '../../src/contracts/index.ts';
import { createGuard, removeTree } from '../../src/execution/guard/index.ts';
import type { CapabilityReport, ExecutionGuard } from '../../src/execution/guard/index.ts';
import { createExpertRunner } from '../../src/execution/expert-runner/index.ts';
import type { ExpertRunner } from '../../src/execution/expert-runner/index.ts';
import { createUserRunner } from '../../src/execution/user-runner/index.ts';
import type { UserRunner } from '../../src/execution/user-runner/index.ts';
import { createWorkerPool } from '../../src/execution/worker/index.ts';
import type { WorkerPool } from '../../src/execution/worker/index.ts';
import { openStore } from '../../src/store/index.ts';
import type { Store } from '../../src/store/index.ts';
import { sampleSession } from './store-rows.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

/** A program gets this long unless a test says otherwise: a busy machine makes it slow, and then that is not what the test is about. */
const PATIENT_SECONDS = 110;
const programDir = join(import.meta.dirname, '..', '..');

/** The lanes with everything real below them: store, guard, workers. */
export interface ExecutionBench extends AsyncDisposable {
  readonly guard: ExecutionGuard;
  readonly pool: WorkerPool;
  readonly store: Store;
  readonly runner: UserRunner;
  readonly experts: ExpertRunner;
  readonly report: CapabilityReport;
  readonly folder: string;
  readonly stateDir: string;
  /** Folders of a session, made with its row on first use. */
  session(id: string): Promise<{ id: string; workspace: string; uploads: string; home: string }>;
  run(sessionId: string, code: string, more?: Record<string, unknown>): Promise<RunAnswer & Record<string, any>>;
  /** What is left over: live children, run folders, processes that lie in our folders. */
  leftovers(): Promise<{ children: number; runFolders: string[]; processes: string[] }>;
  /** All that is left over, by name: children, run folders, processes, groups, mounts and sockets that lie in our folders. */
  remains(): Promise<string[]>;
}

export interface BenchOptions { poolMb?: number; clock?: Clock; preload?: 'auto' | string[]; language?: string; bwrap?: string; hosts?: string[]; programDir?: string }

/** Opens a bench; `.runtime/` or SIDECAR_PYTHON must hold a Python with the packages. */
export async function openExecutionBench(options: BenchOptions = {}): Promise<ExecutionBench> {
  const folder = await createTemporaryFolder('execution');
  const clock = options.clock ?? systemClock;
  const ids = createIds(systemClock);
  const stateDir = folder.join('state');
  await mkdir(stateDir);
  const store = await openStore({ dir: folder.path, clock: systemClock, log: silentLog });
  const execution = {
    bwrap: options.bwrap ?? null, laneNetwork: networkOf(options.hosts), preload: options.preload ?? ('auto' as const), poolMb: options.poolMb ?? 0,
    kernelGateway: null,
  };
  const config = {
    programDir: options.programDir ?? programDir, homeDir: homedir(), execution,
    python: { runtimeRoot: null, python: process.env['SIDECAR_PYTHON'] ?? (options.programDir === undefined ? null : join(programDir, '.runtime', 'bin', 'python')), launchPython: null },
  };
  const guard = createGuard({ config, stateDir, clock, ids, log: silentLog });
  const pool = createWorkerPool({ guard, config, clock, log: silentLog });
  const foldersOf = (id: string) => ({
    folder: folder.join('sessions', id), workspace: folder.join('sessions', id, 'user_workspace'),
    uploads: folder.join('sessions', id, 'working_files'), home: folder.join('sessions', id, 'home'),
  });
  // On a busy machine a program may take long to tell where it was interrupted.
  const lane = { guard, pool, store, config, clock, ids, log: silentLog, stopGraceMs: 2_000 };
  const runner = createUserRunner({
    ...lane, foldersOf, redact: (text) => text,
    readFile: async (id, name) => ({ bytes: await readFile(join(foldersOf(id).workspace, name)) }),
  });
  const experts = createExpertRunner({ ...lane, workDir: folder.join('state', 'expert') });
  const report = await guard.probe();
  const session: ExecutionBench['session'] = async (id) => {
    const paths = foldersOf(id);
    for (const path of [paths.workspace, paths.uploads, paths.home]) await mkdir(path, { recursive: true });
    if (store.sessions.get(id) === null) store.sessions.insert({ ...sampleSession(id), language: options.language ?? 'en' });
    return { id, ...paths };
  };
  const leftovers: ExecutionBench['leftovers'] = async () => {
    // Folders of a run are removed behind its answer.
    while (guard.children().leaving > 0) await new Promise(setImmediate);
    return { children: guard.children().live, runFolders: await readdir(join(stateDir, 'runs')).catch(() => []), processes: processesIn(folder.path) };
  };
  return {
    guard, pool, store, runner, experts, report, folder: folder.path, stateDir, session, leftovers,
    run: async (id, code, more = {}) => {
      await session(id);
      return await runner.run(id, RunRequestSchema.parse({ timeout_seconds: PATIENT_SECONDS, ...('path' in more ? {} : { code }), ...more }));
    },
    remains: async () => {
      const { children, runFolders, processes } = await leftovers();
      const named = (file: string): string[] => linesWith(file, folder.path);
      return [
        ...(children === 0 ? [] : [`${children} children`]), ...runFolders, ...processes, ...groupsOfChildren(), ...named('/proc/self/mountinfo'), ...named('/proc/net/unix'),
      ];
    },
    [Symbol.asyncDispose]: async () => {
      await runner.stop();
      await experts.stop();
      await pool.stop();
      await guard.stop();
      store.close();
      // Code can nest folders beyond the longest path.
      await removeTree(folder.path);
      await folder[Symbol.asyncDispose]();
    },
  };
}

function networkOf(hosts: string[] | undefined): LaneNetwork {
  return hosts === undefined ? { mode: 'off' } : { mode: 'hosts', hosts: hosts.map((host) => ({ host, port: null })) };
}

function linesWith(file: string, word: string): string[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').split('\n').filter((line) => line.includes(word));
}

/** Control groups of children of this process, version 1 or 2. */
export function groupsOfChildren(): string[] {
  if (process.platform !== 'linux') return [];
  const mine = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n').map((line) => {
    const [, names = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return join('/sys/fs/cgroup', names.startsWith('name=') ? names.slice('name='.length) : names, path);
  });
  const isOurs = (name: string): boolean => name.startsWith(`sidecar-${process.pid}-`);
  return mine.flatMap((folder) => [folder, join(folder, '..')]).flatMap((folder) => foldersIn(folder).filter(isOurs).flatMap((name) => foldersIn(join(folder, name))));
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return []; // This system has none.
  }
}

/** Processes whose working folder or arguments lie below a folder; a sandboxed one shows its run folder in the arguments of its wrapper. */
export function processesIn(folder: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return line.includes(folder) || readlinkSync(`/proc/${pid}/cwd`).startsWith(folder) ? [`${pid} ${line.slice(0, 120)}`] : [];
    } catch {
      return []; // Gone meanwhile, or not ours to look at.
    }
  });
}

/** Writes files of a folder, by relative name. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}
