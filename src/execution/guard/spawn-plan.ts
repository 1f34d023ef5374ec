import { mkdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Lane } from '../../contracts/index.ts';
import { encodeBpf } from './bpf.ts';
import { bwrapArguments, GUEST, type TemporarySpace } from './bwrap-arguments.ts';
import { JOINER, type ChildCgroup } from './cgroup.ts';
import { buildEnvironment } from './environment.ts';
import type { Backend, ChildPaths, LaneLimits, ProgramSpec, PythonRuntime, WorkspaceSpec } from './guard-contract.ts';
import { brokerFile, seccompHelper, type HostsPolicy } from './hosts-policy.ts';
import { landlockPolicy } from './landlock-policy.ts';
import type { MachineFacts } from './machine.ts';
import { seatbeltCommand, seatbeltPlan } from './seatbelt-profile.ts';
import { buildSeccompFilter } from './seccomp-filter.ts';
import { windowsPlan } from './windows-plan.ts';

/** Everything that decides how one child is started. */
export interface PlanFacts {
  backend: Backend;
  lane: Lane;
  program: ProgramSpec;
  workspace: WorkspaceSpec;
  runFolder: string;
  limits: LaneLimits;
  machine: MachineFacts;
  runtime: PythonRuntime;
  sidecarRt: string;
  cgroup: ChildCgroup | null;
  /** Where backend `srt` lets a child go, and what it must not read. */
  hosts?: { allowedDomains: readonly string[]; denyRead: readonly string[] };
}

/** A command with its surroundings; nothing has been started. */
export interface SpawnPlan {
  command: string[];
  environment: Record<string, string>;
  cwd: string;
  hasLauncher: boolean;
  /** Texts that bwrap reads from descriptors 3, 4, …, in this order. */
  inputs: Buffer[];
  host: ChildPaths;
  guest: ChildPaths;
  /** What the program reads first, see `bootstrap.py`. */
  policy: object;
  /** What the launcher on Windows reads. */
  launch: object | null;
  /** What the broker of backend `srt` reads. */
  broker: HostsPolicy | null;
}

const PASSWD = 'sandbox:x:65534:65534:sandbox:/home/sandbox:/usr/sbin/nologin\n';
const FIRST_INPUT = 3;

/** Composes the command: joiner, launcher, sandbox, Python; parts that are not needed are absent. */
export function planSpawn(facts: PlanFacts): SpawnPlan {
  const host = hostPaths(facts);
  const isBwrap = facts.backend === 'bwrap';
  const guest = isBwrap ? guestPaths(facts.lane) : host;
  const environment = buildEnvironment({
    lane: facts.lane, platform: facts.machine.platform, paths: guest, binFolder: dirname(facts.runtime.executable),
    matplotlibBackend: facts.program.matplotlibBackend, timeZone: facts.machine.timeZone, cpuCount: facts.machine.cpuCount,
    ...(facts.machine.systemRoot === undefined ? {} : { systemRoot: facts.machine.systemRoot }),
  });
  const filter = seccompFilter(facts);
  const programFolder = isBwrap ? GUEST.sidecarRt : facts.sidecarRt;
  const python = [facts.runtime.executable, '-P', '-s', '-B', '-X', 'utf8', join(programFolder, facts.program.script), guest.runFolder];
  const inputs = isBwrap ? [Buffer.from(PASSWD), ...(filter === null ? [] : [filter])] : [];
  return {
    command: [...joiner(facts.cgroup), ...launcher(facts), ...sandboxed(facts, environment, python)],
    environment: isBwrap ? { PATH: '/usr/bin:/bin' } : environment,
    cwd: facts.workspace.folder, hasLauncher: !isBwrap, inputs, host, guest,
    policy: {
      lane: facts.lane, backend: facts.backend, workspace: guest.workspace, run_folder: guest.runFolder, home: guest.home,
      temporary: guest.temporary, packages: packagesOf(facts, isBwrap), limits: facts.limits,
      limit_processes: isBwrap, low_integrity: facts.backend === 'low_integrity',
      landlock: facts.backend === 'landlock' || facts.backend === 'srt' ? landlockPolicy({
        lane: facts.lane, paths: host, runtimeRoots: facts.runtime.roots, sidecarRt: facts.sidecarRt, packages: facts.workspace.packages,
        seccomp: filter, allowsTcp: facts.backend === 'srt',
      }) : null,
    },
    launch: facts.machine.platform === 'win32' ? windowsPlan({ ...facts, paths: host, environment }) : null,
    broker: facts.backend === 'srt' ? brokerPolicy(facts, { host, environment, python }) : null,
  };
}

/** What the outer walls of a child with a list of hosts are; the inner ones are those of backend `landlock`. */
function brokerPolicy(facts: PlanFacts, made: { host: ChildPaths; environment: Record<string, string>; python: string[] }): HostsPolicy {
  const { host } = made;
  const packages = facts.workspace.packages === null ? [] : [facts.workspace.packages];
  const helper = seccompHelper(facts.machine.arch);
  if ('missing' in facts.machine.bwrap) throw new Error(facts.machine.bwrap.missing);
  return {
    allowed_domains: [...facts.hosts?.allowedDomains ?? []], deny_read: [...facts.hosts?.denyRead ?? []],
    allow_read: [...facts.runtime.roots, facts.sidecarRt, dirname(helper ?? brokerFile())],
    allow_write: [host.workspace, host.home, host.runFolder, ...packages], seccomp_helper: helper, bwrap: facts.machine.bwrap.path, cwd: host.workspace,
    temporary: host.temporary, environment: { ...made.environment, ...(packages[0] === undefined ? {} : { PIP_TARGET: packages[0] }) }, command: made.python,
  };
}

function joiner(cgroup: ChildCgroup | null): string[] {
  return cgroup === null ? [] : ['/bin/sh', '-c', JOINER, 'sh', ...cgroup.joinFiles, '--'];
}

function launcher(facts: PlanFacts): string[] {
  if (facts.backend === 'bwrap') return [];
  return [facts.runtime.executable, '-I', '-S', '-B', join(facts.sidecarRt, 'launcher.py'), facts.runFolder, '--'];
}

function sandboxed(facts: PlanFacts, environment: Record<string, string>, python: string[]): string[] {
  const { machine, workspace } = facts;
  if (facts.backend === 'seatbelt') {
    const plan = seatbeltPlan({
      // The kernel compares with the file itself, not with a link to it.
      lane: facts.lane, python: realpathSync(facts.runtime.executable), runtimeRoots: facts.runtime.roots, sidecarRt: facts.sidecarRt,
      workspace: workspace.folder, runFolder: facts.runFolder, home: workspace.home, packages: workspace.packages,
    });
    return seatbeltCommand(plan, python);
  }
  if (facts.backend === 'srt') return [process.execPath, brokerFile(), join(facts.runFolder, 'broker.json')];
  if (facts.backend !== 'bwrap') return python;
  if ('missing' in machine.bwrap) throw new Error(machine.bwrap.missing);
  return [machine.bwrap.path, ...bwrapArguments({
    lane: facts.lane, environment, systemLinks: machine.systemLinks, runtimeRoots: facts.runtime.roots, sidecarRt: facts.sidecarRt,
    workspace: workspace.folder, runFolder: facts.runFolder, home: workspace.home, packages: workspace.packages,
    temporary: temporarySpace(facts), canDisableUserNamespaces: machine.bwrap.canDisableUserNamespaces,
    passwdDescriptor: FIRST_INPUT, seccompDescriptor: machine.arch === 'x64' ? FIRST_INPUT + 1 : null, command: python,
  })];
}

/** Only a memory controller counts what a tmpfs takes. */
function temporarySpace(facts: PlanFacts): TemporarySpace {
  if (facts.cgroup?.countsMemory === true) return { kind: 'tmpfs', bytes: facts.limits.temporaryBytes };
  return { kind: 'folders', temporary: join(facts.runFolder, 'tmp'), sharedMemory: join(facts.runFolder, 'shm') };
}

function seccompFilter(facts: PlanFacts): Buffer | null {
  if (facts.machine.platform !== 'linux' || facts.machine.arch !== 'x64') return null;
  return encodeBpf(buildSeccompFilter({
    forbidFork: facts.lane === 'expert', forbidUnixSockets: facts.backend !== 'bwrap', allowInternet: facts.backend === 'srt',
    forbidMetadata: facts.lane === 'expert' && facts.backend === 'landlock',
  }));
}

function hostPaths(facts: PlanFacts): ChildPaths {
  const { workspace, runFolder, lane } = facts;
  const home = lane === 'expert' ? join(workspace.folder, 'out') : workspace.home ?? join(runFolder, 'home');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  return { workspace: workspace.folder, runFolder, home, temporary: join(runFolder, 'tmp') };
}

function guestPaths(lane: Lane): ChildPaths {
  const home = lane === 'expert' ? `${GUEST.workspace}/out` : GUEST.home;
  return { workspace: GUEST.workspace, runFolder: GUEST.runFolder, home, temporary: GUEST.temporary };
}

function packagesOf(facts: PlanFacts, isBwrap: boolean): string | null {
  if (facts.lane === 'expert' || facts.workspace.packages === null) return null;
  return isBwrap ? GUEST.packages : facts.workspace.packages;
}

