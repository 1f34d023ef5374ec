import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { GuardId } from '../../src/execution/guard/index.ts';
import { openExecutionBench } from '../support/execution-bench.ts';
import type { ExecutionBench } from '../support/execution-bench.ts';
import { LANES, runIn } from '../support/two-lanes.ts';
import type { LaneRequest, LaneResult } from '../support/two-lanes.ts';
import { hasBwrap } from './execution/guard-fixture.ts';

const MARK = `planted-${randomBytes(8).toString('hex')}`;
const REFUSED = /^(FileNotFoundError|PermissionError|NotADirectoryError|OSError|ProcessLookupError|ValueError)$/;

/** Tries each of some expressions over `p` and prints what it gave, or the name of its error. */
const tryEach = (paths: readonly string[], ...expressions: string[]): string => `
import os, sys
for p in ${JSON.stringify(paths)}:
    for use in (${expressions.map((expression) => `lambda: ${expression}`).join(', ')},):
        try: print('DONE', p, use())
        except (OSError, ValueError) as error: print(type(error).__name__)
`;

describe.each(hasBwrap ? ['bwrap', 'landlock'] as const : ['landlock'] as const)('under %s', (backend) => {
  describe.each(LANES)('code in the %s lane', (lane) => {
    let bench: ExecutionBench;
    let secrets: string[];
    beforeAll(async () => {
      bench = await openExecutionBench({ preload: [], ...(backend === 'bwrap' ? {} : { bwrap: '/nonexistent' }) });
      const other = await bench.session('somebody-else');
      secrets = [
        join(homedir(), `.sidecar-attack-${process.pid}`), join(bench.folder, 'log', 'sidecar.log'), join(bench.folder, 'bundles', 'chapter', 'solution.py'),
        join(bench.stateDir, 'kept'), join(other.workspace, 'answer.py'), join(other.home, '.profile'),
      ];
      for (const path of secrets) {
        mkdirSync(join(path, '..'), { recursive: true });
        writeFileSync(path, MARK, { mode: 0o600 });
      }
      process.env['SIDECAR_TOKEN'] = MARK;
    });
    afterEach(async () => {
      expect(await bench.remains()).toEqual([]);
      expect(secrets.map((path) => readFileSync(path, 'utf8'))).toEqual(secrets.map(() => MARK));
      expect((await runIn(bench, lane, 'print("still fine")')).stdout).toBe('still fine\n');
    });
    afterAll(async () => {
      delete process.env['SIDECAR_TOKEN'];
      rmSync(secrets[0]!, { force: true });
      await bench[Symbol.asyncDispose]();
    });

    /** No attack may bring a planted secret to light. */
    const attack = async (code: string, request: LaneRequest = {}): Promise<LaneResult> => {
      const result = await runIn(bench, lane, code, request);
      expect(`${result.stdout}${result.stderr}${result.message}`).not.toContain(MARK);
      return result;
    };
    const linesOf = (result: LaneResult): string[] => {
      expect(result.reason, result.stderr).toBe('ok');
      return result.stdout.trim().split('\n');
    };
    /** True when the guard is claimed. Where it is not, the report has to say what is missing, in the lane's own warnings. */
    const isClaimed = (id: GuardId): boolean => {
      const { guards, warnings } = bench.report.lanes[lane];
      if (guards[id].state === 'enforced') return true;
      expect(guards[id].reason).toEqual(expect.any(String));
      expect(warnings).not.toEqual([]);
      return false;
    };

    it('runs in the sandbox that it is meant to', () => {
      expect(bench.report.lanes[lane]).toMatchObject({ available: true, backend });
    });

    it('reads no file of the user, the system, the store, the log, another session or a bundle (E33, E34, S67)', async () => {
      if (!isClaimed('files_read')) return;
      const paths = [...secrets, '/etc/shadow', '/etc/gshadow', join(homedir(), '.ssh', 'id_rsa'), join(homedir(), '.config', 'google-chrome', 'Default', 'Login Data'), join(bench.folder, 'sidecar.db')];
      const files = linesOf(await attack(tryEach(paths, 'open(p, "rb").read(40)')));
      const folders = await attack(tryEach([homedir(), bench.folder, bench.stateDir, '/root', '/etc', '/var', '/home'], 'sorted(os.listdir(p))'));

      expect(files.filter((line) => !REFUSED.test(line))).toEqual([]);
      expect(folders.stdout).not.toMatch(/shadow|somebody-else|solution/);
    });

    it('is told what it tried when it reads outside and does not catch it (E33)', async () => {
      if (!isClaimed('files_read')) return;
      const result = await attack(`open(${JSON.stringify(secrets[0])})`);

      expect(['sandbox_denied', 'error']).toContain(result.reason);
      expect(result.hints).toEqual(['outside_workspace']);
    });

    it('gets nothing by a link to a secret, and makes no second name for a file outside (E35)', async () => {
      if (!isClaimed('files_read')) return;
      const folder = lane === 'expert' ? 'out/' : '';
      const followed = linesOf(await attack(tryEach(secrets, `(os.path.lexists("${folder}s") and os.unlink("${folder}s"), os.symlink(p, "${folder}s"), open("${folder}s").read())[2]`)));
      const linked = linesOf(await attack(tryEach([...secrets, '/usr/bin/env', '/etc/ld.so.cache', '/etc/shadow'], `os.link(p, "${folder}hard")`)));

      expect([...followed, ...linked].filter((line) => !REFUSED.test(line))).toEqual([]);
    });

    it('writes to nothing but its own folders (E38, S68)', async () => {
      const runtime = join(import.meta.dirname, '..', '..', '.runtime', 'bin', 'python');
      // Opened for writing only: where a guard failed, nothing of the machine would be harmed by this test.
      const theirs = [runtime, '/usr/bin/env', '/etc/profile', join(homedir(), '.bashrc'), 'SELF'];
      const fresh = ['/usr/lib', '/etc/cron.d', '/etc/profile.d', homedir(), join(homedir(), '.config', 'autostart'), '/', '/var', bench.folder].map((folder) => join(folder, `sidecar-attack-${process.pid}`));
      const opened = linesOf(await attack(tryEach([...theirs, ...fresh], 'open(os.__file__ if p == "SELF" else p, "ab")')));
      const made = linesOf(await attack(tryEach(fresh, 'os.mkdir(p + ".d")', 'os.symlink("/", p + ".l")', 'os.mkfifo(p + ".f")')));
      const own = lane === 'expert' ? ['inputs/a.txt', 'inputs/new.txt', 'beside.txt'] : [];
      const changed = linesOf(await attack(tryEach([...secrets, ...own], 'open(p, "ab").write(b"x")', 'os.rename(p, p + ".moved")', 'os.unlink(p)', 'os.truncate(p, 0)')));
      const uncaught = await attack(`open(${JSON.stringify(lane === 'expert' ? 'inputs/a.txt' : '/usr/bin/env')}, "r+b")`);

      expect([...opened, ...made, ...changed].filter((line) => !REFUSED.test(line))).toEqual([]);
      expect(uncaught).toMatchObject({ reason: 'sandbox_denied', returncode: 1 });
      expect(fresh.filter((path) => existsSync(path) || existsSync(`${path}.d`))).toEqual([]);
    });

    it('changes no mode, owner or time of a file outside (E38)', async () => {
      const facts = (): unknown[] => secrets.map((path) => { const { mode, mtimeMs, uid } = statSync(path); return [mode, mtimeMs, uid]; });
      const before = facts();
      const lines = linesOf(await attack(tryEach(secrets, 'os.chmod(p, 0o640)', 'os.utime(p, (1, 1))', 'os.chown(p, 65534, 65534)', 'os.setxattr(p, "user.x", b"x")')));

      if (!isClaimed('files_write')) return expect(bench.report.lanes[lane].warnings.join()).toContain('modes, owners and times of other files of this user can be changed');
      expect(lines.filter((line) => !REFUSED.test(line))).toEqual([]);
      expect(facts()).toEqual(before);
    });

    it('lists its own folder (E38)', async () => {
      const result = await attack('import os\nprint(sorted(os.listdir(".")), [len(part) for part in os.walk("out")] != [] or "out" not in os.listdir("."))', { session: 'listed' });

      expect(linesOf(result)).toEqual([lane === 'expert' ? "['inputs', 'out'] True" : '[] True']);
    });

    it('sees of processes only its own (E40, S67)', async () => {
      if (!isClaimed('files_read')) return;
      const pids = [1, process.pid, process.ppid].map((pid) => `/proc/${pid}`);
      const own = await attack('print(open("/proc/self/environ", "rb").read(), open("/proc/self/cmdline", "rb").read())');
      const host = await attack(tryEach([process.pid, process.ppid].map((pid) => `/proc/${pid}`), 'open(p + "/environ").read()', 'open(p + "/mem", "rb+")', 'open(p + "/maps").read()', 'os.listdir(p + "/fd")'));
      const rooted = await attack(tryEach(pids.flatMap((pid) => secrets.map((path) => `${pid}/root${path}`)), 'open(p).read()'));
      const scanned = await attack(`
import os
for pid in range(1, 400):
    try: print(open(f'/proc/{pid}/environ', 'rb').read())
    except OSError: pass`);

      expect(own.reason).toBe('ok');
      expect([...linesOf(host), ...linesOf(rooted)].filter((line) => !REFUSED.test(line))).toEqual([]);
      expect(scanned.stdout).not.toContain('SIDECAR_');
    });

    it('becomes nobody else (E41)', async () => {
      const status = await attack('print([line.split()[1] for line in open("/proc/self/status") if line.startswith("NoNewPrivs")])');
      const others = lane === 'expert' ? null : linesOf(await attack(`
import shutil, subprocess
for command in (['su', '-c', 'id -u'], ['sudo', '-n', 'id', '-u'], ['pkexec', 'id', '-u'], ['newgrp', 'root']):
    try: print('ran', subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60).returncode != 0)
    except OSError as error: print('ran', True)`));

      expect(status.stdout).toBe("['1']\n");
      if (others !== null) expect(others).toEqual(Array.from({ length: 4 }, () => 'ran True'));
      else expect(await attack('import subprocess\nsubprocess.run(["su", "-c", "id"])')).toMatchObject({ reason: 'process_limit' });
    });

    it('finds nothing of the service in its environment, arguments and descriptors (E43, S66)', async () => {
      const result = await attack(`
import json, os, sys
fds = [int(n) for n in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + n)]
print(json.dumps({'env': sorted(os.environ), 'argv': [*sys.argv, *sys.orig_argv], 'fds': sorted(fds)}))`);
      const seen = JSON.parse(result.stdout) as { env: string[]; argv: string[]; fds: number[] };

      expect(seen.env.filter((name) => /^(SIDECAR|LLM|NODE|npm|AWS|SSH|GIT|HTTP)/i.test(name))).toEqual([]);
      expect(seen.env).toEqual(expect.arrayContaining(['HOME', 'LC_ALL', 'PATH', 'TZ', ...(lane === 'expert' ? ['PYTHONHASHSEED'] : [])]));
      expect(seen.fds.filter((number) => number > 2 && number < 60).length).toBeLessThanOrEqual(1);
      expect(seen.argv.join(' ')).not.toContain('token');
    });

    const SYSCALLS: [name: string, number: number, ...args: number[]][] = [
      ['unshare', 272, 0x1000_0000], ['setns', 308, 0, 0], ['mount', 165], ['umount2', 166], ['chroot', 161], ['pivot_root', 155], ['clone into a namespace', 56, 0x1000_0000],
      ['open_tree', 428], ['move_mount', 429], ['fsopen', 430], ['fsconfig', 431], ['fsmount', 432], ['fspick', 433], ['mount_setattr', 442],
      ['ptrace', 101], ['process_vm_readv', 310, process.pid], ['process_vm_writev', 311, process.pid], ['kcmp', 312], ['io_uring_setup', 425, 8], ['io_uring_enter', 426], ['bpf', 321],
      ['keyctl', 250], ['add_key', 248], ['request_key', 249], ['perf_event_open', 298], ['userfaultfd', 323], ['open_by_handle_at', 304], ['name_to_handle_at', 303],
      ['ioctl TIOCSTI', 16, 0, 0x5412, 0], ['ioctl TIOCLINUX', 16, 0, 0x541c, 0], ['personality', 135, 0xffff_ffff], ['init_module', 175], ['finit_module', 313], ['delete_module', 176],
      ['kexec_load', 246], ['swapon', 167], ['swapoff', 168], ['acct', 163], ['quotactl', 179], ['syslog', 103, 10], ['settimeofday', 164], ['clock_settime', 227, 99], ['iopl', 172], ['ioperm', 173],
      ['an internet socket', 41, 2, 1, 0], ['a packet socket', 41, 17, 3, 0], ['a netlink socket', 41, 16, 3, 0], ['an x32 call', 0x4000_0027],
    ];

    it('is refused by the kernel whatever it patches: namespaces, mounts, tracing, modules, keys, terminals, sockets (E52, E53, E54, S74)', async () => {
      if (process.arch !== 'x64') {
        expect(bench.report.lanes[lane].guards.network.by).not.toContain('seccomp');
        return;
      }
      const calls = [...SYSCALLS, ...(lane === 'expert' ? [['fork', 57], ['vfork', 58], ['clone', 56, 17]] as typeof SYSCALLS : [])];
      const result = await attack(`
import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
for name, number, *arguments in ${JSON.stringify(calls)}:
    ctypes.set_errno(0)
    print(name, libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, (arguments + [0] * 6)[:6])), ctypes.get_errno())
ctypes.set_errno(0)
print('clone3', libc.syscall(435, 0, 0), ctypes.get_errno())`);

      expect(linesOf(result)).toEqual([...calls.map(([name]) => `${name} -1 1`), 'clone3 -1 38']);
    });

    it('is killed for a call of another architecture (E52)', async () => {
      if (process.arch !== 'x64') return expect(bench.report.lanes[lane].guards.network.by).not.toContain('seccomp');
      const result = await attack(`
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(bytes.fromhex('b814000000cd80c3'))
print('before', flush=True)
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
print('after')`);

      expect(result).toMatchObject({ reason: 'killed', returncode: -31, stdout: 'before\n' });
    });

    it('raises none of its limits and finds no control group to write to (E54)', async () => {
      const result = await attack(`
import os, resource
for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_AS, resource.RLIMIT_CPU):
    soft, hard = resource.getrlimit(which)
    try: resource.setrlimit(which, (soft, hard + 1)); print('raised')
    except (OSError, ValueError) as error: print(type(error).__name__)
for line in open('/proc/self/cgroup'):
    number, names, path = line.strip().split(':', 2)
    for file in ('cgroup.procs', 'pids.max', 'memory.limit_in_bytes', 'memory.max'):
        for top in ('/sys/fs/cgroup/' + names.removeprefix('name='), '/sys/fs/cgroup'):
            try: open(f'{top}{path}/{file}', 'w').write('0'); print('written', top, path, file)
            except OSError: pass`);
      const lines = linesOf(result);

      expect(lines.slice(4)).toEqual([]);
      if (isClaimed('open_files')) expect(lines.filter((line) => line === 'raised')).toEqual([]);
    });
  });
});
