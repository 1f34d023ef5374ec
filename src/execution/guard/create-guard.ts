import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SidecarError, type Lane } from '../../contracts/index.ts';
import { ChildrenLedger } from './children-ledger.ts';
import { openCgroups, type CgroupMaker } from './cgroup.ts';
import { createDiskMeter } from './disk-meter.ts';
import { findPython } from './find-python.ts';
import { makeFontCache } from './font-cache.ts';
import {
  GUARD_IDS, type CapabilityReport, type ExecutionGuard, type GuardDependencies, type GuardedChild, type GuardId, type GuardState,
  type PythonSearch, type SpawnRequest,
} from './guard-contract.ts';
import { allowedDomains } from './hosts-policy.ts';
import { inspectMachine, type MachineFacts } from './machine.ts';
import { probeCapabilities } from './probe-capabilities.ts';
import { processIdentity } from './process-identity.ts';
import { startChild, type StarterParts } from './start-child.ts';
import { sweepLeftovers } from './sweep.ts';

const LOST_WINDOW_MS = 60_000;
const LOST_LIMIT = 3;

/** What is found out once, at first use. */
interface Ground { parts: StarterParts; machine: MachineFacts; cgroups: CgroupMaker | { missing: string }; search: PythonSearch; swept: { killed: number; removed: number } }

/** Makes the guard of this process. Nothing is started or looked for before the first call. */
export function createGuard(dependencies: GuardDependencies): ExecutionGuard {
  return new Guard(dependencies);
}

class Guard implements ExecutionGuard {
  readonly #dependencies: GuardDependencies;
  readonly #children = new Set<GuardedChild>(); // left when a child is gone
  readonly #leaving = new Set<GuardedChild>(); // entered when its tree is empty, left when its folders are gone
  #ground: Promise<Ground> | null = null;
  #probe: Promise<CapabilityReport> | null = null;
  #report: CapabilityReport | null = null;
  #lostAt: number[] = [];
  #isStopped = false;

  constructor(dependencies: GuardDependencies) {
    this.#dependencies = dependencies;
  }

  report(): CapabilityReport | null { return this.#report; }

  async python(): Promise<PythonSearch> { return (await this.#prepare()).search; }

  probe(options: { fresh?: boolean; signal?: AbortSignal } = {}): Promise<CapabilityReport> {
    if (this.#probe === null || options.fresh === true) {
      const probe = this.#runProbe(options.fresh === true);
      this.#probe = probe;
      probe.catch(() => { if (this.#probe === probe) this.#probe = null; });
    }
    return abortable(this.#probe, options.signal);
  }

  async spawnGuarded(request: SpawnRequest): Promise<GuardedChild> {
    const report = await this.probe(request.options?.signal === undefined ? {} : { signal: request.options.signal });
    const { parts, search } = await this.#prepare();
    if (!search.found) throw new SidecarError('EXECUTION_UNAVAILABLE', search.reason, { detail: search.reason });
    const lane = report.lanes[request.lane];
    if (!lane.available) throw new SidecarError('LANE_REFUSED', `${request.lane}: ${lane.reason ?? ''}`, { detail: lane.reason ?? '' });
    this.#refuseWhenStopped();
    const guards = Object.fromEntries(GUARD_IDS.map((id) => [id, lane.guards[id].state])) as Record<GuardId, GuardState>;
    try {
      const child = await startChild(parts, { request, backend: lane.backend, runtime: search.runtime, guards, warnings: lane.warnings });
      return await this.#adopt(child);
    } catch (error) {
      this.noteWorkerLost();
      throw error;
    }
  }

  async prepareFonts(): Promise<boolean> {
    const { parts } = await this.#prepare();
    return await makeFontCache(parts.stateDir, (request) => this.spawnGuarded(request));
  }

  async sweep(): Promise<{ killed: number; removed: number }> {
    return (await this.#prepare()).swept;
  }

  children(): { live: number; leaving: number; byLane: Record<Lane, number> } {
    const byLane: Record<Lane, number> = { user: 0, expert: 0, notebook: 0 };
    for (const child of this.#children) if (!this.#leaving.has(child)) byLane[child.lane] += 1;
    return { live: this.#children.size - this.#leaving.size, leaving: this.#leaving.size, byLane };
  }

  noteWorkerLost(): void {
    const now = this.#dependencies.clock.monotonicMs();
    this.#lostAt = [...this.#lostAt.filter((at) => now - at < LOST_WINDOW_MS), now];
    if (this.#lostAt.length < LOST_LIMIT || this.#isStopped) return;
    this.#lostAt = [];
    this.probe({ fresh: true }).catch((error: unknown) => this.#dependencies.log.error({ error: String(error) }, 'the self-test failed'));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#children].map((child) => child.kill()));
    const ground = await this.#ground?.catch(() => null);
    await ground?.parts.diskMeter.stop();
    await ground?.parts.cgroups?.close();
    ground?.parts.ledger.compact();
  }

  #prepare(): Promise<Ground> {
    this.#ground ??= this.#lookAround();
    return this.#ground;
  }

  async #lookAround(): Promise<Ground> {
    const { config, stateDir, clock, ids, log } = this.#dependencies;
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const [machine, search] = await Promise.all([inspectMachine(config.execution.bwrap), findPython(config, process.platform)]);
    const mayUseGroups = machine.platform === 'linux' && this.#dependencies.useCgroups !== false;
    const cgroups = mayUseGroups ? openCgroups(`sidecar-${process.pid}-${ids.secret(4)}`) : { missing: 'not used' };
    const maker = 'missing' in cgroups ? null : cgroups;
    const ledger = new ChildrenLedger(join(stateDir, 'children.jsonl'));
    const identity = processIdentity(machine.platform);
    const swept = await sweepLeftovers({ ledger, identity, stateDir, sweepGroups: () => maker?.sweep() ?? 0 });
    const parts: StarterParts = {
      stateDir, sidecarRt: join(config.programDir, 'python', 'sidecar_rt'), machine, cgroups: maker, ledger, identity,
      diskMeter: createDiskMeter(log), hosts: this.#hosts(), clock, ids, log,
    };
    return { parts, machine, cgroups, search, swept };
  }

  async #runProbe(isFresh: boolean): Promise<CapabilityReport> {
    const { parts, machine, cgroups, search } = await this.#prepare();
    this.#refuseWhenStopped();
    this.#report = await probeCapabilities({
      stateDir: parts.stateDir, homeDir: this.#dependencies.config.homeDir, machine, cgroups, search, clock: parts.clock, ids: parts.ids,
      log: parts.log, bootId: parts.identity.bootId(), isFresh, hosts: parts.hosts.allowedDomains,
      spawn: async (order) => await this.#adopt(await startChild(parts, order)),
    });
    return this.#report;
  }

  /** Nothing of ours is readable behind the list of hosts, and nothing of the user. */
  #hosts(): StarterParts['hosts'] {
    const { config, stateDir } = this.#dependencies;
    const { laneNetwork } = config.execution;
    const folders = [config.homeDir, stateDir, '/home', '/root', '/mnt', '/media', '/run/user'].filter((path) => existsSync(path));
    return { allowedDomains: laneNetwork.mode === 'hosts' ? allowedDomains(laneNetwork.hosts) : [], denyRead: folders };
  }

  async #adopt(child: GuardedChild): Promise<GuardedChild> {
    this.#children.add(child);
    void this.#dropWhenGone(child);
    if (this.#isStopped) await child.kill();
    return child;
  }

  async #dropWhenGone(child: GuardedChild): Promise<void> {
    const facts = await child.empty;
    this.#leaving.add(child);
    await child.gone;
    this.#leaving.delete(child);
    this.#children.delete(child);
    if (facts.survivors > 0) this.#dependencies.log.error({ child: child.id, lane: child.lane }, 'a tree outlived its kill');
  }

  #refuseWhenStopped(): void {
    if (this.#isStopped) throw new SidecarError('EXECUTION_UNAVAILABLE', 'the guard is stopped');
  }
}

async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  signal.throwIfAborted();
  let stop = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  return await Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', stop));
}
