import type { ChildPaths } from './guard-contract.ts';

/** What a program gives itself through Landlock and seccomp when there is no bwrap. */
export interface LandlockPolicy { read: string[]; write: string[]; list: string[]; devices: string[]; seccomp: string | null; tcp?: true }

/** Folders of one child for the policy; all real paths. */
export interface LandlockFacts {
  lane: 'user' | 'expert' | 'notebook';
  paths: ChildPaths;
  runtimeRoots: readonly string[];
  sidecarRt: string;
  packages: string | null;
  seccomp: Buffer | null;
  /** True behind a filtering proxy in a network namespace of its own. */
  allowsTcp?: boolean;
}

const SYSTEM = [
  '/usr', '/lib', '/lib64', '/bin', '/etc/ld.so.cache', '/etc/localtime', '/etc/alternatives', '/etc/fonts', '/etc/ssl/certs',
  '/proc/self', '/proc/meminfo', '/proc/cpuinfo', '/proc/stat', '/proc/sys/vm/overcommit_memory', '/sys/devices/system/cpu',
  '/sys/devices/system/node', '/dev/urandom', '/dev/random', '/dev/zero',
];

/** The sets of paths: what may be read, what may be written, folders whose names may be listed, and single devices for both. */
export function landlockPolicy(facts: LandlockFacts): LandlockPolicy {
  const { paths } = facts;
  const isExpert = facts.lane === 'expert';
  const readable = [...SYSTEM, ...facts.runtimeRoots, facts.sidecarRt, ...(facts.packages === null ? [] : [facts.packages])];
  // Only who can reach a host can install something.
  const installed = facts.allowsTcp === true && facts.packages !== null ? [facts.packages] : [];
  return {
    read: isExpert ? [...readable, `${paths.workspace}/inputs`] : readable,
    write: isExpert ? [`${paths.workspace}/out`, paths.runFolder] : [paths.workspace, paths.home, paths.runFolder, ...installed],
    list: isExpert ? [paths.workspace] : [],
    devices: ['/dev/null'],
    seccomp: facts.seccomp === null ? null : facts.seccomp.toString('base64'),
    ...(facts.allowsTcp === true ? { tcp: true as const } : {}),
  };
}
