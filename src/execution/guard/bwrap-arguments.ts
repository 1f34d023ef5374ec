import type { Lane } from '../../contracts/index.ts';

/** Where the parts of a child appear inside bwrap. */
export const GUEST = {
  workspace: '/workspace', runFolder: '/run/sidecar', home: '/home/sandbox', temporary: '/tmp', sidecarRt: '/sidecar_rt', packages: '/packages',
} as const;

const SHARED_MEMORY_BYTES = 67_108_864;
const READABLE_SETTINGS = ['/etc/ld.so.cache', '/etc/localtime', '/etc/alternatives', '/etc/fonts', '/etc/ssl/certs'];

/** Private temporary space: counted memory, or folders under the disk meter where no memory controller would count it. */
export type TemporarySpace = { kind: 'tmpfs'; bytes: number } | { kind: 'folders'; temporary: string; sharedMemory: string };

/** What one bwrap call is made from; all paths real, links resolved. */
export interface BwrapPlan {
  lane: Lane;
  environment: Readonly<Record<string, string>>;
  /** Top-level links of this system, such as `/lib` → `usr/lib`; null = a real folder. */
  systemLinks: Readonly<Record<string, string | null>>;
  runtimeRoots: readonly string[];
  sidecarRt: string;
  workspace: string;
  runFolder: string;
  home: string | null;
  packages: string | null;
  temporary: TemporarySpace;
  /** From 0.8. */
  canDisableUserNamespaces: boolean;
  passwdDescriptor: number;
  seccompDescriptor: number | null;
  command: readonly string[];
}

/** The arguments of bwrap, in the order in which it applies them. */
export function bwrapArguments(plan: BwrapPlan): string[] {
  return [
    ...isolation(plan), ...system(plan), ...devices(plan), ...folders(plan),
    '--remount-ro', '/', '--chdir', GUEST.workspace,
    ...(plan.seccompDescriptor === null ? [] : ['--seccomp', String(plan.seccompDescriptor)]),
    '--', ...plan.command,
  ];
}

function isolation(plan: BwrapPlan): string[] {
  return [
    '--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try',
    ...(plan.canDisableUserNamespaces ? ['--disable-userns'] : []),
    '--die-with-parent', '--new-session', '--hostname', 'sandbox', '--uid', '65534', '--gid', '65534', '--cap-drop', 'ALL', '--clearenv',
    ...Object.entries(plan.environment).flatMap(([name, value]) => ['--setenv', name, value]),
  ];
}

function system(plan: BwrapPlan): string[] {
  const links = Object.entries(plan.systemLinks).flatMap(([path, target]) =>
    target === null ? ['--ro-bind', path, path] : ['--symlink', target, path]);
  return [
    '--ro-bind', '/usr', '/usr', ...links, ...READABLE_SETTINGS.flatMap((path) => ['--ro-bind-try', path, path]),
    '--ro-bind-data', String(plan.passwdDescriptor), '/etc/passwd',
    ...bindRoots(plan, (root) => !isBelow(root, '/usr') && !isBelow(root, GUEST.temporary)),
    '--ro-bind', plan.sidecarRt, GUEST.sidecarRt,
  ];
}

function devices(plan: BwrapPlan): string[] {
  const { temporary } = plan;
  const sharedMemory = temporary.kind === 'tmpfs'
    ? ['--size', String(SHARED_MEMORY_BYTES), '--tmpfs', '/dev/shm'] : ['--bind', temporary.sharedMemory, '/dev/shm'];
  const space = temporary.kind === 'tmpfs'
    ? ['--size', String(temporary.bytes), '--tmpfs', GUEST.temporary] : ['--bind', temporary.temporary, GUEST.temporary];
  // A runtime below the temporary folder would be hidden by it, so it comes after.
  const roots = bindRoots(plan, (root) => isBelow(root, GUEST.temporary));
  return ['--proc', '/proc', '--dev', '/dev', ...sharedMemory, '--remount-ro', '/dev', ...space, ...roots];
}

function bindRoots(plan: BwrapPlan, isWanted: (root: string) => boolean): string[] {
  return plan.runtimeRoots.filter(isWanted).flatMap((root) => ['--ro-bind', root, root]);
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function folders(plan: BwrapPlan): string[] {
  const own = ['--bind', plan.runFolder, GUEST.runFolder];
  if (plan.lane === 'expert') {
    const inputs = ['--ro-bind', `${plan.workspace}/inputs`, `${GUEST.workspace}/inputs`];
    return [...own, ...inputs, '--bind', `${plan.workspace}/out`, `${GUEST.workspace}/out`];
  }
  return [
    ...own, '--bind', plan.workspace, GUEST.workspace,
    ...(plan.home === null ? [] : ['--bind', plan.home, GUEST.home]),
    ...(plan.packages === null ? [] : ['--ro-bind', plan.packages, GUEST.packages]),
  ];
}
