import { readdirSync, readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;
const TICK_MS = 10;
/** Bits of the fields `flags` and `signal` in /proc/<pid>/stat. */
const EXITING = 0x4;
const KILL_PENDING = 1 << 8;

/** Usage of a tree at one moment. */
export interface TreeUsage { pids: number[]; memoryBytes: number; threads: number; cpuMs: number }

/** Start time of a process in ticks since boot; null when there is none. A zombie counts as gone. */
export function startTimeOf(pid: number): string | null {
  const fields = statFields(pid);
  if (fields === null || fields[0] === 'Z' || fields[0] === 'X') return null;
  return fields[19] ?? null;
}

/** True when a process is gone, ends just now, or has a SIGKILL waiting for it: it will do nothing more that counts. */
export function isDoomed(pid: number): boolean {
  const fields = statFields(pid);
  if (fields === null || fields[0] === 'Z' || fields[0] === 'X') return true;
  return (Number(fields[6]) & EXITING) !== 0 || (Number(fields[28]) & KILL_PENDING) !== 0;
}

/** Identity of this boot; start times of another boot mean nothing. */
export function bootId(): string {
  return read('/proc/sys/kernel/random/boot_id').trim();
}

/** Direct children of all threads of a process. */
export function childrenOf(pid: number): number[] {
  const children: number[] = [];
  for (const task of list(`/proc/${pid}/task`)) {
    children.push(...read(`/proc/${pid}/task/${task}/children`).split(' ').filter((text) => text !== '').map(Number));
  }
  return children;
}

/** Everything below a process. Orphans of a pid namespace stay below it, because its first process takes them in. */
export function descendantsOf(pid: number): number[] {
  const found: number[] = [];
  const waiting = [pid];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const children = childrenOf(next);
    found.push(...children);
    waiting.push(...children);
  }
  return found;
}

/** Adds up the processes below one: memory without pages shared with files, threads, processor time. */
export function usageBelow(pid: number): TreeUsage {
  const pids = descendantsOf(pid);
  const usage: TreeUsage = { pids, memoryBytes: 0, threads: 0, cpuMs: 0 };
  for (const each of pids) {
    const [, resident = 0, shared = 0] = read(`/proc/${each}/statm`).split(' ').map(Number);
    const fields = statFields(each);
    usage.memoryBytes += Math.max(0, resident - shared) * PAGE_BYTES + sharedMemoryOf(each);
    usage.threads += Number(fields?.[17] ?? 0);
    // Children that ended are in the counters of the one that waited for them.
    usage.cpuMs += [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields?.[index] ?? 0), 0) * TICK_MS;
  }
  return usage;
}

function sharedMemoryOf(pid: number): number {
  const [, kilobytes = '0'] = /^RssShmem:\s+(\d+)/m.exec(read(`/proc/${pid}/status`)) ?? [];
  return Number(kilobytes) * 1024;
}

function statFields(pid: number): string[] | null {
  const text = read(`/proc/${pid}/stat`);
  return text === '' ? null : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // the process has ended
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return []; // the process has ended
  }
}
