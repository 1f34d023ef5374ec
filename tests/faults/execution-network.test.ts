import { createSocket } from 'node:dgram';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openExecutionBench } from '../support/execution-bench.ts';
import type { ExecutionBench } from '../support/execution-bench.ts';
import { LANES, runIn } from '../support/two-lanes.ts';
import { hasBwrap } from './execution/guard-fixture.ts';

const TOKEN = 'a-token-that-somebody-stole-0123456789';

/** Servers of this machine that nobody may reach; each counts who came. */
async function openCanaries(folder: string) {
  let hits = 0;
  const requests: string[] = [];
  const http = createHttpServer((request, response) => { requests.push(request.headers.authorization ?? ''); response.end('{}'); }).listen(0, '0.0.0.0');
  const path = join(folder, 'canary.sock');
  const abstract = `sidecar-canary-${process.pid}`;
  const servers: Server[] = [http, createServer(() => { hits += 1; }).listen(path), createServer(() => { hits += 1; }).listen(`\0${abstract}`)];
  const six = createServer(() => { hits += 1; });
  const hasSix = await new Promise<boolean>((resolve) => six.once('error', () => resolve(false)).listen(0, '::1', () => resolve(true)));
  await Promise.all(servers.map(async (server) => { if (!server.listening) await new Promise((resolve) => server.once('listening', resolve)); }));
  const udp = createSocket('udp4', () => { hits += 1; });
  await new Promise<void>((resolve) => udp.bind(0, '0.0.0.0', resolve));
  const lan = Object.values(networkInterfaces()).flat().find((each) => each?.family === 'IPv4' && !each.internal)?.address ?? '127.0.0.2';
  return {
    // What `listen` without an error answers.
    port: (http.address() as AddressInfo).port, sixPort: hasSix ? (six.address() as AddressInfo).port : 9, udpPort: udp.address().port, path, abstract, lan,
    seen: () => ({ hits, requests }),
    close: async () => {
      for (const server of [...servers, ...(hasSix ? [six] : [])]) await new Promise((resolve) => server.close(resolve));
      udp.close();
    },
  };
}

describe.each(hasBwrap ? ['bwrap', 'landlock'] as const : ['landlock'] as const)('under %s', (backend) => {
  let bench: ExecutionBench;
  let canaries: Awaited<ReturnType<typeof openCanaries>>;
  beforeAll(async () => {
    bench = await openExecutionBench({ preload: [], ...(backend === 'bwrap' ? {} : { bwrap: '/nonexistent' }) });
    canaries = await openCanaries(bench.folder);
  });
  afterEach(async () => {
    expect(canaries.seen()).toEqual({ hits: 0, requests: [] });
    expect((await bench.remains()).filter((line) => !line.endsWith('canary.sock'))).toEqual([]);
  });
  afterAll(async () => {
    await canaries.close();
    await bench[Symbol.asyncDispose]();
  });

  describe.each(LANES)('code in the %s lane', (lane) => {
    it('has its network off, and the report says so', () => {
      expect(bench.report.lanes[lane]).toMatchObject({ backend, network: 'off', guards: { network: { state: 'enforced' } } });
    });

    it.each([
      ['a server of this machine (E46, S69)', () => `socket.create_connection(("127.0.0.1", ${canaries.port}), 3)`],
      ['our own port with a stolen token (E46, S69)', () => `urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:${canaries.port}/api/sessions", headers={"Authorization": "Bearer ${TOKEN}"}), timeout=3)`],
      ['a name server (E47)', () => 'socket.getaddrinfo("example.com", 80)'],
      ['a packet to this machine (E47)', () => `socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", ${canaries.udpPort}))`],
      ['the local network (E47)', () => `socket.create_connection(("${canaries.lan}", ${canaries.port}), 3)`],
      ['a packet to the local network (E47)', () => `socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("${canaries.lan}", ${canaries.udpPort}))`],
      ['IPv6 (E47)', () => `socket.create_connection(("::1", ${canaries.sixPort}), 3)`],
      ['metadata of a cloud (E47)', () => 'socket.create_connection(("169.254.169.254", 80), 3)'],
      ['the internet (E47)', () => 'socket.create_connection(("203.0.113.9", 443), 3)'],
      ['raw packets (E47)', () => 'socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)'],
      ['a port to listen on (E49)', () => 'socket.create_server(("127.0.0.1", 0))'],
    ])('does not get %s', async (_title, expression) => {
      const result = await runIn(bench, lane, `import socket, urllib.request\nprint("reached", ${expression()})`);

      expect(result).toMatchObject({ reason: 'sandbox_denied', returncode: 1, stdout: '', hints: ['network_off'] });
    });

    it('reaches no socket of another program: in the abstract space, by path, of docker, an agent, a bus or a display (E48)', async () => {
      const paths = [canaries.path, '/var/run/docker.sock', '/run/docker.sock', process.env['SSH_AUTH_SOCK'] ?? '/tmp/ssh-x/agent.1', '/run/dbus/system_bus_socket', '/tmp/.X11-unix/X0', '/run/user/0/bus'];
      const result = await runIn(bench, lane, `
import socket
for address in [b'\\0${canaries.abstract}', ${paths.map((path) => JSON.stringify(path)).join(', ')}]:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try: socket.socket(socket.AF_UNIX, kind).connect(address); print('reached', address)
        except OSError as error: print(type(error).__name__)`);

      expect(result.reason).toBe('ok');
      expect(result.stdout.trim().split('\n').filter((line) => !/^(FileNotFoundError|ConnectionRefusedError|PermissionError)$/.test(line))).toEqual([]);
    });
  });

  it('lets no run reach another one (E49)', async () => {
    const { workspace } = await bench.session('listener');
    const listening = bench.run('listener', `
import os, socket, time
server = None
try:
    server = socket.socket(socket.AF_UNIX); server.bind(b'\\0sidecar-run'); server.listen(); server.settimeout(0.05)
except OSError as error: print(type(error).__name__)
open('up', 'w').close()
while not os.path.exists('stop'):
    try: server and server.accept() and print('reached')
    except TimeoutError: pass
    time.sleep(0.01)`);
    while (!existsSync(join(workspace, 'up'))) await new Promise((resolve) => setTimeout(resolve, 10));

    const caller = await bench.run('caller', "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect(b'\\0sidecar-run')\nprint('reached')");
    writeFileSync(join(workspace, 'stop'), '');
    const { stdout } = await listening;

    expect([caller.stdout, caller.success, stdout.includes('reached')]).toEqual(['', false, false]);
  });
});
