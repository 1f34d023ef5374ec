// Entry of the disk meter's thread: walks the folders of running children, away from the event loop of the host.
import { parentPort } from 'node:worker_threads';
import type { DiskGroup, MeterMessage, MeterOrder } from './disk-meter.ts';
import { askFileSystems, isPast, missingSpace, walkFolders, type DiskCount } from './disk-walk.ts';

const PERIOD_MS = 250;
const REST_FACTOR = 5;

interface Watched { groups: { group: DiskGroup; baseline: DiskCount | null }[] }

const watched = new Map<string, Watched>(); // removed by `drop`, or when a limit was passed
let timer: NodeJS.Timeout | null = null;

parentPort?.on('message', (order: MeterOrder) => {
  if (order.op === 'drop') watched.delete(order.id);
  else watched.set(order.id, { groups: order.groups.map((group) => ({ group, baseline: null })) });
  if (watched.size > 0 && timer === null) round();
});

function round(): void {
  const start = performance.now();
  for (const [id, each] of watched) {
    const hit = firstHit(each);
    if (hit === null) continue;
    watched.delete(id);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort?.postMessage({ id, ...hit } satisfies MeterMessage);
  }
  const took = performance.now() - start;
  timer = watched.size === 0 ? null : setTimeout(round, Math.max(PERIOD_MS, took * REST_FACTOR));
}

function firstHit({ groups }: Watched): Omit<MeterMessage, 'id'> | null {
  for (const each of groups) {
    const { total, run, folders, mountedBelow } = each.group;
    const count = mountedBelow === undefined ? walkFolders(folders, total) : askFileSystems(folders, mountedBelow);
    if (isPast(count, total)) return describe(count, total);
    each.baseline ??= count;
    const most = { bytes: each.baseline.bytes + run.bytes, entries: each.baseline.entries + run.entries, depth: total.depth };
    if (isPast(count, most)) return describe(count, most);
    const missing = mountedBelow === undefined ? missingSpace(folders[0] ?? '/') : 0;
    if (missing > 0) return { kind: 'volume', value: missing, limit: 0, detail: 'the volume is nearly full' };
  }
  return null;
}

function describe(count: DiskCount, most: DiskCount): Omit<MeterMessage, 'id'> {
  const part = count.bytes > most.bytes ? 'bytes' : count.entries > most.entries ? 'entries' : 'depth';
  return { kind: 'disk', value: count[part], limit: most[part], detail: part };
}
