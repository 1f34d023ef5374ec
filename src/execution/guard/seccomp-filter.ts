import { BpfAssembler, type BpfInstruction } from './bpf.ts';

const ALLOW = 0x7fff_0000;
const KILL_PROCESS = 0x8000_0000;
const ERRNO = 0x0005_0000;
const EPERM = 1;
const ENOSYS = 38;
const AUDIT_ARCH_X86_64 = 0xc000_003e;
const X32_BIT = 0x4000_0000;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const CLONE_THREAD = 0x0001_0000;
/** NEWTIME NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET */
const CLONE_NEW_ANY = 0x7e02_0080;

/** Offsets in `struct seccomp_data`; arguments are read by their low words, which is where the kernel looks for these calls. */
const DATA = { number: 0, architecture: 4, firstArgument: 16, secondArgument: 24 } as const;

const CALLS = { socket: 41, clone: 56, fork: 57, vfork: 58, ioctl: 16, clone3: 435 } as const;

/** x64 numbers of the calls that no lane may make. */
export const REFUSED_CALLS = {
  ptrace: 101, bpf: 321, userfaultfd: 323, io_uring_setup: 425, io_uring_enter: 426, io_uring_register: 427, unshare: 272, setns: 308,
  pivot_root: 155, chroot: 161, mount: 165, umount2: 166, move_mount: 429, open_tree: 428, fsopen: 430, fsconfig: 431, fsmount: 432,
  fspick: 433, mount_setattr: 442, keyctl: 250, add_key: 248, request_key: 249, perf_event_open: 298, process_vm_readv: 310,
  process_vm_writev: 311, open_by_handle_at: 304, name_to_handle_at: 303, kcmp: 312, personality: 135, init_module: 175,
  finit_module: 313, delete_module: 176, kexec_load: 246, kexec_file_load: 320, reboot: 169, swapon: 167, swapoff: 168, acct: 163,
  quotactl: 179, quotactl_fd: 443, syslog: 103, settimeofday: 164, clock_settime: 227, iopl: 172, ioperm: 173, open_tree_attr: 467,
} as const;

/** Landlock keeps content and names of files, but not these: modes, owners, times and attributes, which follow no mount either. */
export const METADATA_CALLS = {
  chmod: 90, fchmod: 91, chown: 92, fchown: 93, lchown: 94, utime: 132, setxattr: 188, lsetxattr: 189, fsetxattr: 190, removexattr: 197, lremovexattr: 198,
  fremovexattr: 199, utimes: 235, fchownat: 260, futimesat: 261, fchmodat: 268, utimensat: 280, fchmodat2: 452, setxattrat: 463, removexattrat: 466,
  file_setattr: 469,
} as const;

/** What differs between lanes and backends. */
export interface FilterOptions {
  /** Expert: no new process; threads work. */
  forbidFork: boolean;
  /** Without a network namespace a Unix socket could reach services of the host, so there is none (socket pairs still work). */
  forbidUnixSockets: boolean;
  /** Expert without mounts of its own: nothing of a file but its content can be changed. */
  forbidMetadata?: boolean;
  /** In a network namespace with nothing but a filtering proxy. */
  allowInternet?: boolean;
}

/** The filter for x64. Wrong architecture ends the process; the rest of what is refused answers with an error number. */
export function buildSeccompFilter(options: FilterOptions): BpfInstruction[] {
  const program = new BpfAssembler();
  program.load(DATA.architecture).whenEqual(AUDIT_ARCH_X86_64, null, 'kill');
  program.load(DATA.number).whenAtLeast(X32_BIT, 'refuse');
  program.whenEqual(CALLS.clone3, 'missing').whenEqual(CALLS.clone, 'clone').whenEqual(CALLS.socket, 'socket').whenEqual(CALLS.ioctl, 'ioctl');
  if (options.forbidFork) program.whenEqual(CALLS.fork, 'refuse').whenEqual(CALLS.vfork, 'refuse');
  for (const number of Object.values(REFUSED_CALLS)) program.whenEqual(number, 'refuse');
  if (options.forbidMetadata === true) for (const number of Object.values(METADATA_CALLS)) program.whenEqual(number, 'refuse');
  program.ret(ALLOW);
  program.label('clone').load(DATA.firstArgument).whenAnySet(CLONE_NEW_ANY, 'refuse');
  if (options.forbidFork) program.whenAnySet(CLONE_THREAD, null, 'refuse');
  program.ret(ALLOW);
  program.label('socket');
  if (!options.forbidUnixSockets) program.load(DATA.firstArgument).whenEqual(AF_UNIX, 'allow');
  if (options.allowInternet === true) program.load(DATA.firstArgument).whenEqual(AF_INET, 'allow').whenEqual(AF_INET6, 'allow');
  program.ret(ERRNO | EPERM);
  program.label('ioctl').load(DATA.secondArgument).whenEqual(TIOCSTI, 'refuse').whenEqual(TIOCLINUX, 'refuse');
  program.label('allow').ret(ALLOW);
  program.label('refuse').ret(ERRNO | EPERM);
  program.label('missing').ret(ERRNO | ENOSYS);
  program.label('kill').ret(KILL_PROCESS);
  return program.assemble();
}
