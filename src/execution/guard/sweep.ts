import { readFileSync, rmdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ChildrenLedger, LedgerEntry } from './children-ledger.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { removeTree } from './remove-tree.ts';
import { listRunFolders } from './run-folder.ts';

/** Where the sweep looks. */
export interface SweepParts { ledger: ChildrenLedger; identity: ProcessIdentity; stateDir: string; sweepGroups(): number }

/** Ends what an earlier host left running and removes its folders. A pid that now belongs to another program is not touched. */
export async function sweepLeftovers(parts: SweepParts): Promise<{ killed: number; removed: number }> {
  const bootId = parts.identity.bootId();
  let killed = 0;
  let removed = 0;
  for (const entry of parts.ledger.read()) {
    const isOurs = entry.start_time !== '' && entry.boot_id === bootId && parts.identity.startTimeOf(entry.pid) === entry.start_time;
    if (isOurs) killed += killTree(entry, parts.identity);
    for (const group of entry.cgroup) removed += endGroup(group);
  }
  for (const folder of listRunFolders(parts.stateDir)) removed += (await removeTree(folder)) ? 1 : 0;
  removed += parts.sweepGroups();
  parts.ledger.compact();
  return { killed, removed };
}

function killTree(entry: LedgerEntry, identity: ProcessIdentity): number {
  const pids = [...identity.descendantsOf(entry.pid).reverse(), entry.pid];
  return pids.filter((pid) => killQuietly(pid)).length;
}

function endGroup(folder: string): number {
  try {
    for (const line of readFileSync(join(folder, 'cgroup.procs'), 'latin1').split('\n')) if (line !== '' && line !== '0') killQuietly(Number(line));
    rmdirSync(folder);
    removeHostGroup(dirname(folder));
    return 1;
  } catch {
    return 0; // gone already, or still emptying: the sweep of groups comes after
  }
}

/** The folder of a dead host, once its last child's is gone. */
function removeHostGroup(folder: string): void {
  if (!/^sidecar-\d+-/.test(basename(folder))) return;
  try {
    rmdirSync(folder);
  } catch {
    // others are still in it
  }
}

function killQuietly(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}
