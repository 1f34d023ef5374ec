import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasRuntime, leftovers, openFixture, VARIANTS, type Fixture } from './guard-fixture.ts';

const MIB = 1024 * 1024;
const CLEAN = { runFolders: [], groups: [], processes: [] };

/** Prints the name of the error that an expression raises, or its value. */
const tried = (expression: string): string => `
try:
    print(${expression})
except BaseException as error:
    print(type(error).__name__)
`;

describe.skipIf(!hasRuntime).each(VARIANTS)('guards: %s', (variant) => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = openFixture(variant);
    await fixture.guard.probe();
  });
  afterEach(() => {
    // oxlint-disable-next-line vitest/no-standalone-expect -- what is left over counts after every case
    expect(leftovers(fixture)).toEqual(CLEAN);
  });
  afterAll(() => fixture.close());

  const usesGroups = !variant.includes('without cgroups');

  it('reports every lane as available with the backend that is there', () => {
    const { lanes } = fixture.guard.report()!;

    expect([lanes.user, lanes.expert, lanes.notebook].map(({ available, backend, reason }) => ({ available, backend, reason })))
      .toEqual(Array.from({ length: 3 }, () => ({ available: true, backend: variant.split(' ')[0], reason: null })));
    expect(lanes.user.guards.memory.state).toBe(usesGroups ? 'enforced' : 'degraded');
  });

  it.each([
    ['a file of the user', (f: Fixture) => `open(${JSON.stringify(join(f.homeDir, 'secret.txt'))}).read()`],
    ['the system password file', () => "open('/etc/shadow').read()"],
    ['the environment of the host', () => `open('/proc/${process.pid}/environ').read()`],
    ['the folder of the host', (f: Fixture) => `__import__('os').listdir(${JSON.stringify(f.stateDir)})`],
    ['the memory of the host', () => `open('/proc/${process.pid}/mem', 'rb')`],
  ])('does not let a program read %s (E33, E34, E40)', async (_title, expression) => {
    const { stdout } = await fixture.run('user', tried(expression(fixture)));

    expect(stdout).toMatch(/^(FileNotFoundError|PermissionError)\n$/);
  });

  it('lets a program write its workspace and nothing beside it (E38)', async () => {
    const outside = join(fixture.root, 'outside.txt');
    const { stdout, workspace } = await fixture.run('user', `open('inside.txt', 'w').write('x')\n${tried(`open(${JSON.stringify(outside)}, 'w')`)}${tried("open('/usr/x', 'w')")}`);

    expect(stdout).toMatch(/^(FileNotFoundError|PermissionError|OSError)\n(PermissionError|OSError)\n$/);
    expect(existsSync(outside)).toBe(false);
    expect(readFileSync(join(workspace, 'inside.txt'), 'utf8')).toBe('x');
  });

  it('keeps experts out of their inputs and lets them write out/ (E38)', async () => {
    const { stdout, workspace } = await fixture.run('expert', `${tried("open('inputs/x', 'w')")}open('out/answer.txt', 'w').write('42')`);

    expect(stdout).toMatch(/^(PermissionError|OSError)\n$/);
    expect(readFileSync(join(workspace, 'out', 'answer.txt'), 'utf8')).toBe('42');
  });

  it('reaches no server of this machine (E46)', async () => {
    let hits = 0;
    const server = createServer((socket) => { hits += 1; socket.destroy(); });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };

    const { stdout } = await fixture.run('user', `import socket\n${tried(`socket.create_connection(('127.0.0.1', ${port}), 1)`)}${tried('socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)')}${tried('len(socket.socketpair())')}`);

    expect(stdout).toBe('PermissionError\nPermissionError\n2\n');
    expect(hits).toBe(0);
    await new Promise((resolve) => server.close(resolve));
  });

  it('shows only the listed environment and three descriptors (E43)', async () => {
    const { stdout } = await fixture.run('user', "import os\nprint(sorted(n for n in os.environ if n.startswith(('SIDECAR', 'NODE', 'npm'))))\nprint(sorted(int(n) for n in os.listdir('/proc/self/fd') if int(n) < 64))");

    expect(stdout).toMatch(/^\[\]\n\[0, 1, 2, \d+\]\n$/);
  });

  it('refuses calls that change the system (E52, E53)', async () => {
    const { stdout } = await fixture.run('user', `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number, arguments in ((272, (0x10000000,)), (101, (0, 0)), (165, (0, 0, 0, 0)), (425, (1, 0)), (435, (0, 0)), (0x40000001, (1, 0, 0))):
    print(number, libc.syscall(number, *arguments), ctypes.get_errno())
`);

    expect(stdout).toBe('272 -1 1\n101 -1 1\n165 -1 1\n425 -1 1\n435 -1 38\n1073741825 -1 1\n');
  });

  it('kills a process that makes a 32-bit call (E52)', async () => {
    const { stdout } = await fixture.run('user', `
import ctypes, mmap, os
pid = os.fork()
if pid == 0:
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex('b814000000cd80c3'))
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
    os._exit(0)
print(os.WTERMSIG(os.waitpid(pid, 0)[1]))
`);

    expect(stdout).toBe('31\n');
  });

  it('does not let experts start a process, but threads (E01, E67)', async () => {
    const { stdout } = await fixture.run('expert', `import os, threading, subprocess\n${tried('os.fork()')}${tried("subprocess.run(['/bin/true'])")}threading.Thread(target=print, args=('thread',)).start()`);

    expect(stdout).toBe('PermissionError\nPermissionError\nthread\n');
  });

  it('stops a fork bomb at its limit (E01, S70)', async () => {
    const { exit, kill } = await fixture.run('user', 'import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        os._exit(9)\n', { threads: 24 });

    expect(kill).toMatchObject({ survivors: 0 });
    expect(usesGroups ? (exit.refusedForks ?? 0) > 0 : true).toBe(true);
  });

  it('ends a program that takes too much memory, and says so (E03, S71)', async () => {
    const { exit, kill } = await fixture.run('user', 'import time\nheld = []\nwhile True:\n    held.append(bytearray(4 << 20))\n    held[-1][::4096] = bytes(1024)\n    time.sleep(0.01)', { memoryBytes: 128 * MIB });

    expect(exit).toMatchObject({ limit: { kind: 'memory', limit: 128 * MIB } });
    expect(exit.peakBytes).toBeLessThan(usesGroups ? 129 * MIB : 256 * MIB);
    expect(kill.survivors).toBe(0);
  });

  it('answers one huge allocation with a clean MemoryError (E05)', async () => {
    const { stdout, exit } = await fixture.run('user', tried('len(bytearray(64 << 30))'));

    expect({ stdout, code: exit.code, limit: exit.limit }).toEqual({ stdout: 'MemoryError\n', code: 0, limit: null });
  });

  it('ends a tree whose children take too much memory together, the parent too (E04)', async () => {
    const { exit, kill } = await fixture.run('user', `
import os, time
for _ in range(8):
    if os.fork() == 0:
        held = bytearray(60 << 20)
        held[::4096] = bytes(len(held[::4096]))
        time.sleep(60)
time.sleep(60)
`, { memoryBytes: 256 * MIB });

    expect({ limit: exit.limit?.kind, survivors: kill.survivors }).toEqual({ limit: 'memory', survivors: 0 });
  });

  it('ends a program that uses too much processor time (E14)', async () => {
    const { exit } = await fixture.run('user', 'while True: pass', { cpuMs: 400 });

    expect(exit.limit?.kind ?? exit.signal ?? exit.code).toSatisfy((end) => end === 'cpu' || end === 'SIGXCPU' || end === 128 + 24);
  });

  it.each([
    // Slower than the disk, or the limit of one file would end it before the meter looks.
    ['a big file', 'import time\nwith open("big", "wb") as file:\n    while True: file.write(bytes(1 << 20)); time.sleep(0.02)', 'bytes'],
    ['many empty files', 'n = 0\nwhile True:\n    open(f"f{n}", "w").close(); n += 1', 'entries'],
    ['nested folders', 'import os\nwhile True:\n    os.mkdir("d"); os.chdir("d")', 'depth'],
  ])('ends a program that fills the disk with %s (E06, E08, E09)', async (_title, code, part) => {
    const disk = { runBytes: 32 * MIB, runEntries: 200, totalBytes: 64 * MIB, totalEntries: 400, depth: 16 };

    const { exit } = await fixture.run('user', `${code}\nimport time`, { disk, cpuMs: 20_000 });

    expect(exit.limit).toMatchObject({ kind: 'disk', detail: part });
  });

  it('ends a daemon that left parent, group and session together with its run (E19, S72)', async () => {
    const code = `
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open('daemon', 'w').close()
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists('daemon'): time.sleep(0.005)
print('main ends')
`;
    const { exit, kill, stdout } = await fixture.run('user', code);

    expect({ stdout, code: exit.code, killed: exit.killed, survivors: kill.survivors }).toEqual({ stdout: 'main ends\n', code: 0, killed: false, survivors: 0 });
  });

  it('kills a tree that ignores every signal (E16)', async () => {
    const { child, until } = await fixture.start('user', `
import os, signal, time
for number in range(1, 32):
    try: signal.signal(number, signal.SIG_IGN)
    except OSError: pass
for _ in range(6): os.fork()
print('up', flush=True)
while True: time.sleep(1)
`);
    await until('up');

    const facts = await child.kill();

    expect(facts).toMatchObject({ survivors: 0, proven: true });
  });

  it('lets no signal out of the tree (E18, S74)', async () => {
    const { stdout } = await fixture.run('user', `import os\n${tried(`os.kill(${process.pid}, 0)`)}`);

    expect(stdout).toMatch(/^(ProcessLookupError|PermissionError)\n$/);
  });

  it('interrupts a sleeping program through the lifeline and lets its output out', async () => {
    const { child, output, until } = await fixture.start('user', "import time\ntry:\n    print('up', flush=True)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('interrupted')");
    await until('up');

    child.stdin.write('I');

    expect((await child.exited).code).toBe(0);
    await child.gone;
    expect(output.stdout).toBe('up\ninterrupted\n');
  });

  it('ends a program whose host closes the lifeline', async () => {
    const { child, until } = await fixture.start('user', "import time\nprint('up', flush=True)\ntime.sleep(600)");
    await until('up');

    child.stdin.end();

    expect((await child.exited).code).toBe(124);
    await child.gone;
  });

  it('makes the font list once, and every home gets it', async () => {
    expect(await fixture.guard.prepareFonts()).toBe(true);

    const { stdout } = await fixture.run('user', "import os\nprint([n for n in os.listdir(os.environ['MPLCONFIGDIR']) if n.startswith('fontlist')] != [])");

    expect(stdout).toBe('True\n');
  });

  it('reports exit codes and crashes as they are', async () => {
    const left = await fixture.run('user', 'import os; os._exit(7)');
    const crashed = await fixture.run('user', 'import os, signal; os.kill(os.getpid(), signal.SIGSEGV)');

    expect(left.exit).toMatchObject({ code: 7, signal: null, limit: null, killed: false });
    expect(variant.startsWith('bwrap') ? crashed.exit.code : crashed.exit.signal).toBe(variant.startsWith('bwrap') ? 128 + 11 : 'SIGSEGV');
  });

  it('loads no code of the workspace before the job (E42)', async () => {
    const running = await fixture.start('user', "import sys\nprint('json' in sys.modules, sys.modules['json'].__file__.startswith(sys.base_prefix))");
    writeFileSync(join(running.workspace, 'sitecustomize.py'), 'print("evil")');
    await running.child.gone;

    expect(running.output.stdout).toBe('True True\n');
  });
});
