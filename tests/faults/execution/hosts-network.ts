// A machine of its own: this process has its own network and mounts, a neighbour that answers, and a service whose lanes may reach a
// list of hosts. It runs one program there and prints one JSON line about it. Started by `unshare --net --mount`.
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { openFixture } from './guard-fixture.ts';

/** Addresses for documentation: neither private nor anybody's. */
const [OWN, NEIGHBOUR, PRIVATE] = ['203.0.113.1', '203.0.113.2', '10.9.8.2'];
const NEIGHBOUR_PROGRAM = `
const seen = [];
process.stdin.on('end', () => process.exit()).resume();
require('node:http').createServer((request, response) => {
  if (request.url === '/seen') return response.end(JSON.stringify(seen));
  seen.push(request.headers.host);
  response.end('from the neighbour');
}).listen(80, () => console.log('up'));`;

/** Prints one JSON line: what each address answered, asked as a request and through a tunnel. */
const ASK = `
import http.client, json, os, urllib.error, urllib.parse, urllib.request
proxy = urllib.parse.urlsplit(os.environ['HTTP_PROXY'])
opener = urllib.request.build_opener(urllib.request.ProxyHandler({'http': os.environ['HTTP_PROXY']}))
os.environ['no_proxy'] = os.environ['NO_PROXY'] = ''
def ask(host):
    try:
        return opener.open('http://' + host + '/', timeout=30).read().decode()
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return type(error).__name__
def tunnel(host):
    import base64
    login = base64.b64encode(urllib.parse.unquote(proxy.username or '').encode() + b':' + urllib.parse.unquote(proxy.password or '').encode()).decode()
    connection = http.client.HTTPConnection(proxy.hostname, proxy.port, timeout=30)
    connection.set_tunnel(host, 80, {'Proxy-Authorization': 'Basic ' + login} if proxy.username else {})
    try:
        connection.request('GET', '/')
        return connection.getresponse().read().decode()
    except OSError as error:
        return str(error).removeprefix('Tunnel connection failed: ').split(' ')[0]
print(json.dumps({host: [ask(host), tunnel(host)] for host in HOSTS}))
`;

const ip = (...args: string[]): void => { execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] }); };

ip('link', 'set', 'lo', 'up');
const neighbour = spawn('unshare', ['--net', '--', process.execPath, '-e', NEIGHBOUR_PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
await createInterface({ input: neighbour.stdout })[Symbol.asyncIterator]().next();
const there = (...args: string[]): void => { execFileSync('nsenter', ['--net', '--target', String(neighbour.pid), '--', 'ip', ...args]); };
ip('link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there', 'netns', String(neighbour.pid));
ip('addr', 'add', `${OWN}/24`, 'dev', 'here');
ip('addr', 'add', '10.9.8.1/24', 'dev', 'here');
ip('link', 'set', 'here', 'up');
for (const address of [NEIGHBOUR, PRIVATE]) there('addr', 'add', `${address}/24`, 'dev', 'there');
there('link', 'set', 'there', 'up');

const LISTED = ['listed.test', 'loopback.test', 'own.test', 'private.test'];
const fixture = openFixture('bwrap', { hosts: LISTED });
const names = join(fixture.root, 'names');
writeFileSync(names, [
  '127.0.0.1 localhost loopback.test', `${OWN} own.test`, `${NEIGHBOUR} listed.test other.test`, `${PRIVATE} private.test`, '',
].join('\n'));
execFileSync('mount', ['--bind', names, '/etc/hosts']);
let hits = 0;
const own = createServer((_request, response) => { hits += 1; response.end('from this machine'); }).listen(80);
await new Promise((resolve) => own.once('listening', resolve));
const direct = await (await fetch('http://listed.test/')).text();

const report = await fixture.guard.probe();
const hosts = [...LISTED, 'other.test', NEIGHBOUR, '127.0.0.1', OWN];
const user = await fixture.run('user', ASK.replace('HOSTS', JSON.stringify(hosts)));
const expert = await fixture.run('expert', "import socket\ntry:\n    socket.create_connection(('203.0.113.2', 80), 2); print('connected')\nexcept OSError as error:\n    print(type(error).__name__)\nimport os\nprint('HTTP_PROXY' in os.environ)");
const seen = await (await fetch('http://listed.test/seen')).json();

process.stdout.write(`${JSON.stringify({
  direct, report: { user: report.lanes.user.network, expert: report.lanes.expert.network }, answers: JSON.parse(user.stdout || 'null'), stderr: user.stderr,
  expert: expert.stdout, hits, seen,
})}\n`);
own.close();
neighbour.stdin.end();
execFileSync('umount', ['/etc/hosts']);
await fixture.close();
