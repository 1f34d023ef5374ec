import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createChildCgroup } from './cgroup.ts';
import { parseCgroupMounts, parseOwnCgroups } from './cgroup-roots.ts';
import { readCapabilities, writeCapabilities } from './capability-cache.ts';
import { ChildrenLedger } from './children-ledger.ts';
import { createDeadline } from './deadline.ts';
import { walkFolders } from './disk-walk.ts';
import { pythonPlaces } from './find-python.ts';
import { GUARD_IDS, type CapabilityReport, type ExitFacts, type Guard, type GuardId } from './guard-contract.ts';
import { describeLane, missingMinimum, unavailableLane } from './lane-capability.ts';
import { agreeLimits, laneCaps, laneLimits } from './lane-limits.ts';
import { summarizeLane } from './lane-summary.ts';
import { createLineParser, type LauncherMessage } from './launcher-link.ts';
import { below } from './process-identity.ts';
import { removeTree } from './remove-tree.ts';
import { explainStartFailure, signalOf } from './start-failure.ts';

const GIB = 1024 ** 3;
const machine = { memoryBytes: 8 * GIB };
let folder = '';
beforeEach(() => { folder = realpathSync(mkdtempSync(join(tmpdir(), 'sidecar-parts-'))); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const enforced: Guard = { state: 'enforced', by: 'x', reason: null, fix: null, overshoot: null, tested: 'passed' };
const allEnforced = Object.fromEntries(GUARD_IDS.map((id) => [id, enforced])) as Record<GuardId, Guard>;
const exit: ExitFacts = { code: 0, signal: null, limit: null, killed: false, cpuMs: 0, peakBytes: 0, peakProcesses: 1, refusedForks: 0, lifetimeMs: 1 };

describe('limits', () => {
  it('never pass the caps of the lane or of the machine', () => {
    const caps = laneCaps('user', machine);
    const held = laneLimits('user', machine);

    const agreed = agreeLimits(caps, held, { memoryBytes: 100 * GIB, cpuMs: 999_999, threads: 10_000 });

    expect(agreed).toMatchObject({ memoryBytes: 6 * GIB, cpuMs: 240_000, threads: 128, fileBytes: held.fileBytes });
  });

  it.each([
    ['user', 2 * GIB, 40_000], ['notebook', 4 * GIB, null], ['expert', 768 * 1024 ** 2, 10_000],
  ] as const)('of the %s lane', (...row) => {
    const [lane, memoryBytes, cpuMs] = row;

    expect(laneLimits(lane, machine)).toMatchObject({ memoryBytes, cpuMs });
    expect(agreeLimits(laneCaps('expert', machine), laneLimits('expert', machine), { memoryBytes: GIB, processes: 9 })).toEqual(laneLimits('expert', machine));
  });
});

describe('the minimum of a lane', () => {
  it.each(['files_write', 'files_read', 'network', 'environment', 'signals', 'kill_tree', 'wall_time', 'output'] as const)(
    'refuses experts when %s is only degraded', (id) => {
      const guards = { ...allEnforced, [id]: { ...enforced, state: 'degraded' as const } };

      expect(missingMinimum('expert', guards)).toEqual([id]);
      expect(describeLane('expert', 'landlock', guards)).toMatchObject({ available: false, reason: `missing guards: ${id}` });
    });

  it.each(['memory', 'processes', 'parent_death'] as const)('lets experts run with a degraded %s, not without', (id) => {
    expect(missingMinimum('expert', { ...allEnforced, [id]: { ...enforced, state: 'degraded' } })).toEqual([]);
    expect(missingMinimum('expert', { ...allEnforced, [id]: { ...enforced, state: 'absent' } })).toEqual([id]);
  });

  it('warns learners of gaps and lets them run', () => {
    const guards = { ...allEnforced, network: { ...enforced, state: 'absent' as const, fix: 'apt-get install bubblewrap' } };

    expect(describeLane('user', 'none', guards)).toMatchObject({
      available: true, warnings: ['code can use the network; to close: apt-get install bubblewrap'],
    });
  });

  it('is shown by the weakest guard of a name', () => {
    const guards = { ...allEnforced, files_read: { ...enforced, state: 'absent' as const, reason: 'r' }, kill_tree: { ...enforced, state: 'degraded' as const, reason: 'k' } };

    expect(summarizeLane(describeLane('user', 'none', guards)).guards).toMatchObject({
      filesystem: { state: 'absent', reason: 'r' }, processes: { state: 'partial', reason: 'k' }, network: { state: 'enforced', reason: null },
    });
  });
});

describe('failures at the start', () => {
  it.each([
    ['bwrap: setting up uid map: Permission denied\n', { code: 1 }, 'guard_unavailable'],
    ['sidecar guard: OSError: landlock restrict\n', { code: 125 }, 'guard_unavailable'],
    ['sh: 1: exec: /opt/bwrap: not found\n', { code: 127 }, 'guard_unavailable'],
    ['/bin/sh: line 1: /opt/bwrap: No such file or directory\n', { code: 127 }, 'guard_unavailable'],
    ['sh: 1: exec: /opt/rt/bin/python3.12: not found\n', { code: 127 }, 'python_unavailable'],
    ['bwrap: execvp /rt/bin/python: No such file or directory\n', { code: 1 }, 'python_unavailable'],
    ['sidecar launcher: [Errno 2] No such file\n', { code: 126 }, 'python_unavailable'],
    ['Traceback …\nValueError: x\n', { code: 1 }, 'worker_lost'],
    ['', { code: null, signal: 'SIGKILL' as const }, 'worker_lost'],
  ])('%s', (...row) => {
    const [stderr, end, reason] = row;

    expect(explainStartFailure({ ...exit, ...end }, stderr).reason).toBe(reason);
  });

  it('reads the signal out of the code that bwrap gives', () => {
    expect([signalOf({ ...exit, code: 139 }, 'bwrap'), signalOf({ ...exit, code: 139 }, 'landlock'), signalOf({ ...exit, signal: 'SIGABRT', code: null }, 'none')])
      .toEqual(['SIGSEGV', null, 'SIGABRT']);
  });
});

describe('control groups', () => {
  it('are read from the mounts', () => {
    const text = '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n41 31 0:38 /x /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n1 1 0:1 / / rw - ext4 /dev/a rw';

    expect(parseCgroupMounts(text)).toEqual([
      { version: 1, controllers: ['rw', 'memory'], root: '/', folder: '/sys/fs/cgroup/memory' },
      { version: 2, controllers: ['rw'], root: '/x', folder: '/sys/fs/cgroup/unified' },
    ]);
    expect(Object.fromEntries(parseOwnCgroups('4:memory:/a/b\n2:cpu,cpuacct:/c\n0::/user.slice\n'))).toEqual({ memory: '/a/b', cpu: '/c', cpuacct: '/c', '': '/user.slice' });
  });
});

describe('a control group of a child', () => {
  it('v2: one folder with memory, swap and process limits, and its counters', async () => {
    const child = await createChildCgroup({ version: 2, memory: folder, pids: folder, cpu: folder }, 'c1');
    const at = (name: string): string => join(folder, 'c1', name);
    child.setLimits({ memoryBytes: 1_000, threads: 7 });
    for (const [name, text] of Object.entries({
      'memory.events': 'low 0\noom 2\noom_kill 1\n', 'memory.peak': '900\n', 'cpu.stat': 'usage_usec 5000\nuser_usec 1\n', 'pids.events': 'max 3\n',
      'pids.peak': '7\n', 'cgroup.procs': '11\n12\n0\n',
    })) writeFileSync(at(name), text);

    expect(['memory.max', 'memory.swap.max', 'memory.oom.group', 'pids.max'].map((name) => readFileSync(at(name), 'utf8'))).toEqual(['1000', '0', '1', '7']);
    expect({ files: child.joinFiles, kills: child.oomKills(), pids: child.pids(), usage: child.usage() }).toEqual({
      files: [at('cgroup.procs')], kills: 1, pids: [11, 12], usage: { cpuMs: 5, peakBytes: 900, peakProcesses: 7, refusedForks: 3 },
    });
  });

  it('v1: one folder per controller, and swap counts as memory', async () => {
    for (const name of ['memory', 'pids']) mkdirSync(join(folder, name));
    const child = await createChildCgroup({ version: 1, memory: join(folder, 'memory'), pids: join(folder, 'pids'), cpu: null }, 'c1');

    child.setLimits({ memoryBytes: 1_000, threads: 7 });
    writeFileSync(join(folder, 'memory', 'c1', 'memory.oom_control'), 'oom_kill_disable 0\nunder_oom 0\noom_kill 4\n');

    expect(['limit_in_bytes', 'memsw.limit_in_bytes'].map((name) => readFileSync(join(folder, 'memory', 'c1', `memory.${name}`), 'utf8'))).toEqual(['1000', '1000']);
    expect({ kills: child.oomKills(), counts: [child.countsMemory, child.countsProcesses, child.countsCpu], cpu: child.usage().cpuMs, files: child.joinFiles.length })
      .toEqual({ kills: 4, counts: [true, true, false], cpu: null, files: 2 });
  });
});

describe('the launcher line', () => {
  it('is cut into messages, and anything else is noticed', () => {
    const seen: (LauncherMessage | null)[] = [];
    const parse = createLineParser((message) => seen.push(message));

    parse('{"event":"started","pid":7,"start_ti');
    parse('me":9}\n{"event":"limit","kind":"disk","value":1,"limit":1}\nx\n');
    parse('y'.repeat(70_000));

    expect(seen).toEqual([{ event: 'started', pid: 7, start_time: 9 }, null, null, null]);
  });
});

describe('files of the guard', () => {
  it('stops counting one past the limit and follows no link', () => {
    mkdirSync(join(folder, 'a', 'b', 'c'), { recursive: true });
    for (let index = 0; index < 50; index += 1) writeFileSync(join(folder, `f${index}`), 'x');
    symlinkSync('/usr', join(folder, 'a', 'usr'));

    expect(walkFolders([folder], { bytes: GIB, entries: 10, depth: 9 }).entries).toBe(11);
    expect(walkFolders([folder], { bytes: GIB, entries: 1_000, depth: 9 })).toMatchObject({ entries: 54, depth: 3 });
    expect(walkFolders([folder], { bytes: GIB, entries: 1_000, depth: 1 }).depth).toBe(2);
    expect(walkFolders([join(folder, 'missing')], { bytes: 1, entries: 1, depth: 1 })).toEqual({ bytes: 0, entries: 0, depth: 0 });
  });

  it('removes folders nested beyond the longest path, and not what a link points to', async () => {
    const kept = join(folder, 'kept');
    const top = join(folder, 'top');
    mkdirSync(kept);
    mkdirSync(top);
    symlinkSync(kept, join(top, 'link'));
    const start = process.cwd();
    process.chdir(top);
    for (let depth = 0; depth < 300; depth += 1) {
      mkdirSync('a-folder-with-a-long-name');
      process.chdir('a-folder-with-a-long-name');
    }
    process.chdir(start);

    expect(await removeTree(top)).toBe(true);
    expect(walkFolders([folder], { bytes: GIB, entries: 100, depth: 10 }).entries).toBe(1);
  });

  it('keeps the list of children readable through torn lines', () => {
    const ledger = new ChildrenLedger(join(folder, 'children.jsonl'));
    const entry = { pid: 5, start_time: '1', boot_id: 'b', lane: 'user' as const, cgroup: [], run_folder: '/r' };
    ledger.add(entry);
    ledger.add({ ...entry, pid: 6 });
    writeFileSync(join(folder, 'children.jsonl'), `{"pid":1\n${JSON.stringify(entry)}\n`);

    expect(ledger.read()).toEqual([entry]);
    ledger.forget(5);
    ledger.compact();
    expect(ledger.read()).toEqual([{ ...entry, pid: 6 }]);
  });

  it('believes a stored report under its own key only', () => {
    const lane = unavailableLane('user', 'none');
    const report: CapabilityReport = {
      platform: 'linux', arch: 'x64', os_release: '6', python: null, policy_version: 1, tested_at: 't', took_ms: 1, lanes: { user: lane, expert: lane, notebook: lane },
    };
    const file = join(folder, 'capabilities.json');
    writeCapabilities(file, 'key', report);

    expect([readCapabilities(file, 'key'), readCapabilities(file, 'other'), readCapabilities(join(folder, 'none'), 'key')]).toEqual([report, null, null]);
  });
});

describe('finding Python', () => {
  it('asks the places in their order', () => {
    const program = join(folder, 'checkout');
    mkdirSync(join(program, 'src'), { recursive: true });
    writeFileSync(join(program, 'src', 'main.ts'), '');
    writeFileSync(join(program, 'package-lock.json'), '');
    for (const root of [join(folder, 'bundle'), folder]) {
      mkdirSync(root, { recursive: true });
      writeFileSync(join(root, 'runtime.manifest.json'), JSON.stringify({ python_executable_relpath: 'python/bin/python3.12' }));
    }

    expect(pythonPlaces({ programDir: program, python: { python: '/my/python', runtimeRoot: join(folder, 'bundle'), launchPython: '/conda/python' } }, 'linux')).toEqual([
      { origin: 'SIDECAR_PYTHON', executable: '/my/python', required: true },
      { origin: 'PYTHON_RUNTIME_ROOT', executable: join(folder, 'bundle', 'python/bin/python3.12'), required: true },
      { origin: 'the bundle of this program', executable: join(folder, 'python/bin/python3.12'), required: false },
      { origin: 'SIDECAR_LAUNCH_PYTHON', executable: '/conda/python', required: false },
      { origin: '.runtime', executable: join(program, '.runtime', 'bin', 'python'), required: false },
    ]);
  });
});

describe('small parts', () => {
  it('finds everything below a process in a listing', () => {
    expect(below(2, '  1 0\n  2 1\n  3 2\n  4 3\n  5 1\n').sort()).toEqual([3, 4]);
  });

  it.each([
    ['waits its time', 0, 1_500], ['does not count the time that the machine slept', 8 * 3_600_000, 1_500],
  ])('a deadline %s', (...row) => {
    const [, sleptMs, waitedMs] = row;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let now = 0;
    const due = vi.fn<() => void>();
    createDeadline({ now: () => new Date(), monotonicMs: () => now }, 1_500, due);
    const pass = (ms: number): void => {
      now += ms;
      vi.advanceTimersByTime(ms);
    };

    pass(500);
    now += sleptMs;
    for (let passed = 500; passed < waitedMs - 100; passed += 100) pass(100);
    expect(due).not.toHaveBeenCalled();
    pass(600);
    expect(due).toHaveBeenCalledOnce();
    vi.useRealTimers();
  });
});
