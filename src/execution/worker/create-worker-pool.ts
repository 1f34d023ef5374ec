import { statSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Clock, Config, Log } from '../../config/index.ts';
import type { ExecutionGuard, PythonRuntime } from '../guard/index.ts';
import { WorkerPool } from './worker-pool.ts';

const MIB = 1024 * 1024;
const DEFAULT_POOL_MB = 512;

export interface CreateWorkerPoolDeps {
  guard: ExecutionGuard;
  config: Pick<Config, 'execution'>;
  clock: Clock;
  log: Log;
  /** Memory that other idle processes hold against the same budget, such as kernels. */
  otherMb?: () => number;
  /** Ends one of them that was used before this time. */
  releaseOther?: (usedBefore: number) => boolean;
  /** False while a turn waits for its first text. */
  mayFill?: () => boolean;
}

/** The pool of this machine. */
export function createWorkerPool({ guard, config, clock, log, otherMb, releaseOther, mayFill }: CreateWorkerPoolDeps): WorkerPool {
  let packages: readonly string[] = [];
  const learnPackages = async (): Promise<void> => {
    const search = await guard.python();
    if (search.found) packages = packageFolders(search.runtime);
  };
  return new WorkerPool({
    guard, clock, log,
    poolMb: config.execution.poolMb ?? Math.min(DEFAULT_POOL_MB, Math.floor(totalmem() / MIB / 10)),
    otherMb: otherMb ?? (() => 0),
    releaseOther: releaseOther ?? (() => false),
    mayFill: mayFill ?? (() => true),
    freeMemory: () => freemem() / totalmem(),
    learnRuntime: learnPackages,
    runtimeStamp: () => packages.map(changeTime).join(' '),
  });
}

/** Where the packages of a runtime lie, on each system. */
function packageFolders({ roots, version }: PythonRuntime): string[] {
  const [major = '3', minor = '11'] = version.split('.');
  return roots.flatMap((root) => [join(root, 'lib', `python${major}.${minor}`, 'site-packages'), join(root, 'Lib', 'site-packages')]);
}

function changeTime(folder: string): number {
  return statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
