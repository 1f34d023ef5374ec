import { Worker } from 'node:worker_threads';
import type { Log } from '../../config/index.ts';
import type { LimitHit } from './guard-contract.ts';
import type { DiskCount } from './disk-walk.ts';

/** Folders that are counted together: `total` is what may be there in all, `run` what may be added from the first count on. */
export interface DiskGroup {
  folders: string[]; total: DiskCount; run: Pick<DiskCount, 'bytes' | 'entries'>;
  /** Set where the folders are file systems in memory that only a child of this process sees; they are asked, not walked. */
  mountedBelow?: number;
}

/** To the thread. */
export type MeterOrder = { op: 'watch'; id: string; groups: DiskGroup[]; sinceMs: number } | { op: 'drop'; id: string };
/** From the thread: a limit was passed; the child is no longer watched. */
export interface MeterMessage { id: string; kind: 'disk' | 'volume'; value: number; limit: number; detail: string }

const MOST_FAILURES = 3;
/** How long the thread, 10 MB of memory, waits for the next child. */
const REST_AFTER_MS = 500;

/** Watches the folders of running children from a thread of its own. */
export interface DiskMeter {
  watch(id: string, groups: DiskGroup[], onHit: (hit: LimitHit) => void): void;
  drop(id: string): void;
  stop(): Promise<void>;
}

/** Makes the meter; its thread is there while there are children. A thread that fails is replaced. */
export function createDiskMeter(log: Log): DiskMeter {
  const watched = new Map<string, { groups: DiskGroup[]; sinceMs: number; onHit: (hit: LimitHit) => void }>(); // removed by drop and by a hit
  let thread: Worker | null = null;
  let rest: NodeJS.Timeout | undefined;
  let isStopped = false;
  let failures = 0;

  const start = (): Worker => {
    const file = import.meta.url.endsWith('.ts') ? './disk-meter-thread.ts' : './disk-meter-thread.mjs';
    const worker = new Worker(new URL(file, import.meta.url), { env: {}, execArgv: [] });
    worker.unref();
    worker.on('message', ({ id, ...hit }: MeterMessage) => {
      const found = watched.get(id);
      remove(id);
      found?.onHit(hit);
    });
    worker.on('error', (error) => log.error({ error: String(error) }, 'the disk meter failed'));
    worker.on('exit', () => {
      if (thread !== worker) return;
      thread = null;
      failures += 1;
      if (!isStopped && watched.size > 0) restart();
    });
    return worker;
  };
  const restart = (): void => {
    if (failures > MOST_FAILURES) return giveUp();
    thread = start();
    for (const [id, { groups, sinceMs }] of watched) send({ op: 'watch', id, groups, sinceMs });
  };
  // Without a meter the limits do not hold, so nothing goes on unwatched.
  const giveUp = (): void => {
    const open = [...watched.values()];
    watched.clear();
    for (const { onHit } of open) onHit({ kind: 'disk', value: 0, limit: 0, detail: 'the disk meter failed' });
  };
  const remove = (id: string): boolean => {
    const isRemoved = watched.delete(id);
    clearTimeout(rest);
    rest = setTimeout(endThread, REST_AFTER_MS).unref();
    return isRemoved;
  };
  const endThread = (): void => {
    if (watched.size > 0) return;
    const worker = thread;
    thread = null;
    void worker?.terminate();
  };
  const send = (order: MeterOrder): void => {
    thread ??= start();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    thread.postMessage(order);
  };

  return {
    watch: (id, groups, onHit) => {
      if (isStopped) return;
      clearTimeout(rest);
      // The thread may come to its first count late, when the program has written already.
      const sinceMs = Date.now();
      watched.set(id, { groups, sinceMs, onHit });
      send({ op: 'watch', id, groups, sinceMs });
    },
    drop: (id) => {
      if (remove(id) && !isStopped) send({ op: 'drop', id });
    },
    stop: async () => {
      isStopped = true;
      clearTimeout(rest);
      watched.clear();
      await thread?.terminate();
    },
  };
}
