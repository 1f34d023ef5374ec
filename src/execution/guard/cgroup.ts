import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { mkdir, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findCgroupRoots, type CgroupRoots } from './cgroup-roots.ts';

/** Folders of one child, by controller; on v2 they are the same folder. */
export interface ChildCgroup {
  readonly folders: readonly string[];
  /** Where the joiner writes its pid. */
  readonly joinFiles: readonly string[];
  readonly countsMemory: boolean;
  readonly countsProcesses: boolean;
  readonly countsCpu: boolean;
  setLimits(limits: { memoryBytes: number; threads: number }): void;
  /** Kills by the kernel for memory, so far. */
  oomKills(): number;
  /** Processor time so far; null where nothing counts it. */
  cpuMs(): number | null;
  usage(): { cpuMs: number | null; peakBytes: number | null; peakProcesses: number | null; refusedForks: number | null };
  pids(): number[];
  /** Kills everything in it once; call again until `pids` is empty. */
  kill(): void;
  /** True when the folders are gone. Not on the event loop: the kernel may take its time to put a group away. */
  remove(): Promise<boolean>;
}

/** Makes groups for children where the system lets us. */
export interface CgroupMaker {
  readonly version: 1 | 2;
  readonly parents: readonly string[];
  readonly controllers: { memory: boolean; processes: boolean; cpu: boolean };
  create(name: string): Promise<ChildCgroup>;
  /** Removes empty groups that an earlier host left. */
  sweep(): number;
  /** Removes the folder above the children. */
  close(): Promise<void>;
}

/** Writes its pid into each file up to `--`, then becomes the rest. A refusal ends it with 125. */
export const JOINER = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 125; shift; done; shift; exec "$@"';

/** A maker, or the reason why there is none. */
export function openCgroups(name: string): CgroupMaker | { missing: string } {
  const roots = findCgroupRoots(name);
  if ('missing' in roots) return roots;
  // A tree that dies slowly keeps its groups; they are tried again with each new one and at the end.
  const late = new Set<ChildCgroup>();
  const removeLate = async (): Promise<void> => { for (const group of late) if (await group.remove()) late.delete(group); };
  const parents = [...new Set([roots.memory, roots.pids, roots.cpu].filter((folder) => folder !== null))];
  return {
    version: roots.version, parents,
    controllers: { memory: roots.memory !== null, processes: roots.pids !== null, cpu: roots.cpu !== null },
    create: async (child) => {
      await removeLate();
      const group = await createChildCgroup(roots, child);
      return {
        ...group,
        remove: async () => {
          const isGone = await group.remove();
          if (!isGone) late.add(group);
          return isGone;
        },
      };
    },
    sweep: () => parents.reduce((count, folder) => count + sweepBeside(folder), 0),
    close: async () => {
      await removeLate();
      for (const folder of parents) removeFolder(folder);
    },
  };
}

/** The groups of one child below the given folders. */
export async function createChildCgroup(roots: CgroupRoots, name: string): Promise<ChildCgroup> {
  const at = (folder: string | null): string | null => (folder === null ? null : join(folder, name));
  const place = { memory: at(roots.memory), pids: at(roots.pids), cpu: at(roots.cpu) };
  const folders = [...new Set(Object.values(place).filter((folder) => folder !== null))];
  await Promise.all(folders.map(async (folder) => await mkdir(folder)));
  const isV2 = roots.version === 2;
  let held = { memoryBytes: -1, threads: -1 };
  return {
    folders, joinFiles: folders.map((folder) => join(folder, 'cgroup.procs')),
    countsMemory: place.memory !== null, countsProcesses: place.pids !== null, countsCpu: place.cpu !== null,
    setLimits: ({ memoryBytes, threads }) => {
      if (held.memoryBytes === memoryBytes && held.threads === threads) return;
      if (place.pids !== null) writeFileSync(join(place.pids, 'pids.max'), String(threads));
      if (place.memory !== null) setMemory(place.memory, memoryBytes, isV2);
      held = { memoryBytes, threads };
    },
    oomKills: () => (place.memory === null ? 0 : keyed(join(place.memory, isV2 ? 'memory.events' : 'memory.oom_control'), 'oom_kill') ?? 0),
    cpuMs: () => cpuOf(place.cpu, isV2),
    usage: () => ({
      cpuMs: cpuOf(place.cpu, isV2),
      peakBytes: place.memory === null ? null : numberIn(join(place.memory, isV2 ? 'memory.peak' : 'memory.max_usage_in_bytes')),
      peakProcesses: place.pids === null ? null : numberIn(join(place.pids, 'pids.peak')),
      refusedForks: place.pids === null ? null : keyed(join(place.pids, 'pids.events'), 'max'),
    }),
    // The joiner enters the first one first, so whoever is in any is in it.
    pids: () => (folders[0] === undefined ? [] : pidsIn(folders[0])),
    kill: () => killAll(folders, isV2),
    remove: async () => (await Promise.all(folders.map(async (folder) => await rmdir(folder).then(() => true, () => !existsSync(folder))))).every(Boolean),
  };
}

function setMemory(folder: string, bytes: number, isV2: boolean): void {
  if (isV2) {
    writeFileSync(join(folder, 'memory.max'), String(bytes));
    writeFileSync(join(folder, 'memory.oom.group'), '1');
    tryWrite(join(folder, 'memory.swap.max'), '0');
    return;
  }
  // v1 refuses a limit above that of memory and swap together, so the latter is opened first.
  tryWrite(join(folder, 'memory.memsw.limit_in_bytes'), '-1');
  writeFileSync(join(folder, 'memory.limit_in_bytes'), String(bytes));
  tryWrite(join(folder, 'memory.memsw.limit_in_bytes'), String(bytes));
}

function cpuOf(folder: string | null, isV2: boolean): number | null {
  if (folder === null) return null;
  if (!isV2) return Math.round((numberIn(join(folder, 'cpuacct.usage')) ?? 0) / 1e6);
  return Math.round((keyed(join(folder, 'cpu.stat'), 'usage_usec') ?? 0) / 1000);
}

function killAll(folders: readonly string[], isV2: boolean): void {
  for (const folder of folders) {
    if (isV2 && tryWrite(join(folder, 'cgroup.kill'), '1')) continue;
    for (const pid of pidsIn(folder)) killQuietly(pid);
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended meanwhile
  }
}

/** Groups of hosts that no longer live lie beside ours: `sidecar-<pid>-…`. */
function sweepBeside(parent: string): number {
  let removed = 0;
  for (const name of foldersIn(dirname(parent))) {
    const [, pid] = /^sidecar-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || join(dirname(parent), name) === parent || existsSync(`/proc/${pid}`)) continue;
    const left = join(dirname(parent), name);
    for (const child of foldersIn(left)) {
      for (const each of pidsIn(join(left, child))) killQuietly(each);
      removed += removeFolder(join(left, child)) ? 1 : 0;
    }
    removeFolder(left);
  }
  return removed;
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

function pidsIn(folder: string): number[] {
  return readText(join(folder, 'cgroup.procs')).split('\n').filter((line) => line !== '' && line !== '0').map(Number);
}

function removeFolder(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return !existsSync(folder);
  }
}

function tryWrite(path: string, text: string): boolean {
  try {
    writeFileSync(path, text);
    return true;
  } catch {
    return false; // an older kernel has no such file
  }
}

function numberIn(path: string): number | null {
  const text = readText(path).trim();
  return /^\d+$/.test(text) ? Number(text) : null;
}

function keyed(path: string, key: string): number | null {
  const [, value] = new RegExp(`^${key} (\\d+)$`, 'm').exec(readText(path)) ?? [];
  return value === undefined ? null : Number(value);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
