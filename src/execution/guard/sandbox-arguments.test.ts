import { describe, expect, it } from 'vitest';
import { bwrapArguments, type BwrapPlan } from './bwrap-arguments.ts';
import { buildEnvironment } from './environment.ts';
import { landlockPolicy } from './landlock-policy.ts';
import { readBwrapVersion } from './machine.ts';
import { seatbeltCommand, seatbeltPlan, type SeatbeltFacts } from './seatbelt-profile.ts';
import { containerName, windowsPlan } from './windows-plan.ts';

const plan: BwrapPlan = {
  lane: 'user', environment: { LANG: 'C.UTF-8' }, systemLinks: { '/lib': 'usr/lib', '/lib64': 'usr/lib64', '/bin': 'usr/bin' },
  runtimeRoots: ['/opt/rt', '/usr/lib/python3'], sidecarRt: '/app/python/sidecar_rt', workspace: '/s/w', runFolder: '/s/run', home: '/s/home',
  packages: null, temporary: { kind: 'tmpfs', bytes: 1000 }, canDisableUserNamespaces: true, passwdDescriptor: 3, seccompDescriptor: 4,
  command: ['/opt/rt/bin/python', '-P', '/sidecar_rt/worker.py'],
};

describe('bwrap arguments', () => {
  it('are in the order in which bwrap has to apply them', () => {
    expect(bwrapArguments(plan).join(' ')).toBe([
      '--unshare-user --unshare-pid --unshare-net --unshare-ipc --unshare-uts --unshare-cgroup-try --disable-userns --die-with-parent',
      '--new-session --hostname sandbox --uid 65534 --gid 65534 --cap-drop ALL --clearenv --setenv LANG C.UTF-8',
      '--ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin',
      '--ro-bind-try /etc/ld.so.cache /etc/ld.so.cache --ro-bind-try /etc/localtime /etc/localtime --ro-bind-try /etc/alternatives /etc/alternatives',
      '--ro-bind-try /etc/fonts /etc/fonts --ro-bind-try /etc/ssl/certs /etc/ssl/certs --ro-bind-data 3 /etc/passwd',
      '--ro-bind /opt/rt /opt/rt --ro-bind /app/python/sidecar_rt /sidecar_rt --proc /proc --dev /dev --size 67108864 --tmpfs /dev/shm',
      '--remount-ro /dev --size 1000 --tmpfs /tmp --bind /s/run /run/sidecar --bind /s/w /workspace --bind /s/home /home/sandbox --remount-ro /',
      '--chdir /workspace --seccomp 4 -- /opt/rt/bin/python -P /sidecar_rt/worker.py',
    ].join(' '));
  });

  it('bind a runtime below the temporary folder after that folder', () => {
    const text = bwrapArguments({ ...plan, runtimeRoots: ['/tmp/rt', '/tmpfoo'] }).join(' ');

    expect(text).toContain('--ro-bind /tmpfoo /tmpfoo --ro-bind /app');
    expect(text).toContain('--size 1000 --tmpfs /tmp --ro-bind /tmp/rt /tmp/rt --bind /s/run');
  });

  it('give experts inputs they cannot write and no home', () => {
    const text = bwrapArguments({ ...plan, lane: 'expert', home: null }).join(' ');

    expect(text).toContain('--ro-bind /s/w/inputs /workspace/inputs --bind /s/w/out /workspace/out --remount-ro /');
    expect(text).not.toContain('/home/sandbox');
  });

  it.each([
    ['never make Python the first process', plan, '--as-pid-1', false],
    ['leave out what an older bwrap does not know', { ...plan, canDisableUserNamespaces: false }, '--disable-userns', false],
    ['leave the filter out on other processors', { ...plan, seccompDescriptor: null }, '--seccomp', false],
    ['bind folders where a tmpfs would not be counted', { ...plan, temporary: { kind: 'folders', temporary: '/s/run/tmp', sharedMemory: '/s/run/shm' } }, '--tmpfs', false],
    ['bind packages read-only', { ...plan, packages: '/s/packages' }, '/packages', true],
  ] as [string, BwrapPlan, string, boolean][])('%s', (...row) => {
    const [, changed, argument, isThere] = row;

    expect(bwrapArguments(changed).includes(argument)).toBe(isThere);
  });

  it.each([
    ['bubblewrap 0.8.0', { path: '/b', version: '0.8.0', canDisableUserNamespaces: true }],
    ['bubblewrap 0.5.1', { path: '/b', version: '0.5.1', canDisableUserNamespaces: false }],
    ['bubblewrap 0.4.1', { missing: 'bubblewrap 0.4 is too old, 0.5 is needed' }],
    ['nonsense', { missing: '/b does not say its version' }],
  ])('version: %s', (text, facts) => {
    expect(readBwrapVersion('/b', text)).toEqual(facts);
  });
});

describe('the environment of a child', () => {
  const paths = { workspace: '/workspace', runFolder: '/run/sidecar', home: '/home/sandbox', temporary: '/tmp' };
  const facts = { platform: 'linux' as const, paths, binFolder: '/rt/bin', matplotlibBackend: 'agg', timeZone: 'Europe/Berlin', cpuCount: 16 };

  it('is complete and takes nothing from the host', () => {
    expect(buildEnvironment({ ...facts, lane: 'user' })).toEqual({
      PATH: '/rt/bin:/usr/bin:/bin', HOME: '/home/sandbox', TMPDIR: '/tmp', TEMP: '/tmp', TMP: '/tmp', LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8',
      TZ: 'Europe/Berlin', PYTHONUTF8: '1', PYTHONIOENCODING: 'utf-8:backslashreplace', PYTHONDONTWRITEBYTECODE: '1', PYTHONNOUSERSITE: '1',
      NO_COLOR: '1', MPLBACKEND: 'agg', MPLCONFIGDIR: '/home/sandbox/.matplotlib', IPYTHONDIR: '/home/sandbox/.ipython',
      JUPYTER_CONFIG_DIR: '/home/sandbox/.jupyter', JUPYTER_DATA_DIR: '/home/sandbox/.jupyter-data',
      JUPYTER_RUNTIME_DIR: '/home/sandbox/.jupyter-runtime', OMP_NUM_THREADS: '4', OPENBLAS_NUM_THREADS: '4',
    });
  });

  it('makes experts repeatable', () => {
    expect(buildEnvironment({ ...facts, lane: 'expert' })).toMatchObject({
      TZ: 'UTC', PYTHONHASHSEED: '0', OMP_NUM_THREADS: '1', MPLCONFIGDIR: '/run/sidecar/.matplotlib',
    });
  });

  it('has what Windows needs and its path form', () => {
    const windows = { workspace: 'C:\\w', runFolder: 'C:\\r', home: 'C:\\h', temporary: 'C:\\r\\tmp' };

    expect(buildEnvironment({ ...facts, lane: 'user', platform: 'win32', paths: windows, binFolder: 'C:\\rt', systemRoot: 'C:\\Windows' })).toMatchObject({
      PATH: 'C:\\rt;C:\\Windows\\System32', USERPROFILE: 'C:\\h', SystemRoot: 'C:\\Windows', NoDefaultCurrentDirectoryInExePath: '1',
    });
  });
});

describe('the Seatbelt profile', () => {
  const facts: SeatbeltFacts = {
    lane: 'user', python: '/Users/a b/rt/bin/python3', runtimeRoots: ['/Users/a b/rt'], sidecarRt: '/Applications/中文.app/rt', workspace: '/Users/a b/s/w',
    runFolder: '/private/var/r', home: '/Users/a b/s/home', packages: null,
  };
  const operations = (profile: string): string[] => [...profile.matchAll(/^\((?:allow|deny) ([^\s)]+)/gm)].map(([, name = '']) => name);

  it('has its rules in the order in which later ones win', () => {
    expect(operations(seatbeltPlan(facts).profile)).toEqual([
      'default', 'process-exec', 'process-fork', 'process-exec', 'signal', 'process-info*', 'ipc-posix-sem', 'sysctl-read', 'file-read-metadata',
      'file-read*', 'file-map-executable', 'file-write*', 'file-read-data', 'ipc-posix-shm*', 'mach-lookup', 'file-write-unlink',
    ]);
  });

  it('holds no path of this machine, no network and no wildcard service', () => {
    const { profile } = seatbeltPlan(facts);

    expect(profile).not.toMatch(/Users|Applications|network|mach-lookup \(global-name-regex|appleevent|lsopen|trustd/);
    expect(profile.split('(').length).toBe(profile.split(')').length);
  });

  it('lets experts neither fork nor run another program, and write out/ only', () => {
    const { profile, parameters } = seatbeltPlan({ ...facts, lane: 'expert', home: null });

    expect(profile).not.toContain('process-fork');
    expect(profile.match(/process-exec/g)).toHaveLength(1);
    expect([parameters['WRITE_0'], parameters['WRITE_1'], parameters['WRITE_2'], parameters['READ_1']])
      .toEqual(['/Users/a b/s/w/out', '/private/var/r', undefined, '/Users/a b/s/w/inputs']);
  });

  it('passes paths as parameters, each of one argument, and names every ancestor once', () => {
    const seatbelt = seatbeltPlan(facts);
    const command = seatbeltCommand(seatbelt, ['python']);
    const ancestors = Object.entries(seatbelt.parameters).filter(([name]) => name.startsWith('ANCESTOR_')).map(([, path]) => path);

    expect(command.slice(0, 3)).toEqual(['/usr/bin/sandbox-exec', '-p', seatbelt.profile]);
    expect(command).toContain('WORKSPACE=/Users/a b/s/w');
    expect(ancestors).toEqual([...new Set(ancestors)]);
    expect(ancestors).toEqual(expect.arrayContaining(['/Users', '/Users/a b', '/private', '/Applications/中文.app']));
    for (const name of Object.keys(seatbelt.parameters)) expect(seatbelt.profile).toContain(`(param "${name}")`);
  });
});

describe('other plans', () => {
  const paths = { workspace: '/s/w', runFolder: '/s/run', home: '/s/home', temporary: '/s/run/tmp' };

  it('Landlock lets a learner write three folders and an expert two', () => {
    const shared = { paths, runtimeRoots: ['/opt/rt'], sidecarRt: '/app/rt', packages: null, seccomp: Buffer.from([1, 2]) };

    expect(landlockPolicy({ ...shared, lane: 'user' })).toMatchObject({ write: ['/s/w', '/s/home', '/s/run'], devices: ['/dev/null'], seccomp: 'AQI=' });
    expect(landlockPolicy({ ...shared, lane: 'expert' })).toMatchObject({ write: ['/s/w/out', '/s/run'], list: ['/s/w'] });
    expect(landlockPolicy({ ...shared, lane: 'user' }).list).toEqual([]);
    expect(landlockPolicy({ ...shared, lane: 'expert' }).read).toEqual(expect.arrayContaining(['/s/w/inputs', '/opt/rt', '/app/rt']));
    expect(landlockPolicy({ ...shared, lane: 'user' }).read.some((path) => path === '/' || path.startsWith('/home') || path === '/proc')).toBe(false);
  });

  it('Windows opens our own folders to one package per session and lane', () => {
    const made = windowsPlan({
      backend: 'appcontainer', lane: 'expert', workspace: { folder: 'C:\\w', home: null, packages: null, sessionId: 's1' }, runFolder: 'C:\\r',
      limits: { cpuMs: 1, memoryBytes: 1, processes: 1, threads: 1, openFiles: 1, fileBytes: 1, temporaryBytes: 1, disk: { runBytes: 1, runEntries: 1, totalBytes: 1, totalEntries: 1, depth: 1 } },
      sidecarRt: 'C:\\rt', runtime: { roots: ['C:\\py'] }, paths: { ...paths, home: 'C:\\w\\out' }, environment: {},
    });

    expect({ mode: made.mode, forbid: made.forbid_children, access: made.access }).toEqual({
      mode: 'appcontainer', forbid: true, access: [
        { path: 'C:\\py', rights: 'read' }, { path: 'C:\\rt', rights: 'read' }, { path: 'C:\\w\\inputs', rights: 'read' },
        { path: 'C:\\w\\out', rights: 'modify' }, { path: 'C:\\r', rights: 'modify' },
      ],
    });
    expect(containerName('s1', 'user')).not.toBe(containerName('s1', 'expert'));
    expect(containerName('x'.repeat(500), 'notebook').length).toBeLessThanOrEqual(64);
  });
});
