import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { Clock, Ids, Log } from '../../config/index.ts';
import type { CgroupMaker, ChildCgroup } from './cgroup.ts';
import { createBwrapTree, createLauncherTree } from './child-tree.ts';
import type { ChildrenLedger } from './children-ledger.ts';
import { diskGroups } from './disk-groups.ts';
import type { DiskMeter } from './disk-meter.ts';
import { GuardUnavailable, type Backend, type GuardId, type GuardState, type LaneLimits, type LimitHit, type PythonRuntime, type SpawnRequest } from './guard-contract.ts';
import { seedFontCache } from './font-cache.ts';
import { GuardedProcess, type ChildMeters } from './guarded-process.ts';
import { laneCaps, laneLimits } from './lane-limits.ts';
import { openLauncherLink, type LauncherLink, type LauncherMessage } from './launcher-link.ts';
import { BROKER_SHARE } from './hosts-policy.ts';
import type { MachineFacts } from './machine.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { removeTree } from './remove-tree.ts';
import { createRunFolder, writePolicy } from './run-folder.ts';
import { planSpawn, type SpawnPlan } from './spawn-plan.ts';
import { createUsageWatch } from './usage-watch.ts';

/** What every start needs. */
export interface StarterParts {
  stateDir: string;
  sidecarRt: string;
  machine: MachineFacts;
  cgroups: CgroupMaker | null;
  ledger: ChildrenLedger;
  identity: ProcessIdentity;
  diskMeter: DiskMeter;
  /** The operator's list of hosts, for backend `srt`. */
  hosts: { allowedDomains: readonly string[]; denyRead: readonly string[] };
  clock: Clock;
  ids: Ids;
  log: Log;
}

/** One start: the request, and the way it was decided to run. */
export interface StartOrder {
  request: SpawnRequest;
  backend: Backend;
  runtime: PythonRuntime;
  guards: Record<GuardId, GuardState>;
  warnings: readonly string[];
}

/** bwrap's two own processes, or the launcher, live in the group too. */
function groupLimits(limits: LaneLimits, hasLauncher: boolean): { memoryBytes: number; threads: number } {
  return { memoryBytes: limits.memoryBytes, threads: limits.threads + (hasLauncher ? 1 : 2) };
}

/** The broker and its relays are counted too, so that what is left for the program is what it was promised. */
function withBroker(limits: LaneLimits, backend: Backend): LaneLimits {
  if (backend !== 'srt') return limits;
  return { ...limits, memoryBytes: limits.memoryBytes + BROKER_SHARE.memoryBytes, threads: limits.threads + BROKER_SHARE.threads };
}

/** Starts a child under a backend. What was made for it is removed again when the start fails. */
export async function startChild(parts: StarterParts, order: StartOrder): Promise<GuardedProcess> {
  if (!existsSync(order.runtime.executable)) throw new GuardUnavailable('python_unavailable', 'the Python of the last test is gone');
  const id = parts.ids.secret(9);
  const workspace = realFolders(order.request.workspace);
  const runFolder = realpathSync(await createRunFolder(parts.stateDir, id));
  const limits = order.request.options?.limits ?? laneLimits(order.request.lane, parts.machine);
  let cgroup: ChildCgroup | null = null;
  try {
    cgroup = await parts.cgroups?.create(id) ?? null;
    cgroup?.setLimits(groupLimits(withBroker(limits, order.backend), order.backend !== 'bwrap'));
    const plan = planSpawn({
      backend: order.backend, lane: order.request.lane, program: order.request.program, workspace, runFolder, limits,
      machine: parts.machine, runtime: order.runtime, sidecarRt: parts.sidecarRt, cgroup, hosts: parts.hosts,
    });
    seedFontCache(parts.stateDir, join(order.request.lane === 'expert' ? runFolder : plan.host.home, '.matplotlib'));
    writePolicy(runFolder, plan.policy);
    if (plan.launch !== null) writeFileSync(join(runFolder, 'launch.json'), JSON.stringify(plan.launch), { mode: 0o600 });
    if (plan.broker !== null) writeFileSync(join(runFolder, 'broker.json'), JSON.stringify(plan.broker), { mode: 0o600 });
    const process = await spawnPlan(plan, runFolder);
    return watch(parts, order, { id, plan, process, cgroup, limits, runFolder });
  } catch (error) {
    await Promise.all([cgroup?.remove(), removeTree(runFolder)]);
    if (error instanceof GuardUnavailable) throw error;
    throw new GuardUnavailable('guard_unavailable', error instanceof Error ? error.message : 'the start failed', { cause: error });
  }
}

interface Started {
  id: string; plan: SpawnPlan; process: ChildProcess; cgroup: ChildCgroup | null; limits: LaneLimits; runFolder: string;
}

function watch(parts: StarterParts, order: StartOrder, started: Started): GuardedProcess {
  const { process, plan, cgroup, id } = started;
  const pid = process.pid ?? 0;
  let child: GuardedProcess | null = null;
  const onHit = (hit: LimitHit): void => child?.hit(hit);
  const launcher = plan.hasLauncher ? followLauncher(process, onHit) : null;
  const usage = parts.machine.platform === 'linux' && launcher === null ? createUsageWatch(pid, cgroup, onHit) : null;
  const groupUsage = launcher !== null && cgroup !== null ? createUsageWatch(pid, cgroup, onHit) : null;
  const tree = launcher === null ? createBwrapTree(process, cgroup)
    : createLauncherTree(process, { kill: launcher.link.kill, survivors: launcher.survivors }, {
      cgroup, isSubreaper: parts.machine.platform !== 'darwin',
    });
  const meters: ChildMeters = {
    arm: (limits) => {
      cgroup?.setLimits(groupLimits(withBroker(limits, order.backend), plan.hasLauncher));
      usage?.arm(limits);
      groupUsage?.arm(withBroker(limits, order.backend));
      launcher?.link.arm(withBroker(limits, order.backend));
      const mountedBelow = order.backend === 'bwrap' && cgroup?.countsMemory === true ? pid : null;
      parts.diskMeter.watch(id, diskGroups({ lane: order.request.lane, paths: plan.host, limits, mountedBelow }), onHit);
    },
    finish: () => {
      parts.diskMeter.drop(id);
      const seen = (usage ?? groupUsage)?.finish() ?? null;
      const told = launcher?.usage() ?? null;
      const none = { cpuMs: null, peakBytes: null, peakProcesses: null, refusedForks: null };
      return { hit: seen?.hit ?? null, usage: { ...none, ...told, ...seen?.usage } };
    },
  };
  child = new GuardedProcess({
    id, lane: order.request.lane, backend: order.backend, process, stdio: stdioOf(process), paths: { host: plan.host, guest: plan.guest },
    guards: order.guards, warnings: order.warnings, limits: { held: started.limits, caps: laneCaps(order.request.lane, parts.machine) },
    tree, meters, reportedExit: () => launcher?.exit() ?? null, clock: parts.clock,
    cleanUp: () => cleanUp(parts, started),
  });
  parts.ledger.add({
    pid, start_time: parts.identity.startTimeOf(pid) ?? '', boot_id: parts.identity.bootId(), lane: order.request.lane,
    cgroup: [...(cgroup?.folders ?? [])], run_folder: started.runFolder,
  });
  return child;
}

async function cleanUp(parts: StarterParts, started: Started): Promise<void> {
  const [isRemoved, isGroupGone] = await Promise.all([removeTree(started.runFolder), started.cgroup?.remove() ?? true]);
  parts.ledger.forget(started.process.pid ?? 0);
  if (!isRemoved || !isGroupGone) parts.log.warn({ child: started.id, isRemoved, isGroupGone }, 'something of a child stays until the next sweep');
}

/** The host's view of a launcher: its last words and its link. */
function followLauncher(process: ChildProcess, onHit: (hit: LimitHit) => void) {
  let last: Extract<LauncherMessage, { event: 'exited' }> | null = null;
  // stdio[3] was asked for as a pipe, which Node makes a duplex stream.
  const link: LauncherLink = openLauncherLink(process.stdio[3] as Duplex, (message) => {
    if (message.event === 'limit') onHit({ kind: message.kind, value: message.value, limit: message.limit, detail: message.kind });
    if (message.event === 'exited') last = message;
  });
  process.once('exit', () => link.close());
  return {
    link,
    survivors: () => last?.survivors ?? null,
    // The names come from the same list of signals.
    exit: () => (last === null ? null : { code: last.code, signal: last.signal as NodeJS.Signals | null }),
    usage: () => (last === null ? null : { cpuMs: last.cpu_ms, peakBytes: last.peak_bytes, peakProcesses: last.peak_processes }),
  };
}

function stdioOf(process: ChildProcess): { stdin: Writable; stdout: Readable; stderr: Readable } {
  const { stdin, stdout, stderr } = process;
  if (stdin === null || stdout === null || stderr === null) throw new Error('a child without pipes');
  for (const stream of [stdin, stdout, stderr]) stream.on('error', () => {}); // a child that ends first breaks its pipes; its exit tells
  return { stdin, stdout, stderr };
}

async function spawnPlan(plan: SpawnPlan, runFolder: string): Promise<ChildProcess> {
  const inputs = plan.inputs.map((text, index) => openInput(join(runFolder, `input-${index}`), text));
  try {
    const [file = '', ...args] = plan.command;
    const child = spawn(file, args, {
      cwd: plan.cwd, env: plan.environment, detached: process.platform !== 'win32', windowsHide: true,
      stdio: ['pipe', 'pipe', 'pipe', ...(plan.hasLauncher ? ['pipe' as const] : inputs)],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(new GuardUnavailable('guard_unavailable', error.message, { cause: error })));
    });
    return child;
  } finally {
    for (const descriptor of inputs) closeSync(descriptor);
  }
}

/** A descriptor of a text that has no name any more. */
function openInput(path: string, text: Buffer): number {
  writeFileSync(path, text, { mode: 0o600 });
  const descriptor = openSync(path, 'r');
  rmSync(path);
  return descriptor;
}

function realFolders(workspace: SpawnRequest['workspace']): SpawnRequest['workspace'] {
  // Asked first: where the session's folder is gone, nothing of it is made again.
  const folder = realpathSync(workspace.folder);
  for (const path of [workspace.home, workspace.packages]) if (path !== null) mkdirSync(path, { recursive: true, mode: 0o700 });
  const real = (path: string | null): string | null => (path === null ? null : realpathSync(path));
  return { ...workspace, folder, home: real(workspace.home), packages: real(workspace.packages) };
}
