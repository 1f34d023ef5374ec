import { join } from 'node:path';
import type { Clock, Ids, Log } from '../../config/index.ts';
import type { Lane } from '../../contracts/index.ts';
import { capabilityKey, POLICY_VERSION, readCapabilities, writeCapabilities } from './capability-cache.ts';
import type { CgroupMaker } from './cgroup.ts';
import { buildEnvironment } from './environment.ts';
import type { Backend, CapabilityReport, GuardedChild, GuardId, GuardState, LaneCapability, PythonRuntime, PythonSearch } from './guard-contract.ts';
import { addressesIn, HOSTS_FIX, missingTools, PROXY_NAMES } from './hosts-policy.ts';
import { judgeGuards } from './judge-guards.ts';
import { describeLane, unavailableLane } from './lane-capability.ts';
import { laneLimits } from './lane-limits.ts';
import type { MachineFacts } from './machine.ts';
import { removeTree } from './remove-tree.ts';
import { runSelfTest } from './self-test.ts';
import type { StartOrder } from './start-child.ts';

/** What a probe needs. */
export interface ProbeParts {
  stateDir: string;
  homeDir: string;
  machine: MachineFacts;
  cgroups: CgroupMaker | { missing: string };
  search: PythonSearch;
  bootId: string;
  isFresh: boolean;
  /** The operator's list of hosts; empty = the network stays off. */
  hosts: readonly string[];
  clock: Clock;
  ids: Ids;
  log: Log;
  spawn(order: StartOrder): Promise<GuardedChild>;
}

/** What Python or the C library may add to the environment by themselves. */
const ADDED_NAMES = ['LC_CTYPE', 'PWD', 'SHLVL', '_', '__CF_USER_TEXT_ENCODING', 'OLDPWD'];

const HOSTS_MISSING = 'the network stays off: a list of allowed hosts cannot be enforced here';

/** The report: from the cache while nothing it depends on has changed, else from a new self-test. */
export async function probeCapabilities(parts: ProbeParts): Promise<CapabilityReport> {
  const { search } = parts;
  if (!search.found) return report(parts, parts.clock.monotonicMs(), (lane) => unavailableLane(lane, search.reason));
  const file = join(parts.stateDir, 'capabilities.json');
  const missing = parts.hosts.length === 0 ? [] : missingTools();
  const cgroups = 'missing' in parts.cgroups ? parts.cgroups.missing : `v${parts.cgroups.version}`;
  const key = capabilityKey({ machine: parts.machine, runtime: search.runtime, bootId: parts.bootId, cgroups, hosts: [...parts.hosts, ...missing] });
  const known = parts.isFresh ? null : readCapabilities(file, key);
  if (known !== null) return known;
  const start = parts.clock.monotonicMs();
  const tested = { ...parts, spawn: oneAtATime(parts.spawn) };
  const [expert, off] = await Promise.all([testLane(tested, 'expert', search.runtime), testLane(tested, 'user', search.runtime)]);
  const user = parts.hosts.length === 0 ? off : await testHosts(tested, { runtime: search.runtime, missing, off });
  // The notebook lane runs in the user lane's guards.
  const made = report(parts, start, (lane) => (lane === 'expert' ? expert : user));
  writeCapabilities(file, key, made);
  return made;
}

/** Starts side by side would hold the event loop one after the other in a single turn of it; so each waits for the one before. */
function oneAtATime(spawn: ProbeParts['spawn']): ProbeParts['spawn'] {
  let last: Promise<unknown> = Promise.resolve();
  return async (order) => {
    const started = last.then(() => spawn(order));
    last = started.catch(() => undefined); // whoever asked for it hears of a failure
    return await started;
  };
}

/** The lane with its list of hosts, or as it is without: code gets less than was asked for, never more, and the lane says so. */
async function testHosts(parts: ProbeParts, how: { runtime: PythonRuntime; missing: readonly string[]; off: LaneCapability }): Promise<LaneCapability> {
  if (parts.machine.platform !== 'linux') return withoutHosts(how.off, 'not on this system', null);
  const [address] = addressesIn(parts.hosts);
  if (address !== undefined) return withoutHosts(how.off, `${address} is no name of another host`, null);
  if (how.missing.length > 0) return withoutHosts(how.off, `${how.missing.join(' and ')} missing`, HOSTS_FIX);
  if ('missing' in parts.machine.bwrap) return withoutHosts(how.off, parts.machine.bwrap.missing, 'apt-get install bubblewrap');
  let problem = '';
  for (let tries = 0; tries < 2; tries += 1) {
    try {
      const tested = await testBackend(parts, { lane: 'user', backend: 'srt', runtime: how.runtime });
      const holds = (['network', 'files_write', 'files_read', 'kill_tree'] as const).every((id) => tested.guards[id].state === 'enforced');
      if (tested.available && holds) return tested;
      problem = tested.reason ?? 'the filter did not pass its self-test';
    } catch (error) {
      problem = (error instanceof Error ? error.message : 'it did not start').slice(0, 300);
    }
    parts.log.warn({ problem }, 'the filter for a list of hosts did not pass its self-test');
  }
  return withoutHosts(how.off, problem, HOSTS_FIX);
}

function withoutHosts(off: LaneCapability, problem: string, fix: string | null): LaneCapability {
  const reason = `${HOSTS_MISSING} (${problem})`;
  const guards = { ...off.guards, network: { ...off.guards.network, state: 'degraded' as const, reason, fix } };
  return { ...off, guards, warnings: [`${reason}${fix === null ? '' : `; to close: ${fix}`}`, ...off.warnings] };
}

/** Backends of a system, the strongest first. */
export function backendsOf(machine: MachineFacts): Backend[] {
  if (machine.platform === 'linux') return 'missing' in machine.bwrap ? ['landlock', 'none'] : ['bwrap', 'landlock', 'none'];
  if (machine.platform === 'darwin') return ['seatbelt', 'none'];
  if (machine.platform === 'win32') return ['appcontainer', 'low_integrity', 'none'];
  return ['none'];
}

/** The first backend under which the lane's minimum holds. */
async function testLane(parts: ProbeParts, lane: Lane, runtime: PythonRuntime): Promise<LaneCapability> {
  let best: LaneCapability | null = null;
  const problems: string[] = 'missing' in parts.machine.bwrap && parts.machine.platform === 'linux' ? [`${parts.machine.bwrap.missing}; to close: apt-get install bubblewrap`] : [];
  // Each is tried twice: a busy moment must not leave a lane with less than the machine can give.
  for (const backend of backendsOf(parts.machine).flatMap((each) => [each, each])) {
    if (best?.backend === backend) continue;
    try {
      const tested = await testBackend(parts, { lane, backend, runtime });
      if (tested.available) return withProblems(tested, problems);
      best ??= tested;
    } catch (error) {
      const message = error instanceof Error ? error.message : 'did not start';
      const problem = (message.startsWith(backend) ? message : `${backend}: ${message}`).slice(0, 300);
      if (!problems.includes(problem)) problems.push(problem);
      parts.log.warn({ lane, backend, problem }, 'a sandbox did not pass its self-test');
    }
  }
  return best === null ? unavailableLane(lane, problems.join('; ')) : withProblems(best, problems);
}

async function testBackend(parts: ProbeParts, how: { lane: Lane; backend: Backend; runtime: PythonRuntime }): Promise<LaneCapability> {
  const { lane, backend, runtime } = how;
  const { machine, cgroups } = parts;
  const folder = join(parts.stateDir, `self-test-${parts.ids.secret(6)}`);
  try {
    // Nothing is claimed for a child of the test itself.
    const guards = {} as Record<GuardId, GuardState>;
    const group = 'missing' in cgroups ? null : cgroups;
    const hasSeccomp = machine.arch === 'x64' && (backend === 'bwrap' || backend === 'landlock' || backend === 'srt');
    const refusesForks = backend === 'srt' || group?.controllers.processes === true || (lane === 'expert' && hasSeccomp);
    const test = await runSelfTest({
      refusesForks,
      folder, homeDir: parts.homeDir, limits: laneLimits(lane, machine), ids: parts.ids,
      spawn: (request) => parts.spawn({ request, backend, runtime, guards, warnings: [] }),
    }, lane);
    return describeLane(lane, backend, judgeGuards({
      platform: machine.platform, lane, backend, test, hasSeccomp,
      cgroup: group === null ? null : { version: group.version, ...group.controllers }, environmentNames: environmentNames(lane, machine, backend),
    }));
  } finally {
    await removeTree(folder);
  }
}

function environmentNames(lane: Lane, machine: MachineFacts, backend: Backend): Set<string> {
  const paths = { workspace: '/', runFolder: '/', home: '/', temporary: '/' };
  const facts = { lane, platform: machine.platform, paths, binFolder: '/', matplotlibBackend: '', timeZone: '', cpuCount: 1 };
  return new Set([...Object.keys(buildEnvironment(facts)), ...ADDED_NAMES, ...(backend === 'srt' ? PROXY_NAMES : [])]);
}

function withProblems(lane: LaneCapability, problems: readonly string[]): LaneCapability {
  return problems.length === 0 ? lane : { ...lane, warnings: [...problems, ...lane.warnings] };
}

function report(parts: ProbeParts, start: number, lane: (lane: Lane) => LaneCapability): CapabilityReport {
  const { machine, search, clock } = parts;
  return {
    platform: machine.platform, arch: machine.arch, os_release: machine.osRelease, python: search.found ? search.runtime.version : null,
    policy_version: POLICY_VERSION, tested_at: clock.now().toISOString(), took_ms: Math.round(clock.monotonicMs() - start),
    lanes: { user: lane('user'), expert: lane('expert'), notebook: lane('notebook') },
  };
}
