// Entry of the disk meter's thread: walks the folders of running children, away from the event loop of the host.
import { parentPort } from 'node:worker_threads';
import type { DiskGroup, MeterMessage, MeterOrder } from './disk-meter.ts';
import { askFileSystems, isPast, missingSpace, walkFolders, type DiskCount } from './disk-walk.ts';

const PERIOD_MS = 250;
const REST_FACTOR = 5;

/** How far a workspace is counted that an earlier run filled beyond its limit, and what a run may add there while it cleans up. */
const FULL_FACTOR = 4;
const SLACK = { bytes: 1024 * 1024, entries: 64 } as const;

interface WatchedGroup { group: DiskGroup; baseline: DiskCount | null }
interface Watched { groups: WatchedGroup[]; sinceMs: number }

const watched = new Map<string, Watched>(); // removed by `drop`, or when a limit was passed
let timer: NodeJS.Timeout | null = null;

parentPort?.on('message', (order: MeterOrder) => {
  if (order.op === 'drop') watched.delete(order.id);
  else watch(order);
  if (watched.size > 0 && timer === null) round();
});

/** The first count is made at once: what is older than the order is not the new program's. */
function watch({ id, groups, sinceMs }: Extract<MeterOrder, { op: 'watch' }>): void {
  watched.set(id, { groups: groups.map((group) => ({ group, baseline: null })), sinceMs });
  look(id);
}

function look(id: string): void {
  const each = watched.get(id);
  const hit = each === undefined ? null : firstHit(each);
  if (hit === null) return;
  watched.delete(id);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage({ id, ...hit } satisfies MeterMessage);
}

function round(): void {
  const start = performance.now();
  for (const id of [...watched.keys()]) look(id);
  const took = performance.now() - start;
  timer = watched.size === 0 ? null : setTimeout(round, Math.max(PERIOD_MS, took * REST_FACTOR));
}

function firstHit({ groups, sinceMs }: Watched): Omit<MeterMessage, 'id'> | null {
  for (const each of groups) {
    const { folders, mountedBelow, total } = each.group;
    const most = each.baseline === null ? far(total) : mostOf(each.group, each.baseline);
    const count = mountedBelow === undefined ? walkFolders(folders, most, each.baseline === null ? sinceMs : Infinity) : askFileSystems(folders, mountedBelow);
    each.baseline ??= count;
    if (isPast(count, most)) return describe(count, most);
    const missing = mountedBelow === undefined ? missingSpace(folders[0] ?? '/') : 0;
    if (missing > 0) return { kind: 'volume', value: missing, limit: 0, detail: 'the volume is nearly full' };
  }
  return null;
}

function far({ bytes, entries }: DiskCount): DiskCount {
  return { bytes: bytes * FULL_FACTOR, entries: entries * FULL_FACTOR, depth: Infinity };
}

/** A workspace that was too full before the run stays usable: the run may look and remove, and hardly add. */
function mostOf({ total, run }: DiskGroup, baseline: DiskCount): DiskCount {
  const most = (part: 'bytes' | 'entries'): number =>
    (baseline[part] > total[part] ? baseline[part] + SLACK[part] : Math.min(total[part], baseline[part] + run[part]));
  return { bytes: most('bytes'), entries: most('entries'), depth: Math.max(total.depth, baseline.depth) };
}

function describe(count: DiskCount, most: DiskCount): Omit<MeterMessage, 'id'> {
  const part = count.bytes > most.bytes ? 'bytes' : count.entries > most.entries ? 'entries' : 'depth';
  return { kind: 'disk', value: count[part], limit: most[part], detail: part };
}
