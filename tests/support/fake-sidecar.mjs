// A stand-in for the program in tests of the supervisor: announces itself, answers a few routes, and misbehaves on request.
// FAKE_LOG names a file that gets one JSON line per start and per reattach; FAKE_MODES lists the mode of each start, the last one repeats.
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const { FAKE_LOG: log = '', FAKE_MODES: modes = 'ready' } = process.env;
const readLog = () => {
  try {
    return readFileSync(log, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  } catch {
    return [];
  }
};
const note = (entry) => appendFileSync(log, `${JSON.stringify(entry)}\n`);
const say = (announcement) => process.stdout.write(`${JSON.stringify(announcement)}\n`);

const list = modes.split(',');
const mode = list[Math.min(readLog().filter(({ event }) => event === 'start').length, list.length - 1)];
const lines = createInterface({ input: process.stdin });
let token = '';
let isHanging = false;

function end(code) {
  process.exitCode = code;
  process.exit();
}

function serve() {
  const server = createServer((request, response) => {
    if (isHanging) return;
    const answer = (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.headers.authorization !== `Bearer ${token}`) response.writeHead(401).end('{"detail":"no","code":"TOKEN_REQUIRED"}');
    else if (request.url === '/health') answer({ status: 'healthy' });
    else if (request.url === '/api/contract') answer({ contract_version: mode === 'other-contract' ? 'v2' : 'v1' });
    else if (request.url === '/api/diagnostics') end(1);
    else if (request.url === '/api/capabilities') {
      isHanging = true;
      answer({});
    } else if (request.url.endsWith('/reattach')) {
      note({ event: 'reattach', url: request.url, mode });
      if (mode === 'dies-reattaching') end(1);
      else answer({ status: 'reattached', turn_index: 0, imported: false });
    } else if (request.url.endsWith('/message/stream')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('id: 1.1\ndata: {"type": "start","turn_id": "trn_1","turn_index": 0,"kind": "student"}\n\n', () => end(1));
    } else if (request.url.endsWith('/events')) {
      note({ event: 'resume', after: request.headers['last-event-id'] });
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end('id: 2.1\ndata: {"type": "stream_reset","reason": "unknown_id","turn_index": 0}\n\n');
    } else response.writeHead(404).end('{"detail":"no","code":"NOT_FOUND"}');
  });
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write('a line of something else\n');
    say({ event: 'ready', url: `http://127.0.0.1:${server.address().port}`, pid: process.pid, contract_version: 'v1', version: '9.9.9', auth: 'token' });
  });
}

lines.once('line', (line) => {
  token = line;
  note({ event: 'start', pid: process.pid, token, argv: process.argv.slice(2), env: Object.keys(process.env).sort(), mode });
  if (mode === 'silent') setInterval(() => undefined, 1000);
  else if (mode === 'crash') {
    process.stderr.write(`${'x'.repeat(9000)}the reason of the crash\n`);
    end(1);
  } else if (mode.startsWith('fatal:')) {
    say({ event: 'fatal', code: mode.slice(6), message: 'it does not work' });
    end(2);
  } else serve();
});
if (mode === 'stubborn') process.on('SIGTERM', () => note({ event: 'sigterm' }));
else lines.once('close', () => end(0));
