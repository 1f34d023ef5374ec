import type { Lane } from '../../contracts/index.ts';
import { GUEST } from './bwrap-arguments.ts';
import type { DiskGroup } from './disk-meter.ts';
import type { ChildPaths, LaneLimits } from './guard-contract.ts';

const MOUNTED = [GUEST.temporary, '/dev/shm'];
const OWN_ENTRIES = 16;
const OWN_BYTES = 1024 * 1024;

/** The folders of one child that the disk meter counts, and with which limits. */
export function diskGroups(facts: { lane: Lane; paths: ChildPaths; limits: LaneLimits; mountedBelow: number | null }): DiskGroup[] {
  const { disk, temporaryBytes } = facts.limits;
  const total = { bytes: disk.totalBytes, entries: disk.totalEntries, depth: disk.depth };
  const temporary = { bytes: temporaryBytes + OWN_BYTES, entries: disk.runEntries + OWN_ENTRIES, depth: disk.depth };
  const work = facts.lane === 'expert' ? [facts.paths.home] : [facts.paths.workspace, facts.paths.home];
  // Their size is fixed when they are mounted; the number of files is not.
  const mounted = facts.mountedBelow === null ? []
    : [{ folders: MOUNTED, total: { ...temporary, bytes: Infinity }, run: { bytes: Infinity, entries: temporary.entries }, mountedBelow: facts.mountedBelow }];
  return [
    ...mounted,
    { folders: work, total, run: { bytes: disk.runBytes, entries: disk.runEntries } },
    { folders: [facts.paths.runFolder], total: temporary, run: { bytes: temporary.bytes, entries: temporary.entries } },
  ];
}
