// A host of its own, to be killed: starts children as told and says their pids, one JSON line each.
import { openFixture, type Variant } from './guard-fixture.ts';

const [variant = 'landlock', stateDir = '', mode = 'running', hosts = ''] = process.argv.slice(2);
// The test that starts this passes one of the variants.
const fixture = openFixture(variant as Variant, { stateDir, ...(hosts === '' ? {} : { hosts: hosts.split(',') }) });
await fixture.guard.probe();
process.stdout.write(`${JSON.stringify({ root: fixture.root })}\n`);
if (mode === 'running') {
  const code = "import os, time\nfor _ in range(2): os.fork()\nprint('up', flush=True)\ntime.sleep(600)";
  const children = await Promise.all([fixture.start('user', code), fixture.start('notebook', code), fixture.start('expert', 'import time\nprint("up", flush=True)\ntime.sleep(600)')]);
  await Promise.all(children.map(({ until }) => until('up')));
  process.stdout.write(`${JSON.stringify({ pids: children.map(({ child }) => child.pid) })}\n`);
} else {
  process.stdin.on('data', () => {
    fixture.start('user', 'import time\ntime.sleep(600)').catch(() => {});
    process.stdout.write('{"spawning":true}\n');
  });
}
setInterval(() => {}, 1_000);
