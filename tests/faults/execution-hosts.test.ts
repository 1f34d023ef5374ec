import { execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepProcess } from '../support/kept-processes.ts';
import { openExecutionBench } from '../support/execution-bench.ts';
import { openNotebookBench } from '../support/notebook-bench.ts';
import { hasBwrap, hasRuntime, openFixture, processesWith, type Fixture } from './execution/guard-fixture.ts';

const hasTools = ['socat', 'rg'].every((tool) => existsSync(join('/usr/bin', tool)));
const LISTED = 'listed.test';
/** True where a network with a neighbour can be made, which takes an administrator. */
const canMakeNetworks = spawnSync('unshare', ['--net', '--mount', '--', 'ip', 'link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there']).status === 0;

/** Asks through the proxy and prints one word per address. */
const ASK = `
import os, sys, urllib.error, urllib.request
os.environ['no_proxy'] = os.environ['NO_PROXY'] = ''
opener = urllib.request.build_opener(urllib.request.ProxyHandler({'http': os.environ['HTTP_PROXY']}))
for address in ADDRESSES:
    try:
        print(opener.open(address, timeout=90).status)
    except urllib.error.HTTPError as error:
        print(error.code, error.headers.get('X-Proxy-Error'))
    except OSError as error:
        print(type(error).__name__)
`;

async function gone(marker: string): Promise<number[]> {
  const until = performance.now() + 30_000;
  let alive = processesWith(marker);
  while (alive.length > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    alive = processesWith(marker);
  }
  return alive;
}

/** Pids of brokers or of relays; the launcher names its broker too, but starts otherwise. */
function partsOf(marker: string, part: 'broker' | 'relay'): number[] {
  return processesWith(marker).filter((pid) => {
    const [file, first] = argumentsOf(pid);
    return part === 'broker' ? file === process.execPath && first.includes('hosts-broker') : first.startsWith('UNIX-LISTEN');
  });
}

/** Program and first argument; empty when the process has ended meanwhile. */
function argumentsOf(pid: number): [file: string, first: string] {
  try {
    const [file = '', first = ''] = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
    return [file, first];
  } catch {
    return ['', ''];
  }
}

describe.skipIf(!hasRuntime)('a list of hosts that cannot be enforced', () => {
  it.each([
    ['an address', '127.0.0.1'], ['an address as one number', '2130706433'], ['a name of this machine itself', 'api.localhost'],
  ])('leaves the network off and says why: %s', async (_name, host) => {
    const fixture = openFixture(hasBwrap ? 'bwrap' : 'landlock', { hosts: [host] });
    try {
      const { user, notebook, expert } = (await fixture.guard.probe()).lanes;

      expect([user.network, notebook.network, expert.network, user.guards.network.state]).toEqual(['off', 'off', 'off', 'degraded']);
      expect(user.warnings[0]).toMatch(/^the network stays off: a list of allowed hosts cannot be enforced here \(.+\)/);
      expect(expert.guards.network.state).toBe('enforced');
    } finally {
      await fixture.close();
    }
  });

  it.skipIf(hasTools)('names the missing tools and the command that installs them', async () => {
    const fixture = openFixture(hasBwrap ? 'bwrap' : 'landlock', { hosts: [LISTED] });
    try {
      expect((await fixture.guard.probe()).lanes.user.guards.network).toMatchObject({ state: 'degraded', fix: 'apt-get install socat ripgrep' });
    } finally {
      await fixture.close();
    }
  });
});

describe.skipIf(!hasRuntime || !hasBwrap || !hasTools)('a list of hosts', () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = openFixture('bwrap', { hosts: [LISTED, hostname()] });
    await fixture.guard.probe();
  });
  afterAll(() => fixture.close());

  it('is active in the user and notebook lanes and nowhere else', () => {
    const { user, notebook, expert } = fixture.guard.report()!.lanes;

    expect([user.network, notebook.network, expert.network]).toEqual(['hosts', 'hosts', 'off']);
    expect([user.backend, expert.backend, user.guards.network.state, user.guards.files_read.state]).toEqual(['srt', 'bwrap', 'enforced', 'enforced']);
  });

  it('reaches a listed host that answers; another host, addresses and names that lead to this machine or a private network are refused (E50)', async () => {
    if (!canMakeNetworks) {
      // Nobody answers here, so what was tried is what the report says was tried: the filter passed its self-test.
      expect(fixture.guard.report()!.lanes.user).toMatchObject({ network: 'hosts', guards: { network: { state: 'enforced', tested: 'passed' } } });
      return;
    }
    const { stdout } = await promisify(execFile)('unshare', [
      '--net', '--mount', '--propagation', 'private', '--', process.execPath, join(import.meta.dirname, 'execution', 'hosts-network.ts'),
    ], { timeout: 110_000 });

    const refused = [403, '403'];
    expect(JSON.parse(stdout)).toEqual({
      direct: 'from the neighbour', report: { user: 'hosts', expert: 'off' }, stderr: '', hits: 0,
      answers: {
        'listed.test': ['from the neighbour', 'from the neighbour'], 'loopback.test': refused, 'own.test': refused, 'private.test': refused, 'other.test': refused,
        '203.0.113.2': refused, '127.0.0.1': refused, '203.0.113.1': refused,
      },
      // The network of experts stays off.
      expert: 'PermissionError\nFalse\n',
      // The first is the test's own question; two came through the broker.
      seen: ['listed.test', 'listed.test', 'listed.test'],
    });
  });

  it('lets only listed names through, and none that leads to this machine (E50)', async () => {
    let hits = 0;
    const server = createServer((_request, response) => { hits += 1; response.end(); }).listen(0);
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const addresses = [
      `http://${LISTED}/`, 'http://other.test/', `http://127.0.0.1:${port}/`, 'http://8.8.8.8/', `http://localhost:${port}/`, `http://${hostname()}:${port}/`,
    ];

    const { stdout, stderr } = await fixture.run('user', ASK.replace('ADDRESSES', JSON.stringify(addresses)));
    server.close();

    const [listed, ...refused] = stdout.trim().split('\n');
    // The listed name passes the list; it is reserved, so there is nobody behind it.
    expect(listed, stderr).toBe('502 None');
    expect(refused.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => '403 blocked-by-allowlist'));
    expect(refused[4]).toBe('403 blocked-by-sandbox-runtime');
    expect(hits).toBe(0);
  });

  it('leaves no way around the proxy (E50)', async () => {
    const { stdout } = await fixture.run('user', `
import socket
for family, address in ((socket.AF_INET, ('127.0.0.1', 22)), (socket.AF_INET, ('8.8.8.8', 53)), (socket.AF_UNIX, '/run/x')):
    try:
        made = socket.socket(family); made.settimeout(2); made.connect(address); print('connected')
    except OSError as error:
        print(type(error).__name__)
`);

    expect(stdout).not.toContain('connected');
    expect(stdout.trim().split('\n')).toHaveLength(3);
  });

  it('passes the exit code on', async () => {
    const { exit, kill } = await fixture.run('user', 'import os\nos._exit(7)');

    expect([exit.code, exit.signal, kill.survivors]).toEqual([7, null, 0]);
  });

  it.each(['broker', 'relay'] as const)('ends the tree when a part is killed: %s (E51)', async (name) => {
    const { child, until } = await fixture.start('user', "import time\nprint('up', flush=True)\ntime.sleep(600)");
    await until('up');
    const [part] = partsOf(child.host.runFolder, name);

    process.kill(part!, 'SIGKILL');
    const [exit, kill] = await Promise.all([child.exited, child.gone]);

    expect([exit.signal, exit.killed, kill.survivors, kill.proven]).toEqual(['SIGKILL', false, 0, true]);
    expect(await gone(child.host.runFolder)).toEqual([]);
    expect(existsSync(child.host.runFolder)).toBe(false);
  });

  it('tells a run whose broker was killed as a lost worker (E51)', async () => {
    await using bench = await openExecutionBench({ hosts: [LISTED] });
    expect(bench.report.lanes.user.network).toBe('hosts');
    const running = bench.run('a-session', "import time\nopen('up', 'w').close()\ntime.sleep(600)");
    const { workspace } = await bench.session('a-session');
    await expect.poll(() => existsSync(join(workspace, 'up'))).toBe(true);

    process.kill(partsOf(bench.stateDir, 'broker')[0]!, 'SIGKILL');

    expect(await running).toMatchObject({ success: false, reason: 'worker_lost', returncode: -3 });
    expect(await bench.leftovers()).toEqual({ children: 0, runFolders: [], processes: [] });
  });

  it('runs nothing of the learner outside the sandbox', async () => {
    await using bench = await openExecutionBench({ hosts: [LISTED] });
    const { home } = await bench.session('a-session');
    const escaped = join(bench.folder, 'escaped');
    for (const name of ['.bashrc', '.bash_profile', '.profile']) writeFileSync(join(home, name), `touch ${escaped}\n`);

    const answer = await bench.run('a-session', "import os\nprint(os.environ['HOME'])");

    expect([answer.stdout.trim(), answer.stderr]).toEqual([home, '']);
    expect(existsSync(escaped)).toBe(false);
  });

  it('gives runs and kernels the same place for packages, and imports what lies there', async () => {
    await using bench = await openNotebookBench({ hosts: [LISTED] });
    const id = bench.session('a-session');
    const packages = join(bench.root, 'sessions', id, 'packages');
    mkdirSync(packages, { recursive: true });
    writeFileSync(join(packages, 'installed.py'), 'value = 7');

    const answer = await bench.run(id, "import installed, os\nopen(os.environ['PIP_TARGET'] + '/new.py', 'w').close()\nprint(installed.value)");

    expect(answer).toMatchObject({ success: true, stdout: '7\n' });
    expect(existsSync(join(packages, 'new.py'))).toBe(true);
  });

  it('leaves nothing when the host is killed (E51)', async () => {
    const stateDir = realpathSync(mkdtempSync(join(tmpdir(), 'sidecar-hosts-')));
    const host = spawn(process.execPath, [join(import.meta.dirname, 'execution', 'guard-host.ts'), 'bwrap', stateDir, 'running', LISTED], { stdio: ['pipe', 'pipe', 'inherit'] });
    keepProcess({ title: 'the host', child: host, log: () => '' });
    const lines = createInterface({ input: host.stdout })[Symbol.asyncIterator]();
    const { root } = JSON.parse((await lines.next()).value!) as { root: string };
    await lines.next();
    expect(partsOf(stateDir, 'relay').length).toBeGreaterThanOrEqual(2);

    host.kill('SIGKILL');

    expect(await gone(stateDir)).toEqual([]);
    for (const folder of [stateDir, root]) rmSync(folder, { recursive: true, force: true });
  });
});
