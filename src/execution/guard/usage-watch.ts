import type { ChildCgroup } from './cgroup.ts';
import type { LaneLimits, LimitHit } from './guard-contract.ts';
import { usageBelow } from './process-files.linux.ts';

const GROUP_POLL_MS = 50;
const TREE_POLL_MS = 20;

/** What a tree has used, as far as it is known. */
export interface Usage { cpuMs: number | null; peakBytes: number | null; peakProcesses: number | null; refusedForks: number | null }

/** Watches memory and processor time of one tree on Linux: by its group, and by /proc where a controller is missing. */
export interface UsageWatch {
  arm(limits: LaneLimits): void;
  /** The last look, when the main process has ended. */
  finish(): { hit: LimitHit | null; usage: Usage };
}

/** Watches from `arm` on; `onHit` is called for every broken limit that is seen. */
export function createUsageWatch(pid: number, cgroup: ChildCgroup | null, onHit: (hit: LimitHit) => void): UsageWatch {
  const countsMemory = cgroup?.countsMemory === true;
  const countsCpu = cgroup?.countsCpu === true;
  const seen = { memory: 0, processes: 0, cpu: 0 };
  let limits: LaneLimits | null = null;
  let cpuAtArm = 0;

  const lookBelow = (): void => {
    const usage = usageBelow(pid);
    seen.memory = Math.max(seen.memory, usage.memoryBytes);
    seen.processes = Math.max(seen.processes, usage.pids.length);
    seen.cpu = Math.max(seen.cpu, usage.cpuMs);
    if (limits === null) return;
    if (!countsMemory && usage.memoryBytes > limits.memoryBytes) onHit(hitOf('memory', usage.memoryBytes, limits.memoryBytes));
    if (cgroup?.countsProcesses !== true && usage.threads > limits.threads) onHit(hitOf('processes', usage.threads, limits.threads));
  };
  const cpuMs = (): number => (countsCpu ? cgroup.cpuMs() ?? 0 : seen.cpu);
  const look = (cpuSoFar: () => number): LimitHit | null => {
    if (cgroup !== null && cgroup.oomKills() > 0) return hitOf('memory', cgroup.usage().peakBytes ?? 0, limits?.memoryBytes ?? 0);
    if (limits?.cpuMs == null) return null;
    const used = cpuSoFar() - cpuAtArm;
    return used > limits.cpuMs ? hitOf('cpu', used, limits.cpuMs) : null;
  };
  const lookAtGroup = (): void => {
    const hit = look(cpuMs);
    if (hit !== null) onHit(hit);
  };
  // Nothing is looked at while a child waits for its work: it holds no limits yet, and many wait at once.
  const timers: NodeJS.Timeout[] = [];
  return {
    arm: (next) => {
      if (!countsCpu) lookBelow();
      cpuAtArm = cpuMs();
      if (limits === null) {
        timers.push(setInterval(lookAtGroup, GROUP_POLL_MS));
        if (!countsMemory || !countsCpu) timers.push(setInterval(lookBelow, TREE_POLL_MS));
      }
      limits = next;
    },
    finish: () => {
      for (const timer of timers) clearInterval(timer);
      const usage = cgroup?.usage();
      const isSeen = timers.length > 1;
      return {
        hit: look(() => (countsCpu ? usage?.cpuMs ?? 0 : seen.cpu)),
        usage: {
          cpuMs: countsCpu ? usage?.cpuMs ?? null : seen.cpu, peakBytes: countsMemory ? usage?.peakBytes ?? null : seen.memory,
          peakProcesses: usage?.peakProcesses ?? (isSeen ? seen.processes : null), refusedForks: usage?.refusedForks ?? null,
        },
      };
    },
  };
}

function hitOf(kind: 'memory' | 'cpu' | 'processes', value: number, limit: number): LimitHit {
  return { kind, value: Math.round(value), limit, detail: kind };
}
