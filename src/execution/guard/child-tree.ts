import type { ChildProcess } from 'node:child_process';
import { close, openSync } from 'node:fs';
import type { ChildCgroup } from './cgroup.ts';
import { childrenOf, isDoomed, startTimeOf } from './process-files.linux.ts';

const FIND_MS = 2;
const FIND_TRIES = 500;

/** How a tree is ended and how its emptiness is shown. */
export interface ChildTree {
  kill(): void;
  /**
   * Keeps the mounts of the tree until `close`, which lets go of them outside the event loop: the last process of a tree takes them down
   * itself, and that takes the kernel longer than everything else of its end. Nothing where there are none.
   */
  holdMounts(): void;
  /** True when the system shows that the main process or what wraps it is ending. */
  isDoomed(): boolean;
  /** Asked after the main process has ended. */
  isEmpty(): boolean;
  /** False where an empty answer proves nothing. */
  readonly givesProof: boolean;
  close(): void;
}

/**
 * A tree under bwrap: one process is the first of a pid namespace, and when it dies the kernel ends all others. It is killed rather
 * than bwrap itself, which then waits for it: so the end of bwrap shows that the tree is gone.
 */
export function createBwrapTree(child: ChildProcess, cgroup: ChildCgroup | null): ChildTree {
  const outer = child.pid ?? 0;
  let inner: { pid: number; startTime: string } | null = null;
  let tries = 0;
  let mounts: number | null = null;
  const find = (): void => {
    const [pid] = childrenOf(outer);
    const startTime = pid === undefined ? null : startTimeOf(pid);
    if (pid !== undefined && startTime !== null) inner = { pid, startTime };
  };
  const search = setInterval(() => {
    tries += 1;
    find();
    if (inner !== null || tries > FIND_TRIES || child.exitCode !== null) clearInterval(search);
  }, FIND_MS);
  search.unref();
  const isInnerAlive = (): boolean => inner !== null && startTimeOf(inner.pid) === inner.startTime;
  return {
    givesProof: true,
    kill: () => {
      if (inner === null && child.exitCode === null && child.signalCode === null) find();
      if (inner !== null && isInnerAlive()) killQuietly(inner.pid);
      else child.kill('SIGKILL');
      cgroup?.kill();
    },
    holdMounts: () => {
      if (inner === null) find();
      if (inner !== null) mounts ??= openQuietly(`/proc/${inner.pid}/ns/mnt`);
    },
    isDoomed: () => isDoomed(outer) || (inner !== null && isDoomed(inner.pid)),
    isEmpty: () => !isInnerAlive() && (cgroup === null || cgroup.pids().length === 0),
    close: () => {
      clearInterval(search);
      if (mounts !== null) close(mounts, () => {}); // Nothing depends on when it is done.
      mounts = null;
    },
  };
}

/** A tree under our launcher, which ends it on request and reports how many would not go. */
export function createLauncherTree(child: ChildProcess, link: { kill(): void; survivors(): number | null }, options: {
  cgroup: ChildCgroup | null; isSubreaper: boolean;
}): ChildTree {
  let asked = 0;
  return {
    givesProof: options.isSubreaper || options.cgroup !== null,
    kill: () => {
      asked += 1;
      link.kill();
      // A launcher that does not answer is ended itself; its end of the lifeline and the group end the rest.
      if (asked > 1) {
        options.cgroup?.kill();
        child.kill('SIGKILL');
      }
    },
    holdMounts: () => {},
    isDoomed: () => process.platform === 'linux' && isDoomed(child.pid ?? 0),
    isEmpty: () => (options.cgroup === null ? link.survivors() === 0 : options.cgroup.pids().length === 0),
    close: () => {},
  };
}

function openQuietly(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch {
    return null; // it ended meanwhile
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended meanwhile
  }
}
