import { execFileSync } from 'node:child_process';
import { bootId as linuxBootId, descendantsOf, startTimeOf as linuxStartTime } from './process-files.linux.ts';

const LIST_MS = 2_000;

/** What the sweep asks of the system. */
export interface ProcessIdentity {
  bootId(): string;
  /** Something that stays the same while this process lives; null = no such process. */
  startTimeOf(pid: number): string | null;
  descendantsOf(pid: number): number[];
}

/** By /proc on Linux, by `ps` on macOS. On Windows jobs end everything, so nothing is ever found. */
export function processIdentity(platform: NodeJS.Platform): ProcessIdentity {
  if (platform === 'linux') return { bootId: linuxBootId, startTimeOf: linuxStartTime, descendantsOf };
  if (platform === 'win32') return { bootId: () => 'windows', startTimeOf: () => null, descendantsOf: () => [] };
  return {
    bootId: () => run('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid']),
    startTimeOf: (pid) => run('/bin/ps', ['-o', 'lstart=', '-p', String(pid)]) || null,
    descendantsOf: (pid) => below(pid, run('/bin/ps', ['-A', '-o', 'pid=,ppid='])),
  };
}

/** Pids below one in a listing of `pid ppid` lines. */
export function below(pid: number, listing: string): number[] {
  const parents = listing.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const found: number[] = [];
  const waiting = [pid];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const children = parents.filter(([, parent]) => parent === next).flatMap(([child]) => (child === undefined || child === next ? [] : [child]));
    found.push(...children);
    waiting.push(...children);
  }
  return found;
}

function run(file: string, args: string[]): string {
  try {
    return execFileSync(file, args, { encoding: 'utf8', timeout: LIST_MS, stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}
