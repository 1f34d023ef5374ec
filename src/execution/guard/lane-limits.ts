import type { Lane } from '../../contracts/index.ts';
import type { DiskLimits, LaneLimits } from './guard-contract.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** What the limits depend on. */
export interface Machine { memoryBytes: number }

/** The limits a lane starts with. */
export function laneLimits(lane: Lane, machine: Machine): LaneLimits {
  if (lane === 'expert') {
    return {
      cpuMs: 10_000, memoryBytes: 768 * MIB, processes: 1, threads: 32, openFiles: 256, fileBytes: 16 * MIB, temporaryBytes: 16 * MIB,
      disk: { runBytes: 16 * MIB, runEntries: 32, totalBytes: 16 * MIB, totalEntries: 32, depth: 32 },
    };
  }
  const disk = { runBytes: 512 * MIB, runEntries: 10_000, totalBytes: GIB, totalEntries: 20_000, depth: 32 };
  if (lane === 'notebook') {
    return {
      cpuMs: null, memoryBytes: share(4 * GIB, machine), processes: 256, threads: 256, openFiles: 4096, fileBytes: GIB,
      temporaryBytes: 512 * MIB, disk,
    };
  }
  return {
    cpuMs: 40_000, memoryBytes: share(2 * GIB, machine), processes: 128, threads: 128, openFiles: 1024, fileBytes: 512 * MIB,
    temporaryBytes: 256 * MIB, disk,
  };
}

/** The most that a run of the lane may ask for. */
export function laneCaps(lane: Lane, machine: Machine): LaneLimits {
  const limits = laneLimits(lane, machine);
  if (lane === 'expert') return limits;
  const memoryBytes = Math.max(64 * MIB, Math.min(16 * GIB, Math.floor(machine.memoryBytes * 0.75)));
  return { ...limits, memoryBytes, cpuMs: lane === 'user' ? 240_000 : null };
}

/** What holds after a wish: the wish where it is made, never above the caps. */
export function agreeLimits(caps: LaneLimits, held: LaneLimits, wished: Partial<LaneLimits>): LaneLimits {
  const agree = (key: Exclude<keyof LaneLimits, 'cpuMs' | 'disk'>): number => Math.max(0, Math.min(caps[key], wished[key] ?? held[key]));
  const cpu = wished.cpuMs === undefined ? held.cpuMs : wished.cpuMs;
  const part = (key: keyof DiskLimits): number => Math.min(caps.disk[key], wished.disk?.[key] ?? held.disk[key]);
  return {
    cpuMs: cpu === null ? caps.cpuMs : Math.min(cpu, caps.cpuMs ?? cpu),
    memoryBytes: agree('memoryBytes'), processes: agree('processes'), threads: agree('threads'), openFiles: agree('openFiles'),
    fileBytes: agree('fileBytes'), temporaryBytes: agree('temporaryBytes'),
    disk: {
      runBytes: part('runBytes'), runEntries: part('runEntries'), totalBytes: part('totalBytes'), totalEntries: part('totalEntries'),
      depth: part('depth'),
    },
  };
}

function share(most: number, machine: Machine): number {
  return Math.min(most, Math.floor(machine.memoryBytes / 2));
}
