import { dirname } from 'node:path/posix';
import type { Lane } from '../../contracts/index.ts';

/** Folders of one child on macOS, in canonical form (`/private/var`, not `/var`). */
export interface SeatbeltFacts {
  lane: Lane;
  python: string;
  runtimeRoots: readonly string[];
  sidecarRt: string;
  workspace: string;
  runFolder: string;
  home: string | null;
  packages: string | null;
}

/** A profile and its parameters. No path is part of the text, so none can be read as a rule. */
export interface SeatbeltPlan { profile: string; parameters: Record<string, string> }

const SYSCTL_NAMES = [
  'hw.activecpu', 'hw.byteorder', 'hw.cachelinesize', 'hw.cpufrequency', 'hw.cputype', 'hw.logicalcpu', 'hw.logicalcpu_max', 'hw.machine',
  'hw.memsize', 'hw.ncpu', 'hw.optional.arm64', 'hw.pagesize', 'hw.pagesize_compat', 'hw.physicalcpu', 'hw.physicalcpu_max',
  'hw.l1dcachesize', 'hw.l2cachesize', 'hw.l3cachesize', 'kern.argmax', 'kern.hostname', 'kern.maxfilesperproc', 'kern.osproductversion',
  'kern.osrelease', 'kern.ostype', 'kern.osversion', 'kern.secure_kernel', 'kern.usrstack64', 'kern.version', 'machdep.cpu.brand_string',
  'machdep.cpu.core_count', 'machdep.cpu.thread_count', 'sysctl.proc_cputype', 'vm.loadavg', 'vm.swapusage',
];

/** The Seatbelt rules of one child, general ones first: later rules win. */
export function seatbeltPlan(facts: SeatbeltFacts): SeatbeltPlan {
  const parameters = parametersOf(facts);
  const named = (prefix: string): string[] => Object.keys(parameters).filter((name) => name.startsWith(prefix));
  const ancestors = named('ANCESTOR_').map((name) => `(literal (param "${name}"))`).join(' ');
  const runtime = named('RUNTIME_').map((name) => `(subpath (param "${name}"))`).join(' ');
  const writable = named('WRITE_').map((name) => `(subpath (param "${name}"))`).join(' ');
  const readable = named('READ_').map((name) => `(subpath (param "${name}"))`).join(' ');
  const isExpert = facts.lane === 'expert';
  const lines = [
    '(version 1)', '(deny default)', '(allow process-exec (literal (param "PYTHON")))',
    ...(isExpert ? [] : ['(allow process-fork)', `(allow process-exec ${runtime} (subpath "/bin") (subpath "/usr/bin"))`]),
    '(allow signal (target same-sandbox))', '(allow process-info* (target same-sandbox))', '(allow ipc-posix-sem)',
    `(allow sysctl-read ${SYSCTL_NAMES.map((name) => `(sysctl-name "${name}")`).join(' ')})`,
    `(allow file-read-metadata ${ancestors})`,
    `(allow file-read* (literal "/") ${runtime} ${readable} ${writable} (subpath "/usr/lib") (subpath "/usr/share") (subpath "/System/Library")`
      + ' (subpath "/System/Volumes/Preboot/Cryptexes") (subpath "/Library/Fonts") (subpath "/bin") (subpath "/usr/bin")'
      + ' (literal "/private/etc/localtime") (literal "/dev/urandom"))',
    `(allow file-map-executable ${runtime} (subpath "/usr/lib") (subpath "/System/Library"))`,
    `(allow file-write* ${writable})`,
    '(allow file-read-data file-write-data (require-all (literal "/dev/null") (vnode-type CHARACTER-DEVICE)))',
    '(allow ipc-posix-shm* (ipc-posix-name-regex #"^/(__KMP_REGISTERED_LIB_[0-9]+|psm_[0-9a-f]+)$"))',
    '(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))',
    `(deny file-write-unlink (literal (param "WORKSPACE")) ${ancestors})`,
  ];
  return { profile: `${lines.join('\n')}\n`, parameters };
}

/** The command that starts a program under a plan. */
export function seatbeltCommand(plan: SeatbeltPlan, command: readonly string[]): string[] {
  const definitions = Object.entries(plan.parameters).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
  return ['/usr/bin/sandbox-exec', '-p', plan.profile, ...definitions, ...command];
}

function parametersOf(facts: SeatbeltFacts): Record<string, string> {
  const isExpert = facts.lane === 'expert';
  const writable = isExpert ? [`${facts.workspace}/out`, facts.runFolder]
    : [facts.workspace, facts.runFolder, ...(facts.home === null ? [] : [facts.home])];
  const readable = [facts.sidecarRt, ...(isExpert ? [`${facts.workspace}/inputs`] : []), ...(facts.packages === null ? [] : [facts.packages])];
  return {
    PYTHON: facts.python, WORKSPACE: facts.workspace,
    ...numbered('RUNTIME', facts.runtimeRoots), ...numbered('WRITE', writable), ...numbered('READ', readable),
    ...numbered('ANCESTOR', ancestorsOf([...writable, ...readable, ...facts.runtimeRoots, facts.python])),
  };
}

function numbered(prefix: string, paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(paths.map((path, index) => [`${prefix}_${index}`, path]));
}

/** Every folder above the paths, the root left out. */
function ancestorsOf(paths: readonly string[]): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    for (let parent = dirname(path); parent !== '/' && parent !== '.'; parent = dirname(parent)) found.add(parent);
  }
  return [...found].sort();
}
