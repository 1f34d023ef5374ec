import { chmodSync, copyFileSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { GuardId } from '../../src/execution/guard/index.ts';
import { openExecutionBench } from '../support/execution-bench.ts';
import type { BenchOptions, ExecutionBench } from '../support/execution-bench.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { runIn } from '../support/two-lanes.ts';
import { hasBwrap } from './execution/guard-fixture.ts';

const NETWORK_PROBE = `
import socket
try: socket.create_connection(('127.0.0.1', 9), 1)
except OSError as error: print(type(error).__name__)`;

let open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.toReversed()) await close();
  open = [];
});

async function openBench(options: BenchOptions): Promise<ExecutionBench> {
  const bench = await openExecutionBench({ preload: [], ...options });
  open.push(async () => {
    const left = await bench.remains();
    await bench[Symbol.asyncDispose]();
    expect(left).toEqual([]);
  });
  return bench;
}

async function openFolder(): Promise<string> {
  const folder = await createTemporaryFolder('missing-guards');
  open.push(async () => { await folder[Symbol.asyncDispose](); });
  return folder.path;
}

/** The program as a machine sees it whose kernel has no Landlock: the call that asks for it fails as it would there. */
async function withoutLandlock(): Promise<string> {
  const programDir = await openFolder();
  cpSync(join(import.meta.dirname, '..', '..', 'python'), join(programDir, 'python'), { recursive: true });
  const file = join(programDir, 'python', 'sidecar_rt', 'landlock.py');
  const text = readFileSync(file, 'utf8');
  expect(text).toContain('    return max(0, _libc().syscall(CREATE_RULESET');
  writeFileSync(file, text.replace('    return max(0, _libc().syscall(CREATE_RULESET', '    return 0 * max(0, _libc().syscall(CREATE_RULESET'));
  return programDir;
}

/** A bubblewrap that works until `broken` lies beside it, and is then refused by the system as on a machine with AppArmor. */
async function breakableBwrap(): Promise<{ path: string; break(): void }> {
  const folder = await openFolder();
  const path = join(folder, 'bwrap');
  writeFileSync(path, `#!/bin/sh\n[ -e ${folder}/broken ] && { echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1; }\nexec /usr/bin/bwrap "$@"\n`);
  chmodSync(path, 0o755);
  return { path, break: () => writeFileSync(join(folder, 'broken'), '') };
}

it('without bubblewrap and Landlock experts are refused before a process starts, and learners run, warned of every gap (E61, S81)', async () => {
  const bench = await openBench({ bwrap: '/nonexistent/bwrap', programDir: await withoutLandlock() });
  const { expert, user } = bench.report.lanes;
  const answer = await bench.run('s1', 'print(open("/etc/hostname").read() != "")');
  const gone = (['files_write', 'files_read', 'network'] as GuardId[]).map((id) => [id, user.guards[id].state, user.guards[id].fix]);

  expect(expert).toMatchObject({ available: false, backend: 'none', reason: expect.stringMatching(/^missing guards: files_write, files_read, network/) });
  expect(user).toMatchObject({ available: true, backend: 'none' });
  expect(gone).toEqual(['files_write', 'files_read', 'network'].map((id) => [id, 'absent', 'apt-get install bubblewrap']));
  expect(user.warnings.join('\n')).toMatch(/bubblewrap|not installed/);
  expect(answer).toMatchObject({ reason: 'ok', stdout: 'True\n', guards: { network: 'absent', files_read: 'absent' } });
  expect(answer.warnings).toEqual(expect.arrayContaining(['code can use the network; to close: apt-get install bubblewrap']));
  await expect(runIn(bench, 'expert', 'open("out/ran", "w")')).rejects.toMatchObject({ code: 'LANE_REFUSED', detail: expert.reason });
  expect(bench.guard.children().live).toBe(0);
});

it.skipIf(!hasBwrap).each([
  ['is gone', async () => {
    const path = join(await openFolder(), 'bwrap');
    copyFileSync('/usr/bin/bwrap', path);
    chmodSync(path, 0o755);
    return { path, break: () => rmSync(path) };
  }],
  ['is refused by the system', breakableBwrap],
])('when bubblewrap %s after the test, a run ends as guard_unavailable and nothing is tried in a weaker form (E61)', async (_title, make) => {
  const bwrap = await make();
  const bench = await openBench({ bwrap: bwrap.path });
  expect([bench.report.lanes.user.backend, bench.report.lanes.expert.backend]).toEqual(['bwrap', 'bwrap']);
  bwrap.break();

  const user = await bench.run('s1', 'open("ran", "w")');
  const expert = await runIn(bench, 'expert', 'open("out/ran", "w")');

  expect(user).toMatchObject({ success: false, reason: 'guard_unavailable', outcome: 'start_failed', returncode: -3, stdout: '' });
  expect(expert).toMatchObject({ reason: 'guard_unavailable', returncode: -3 });
  expect(user.message).toMatch(/^The safe area could not be set up: /);
  expect(existsSync(join((await bench.session('s1')).workspace, 'ran'))).toBe(false);
});

it.skipIf(!hasBwrap)('a new test finds what the machine still gives, says that bubblewrap is lost, and code runs there (E61)', async () => {
  const bwrap = await breakableBwrap();
  const bench = await openBench({ bwrap: bwrap.path });
  bwrap.break();

  const report = await bench.guard.probe({ fresh: true });
  const user = await bench.run('s1', NETWORK_PROBE);
  const expert = await runIn(bench, 'expert', NETWORK_PROBE);

  expect([report.lanes.user.backend, report.lanes.expert.backend]).toEqual(['landlock', 'landlock']);
  expect(report.lanes.user.warnings[0]).toMatch(/^bwrap: setting up uid map: Permission denied/);
  expect([user.stdout, expert.stdout]).toEqual(['PermissionError\n', 'PermissionError\n']);
  expect(user.warnings).toEqual(report.lanes.user.warnings);
});

it.skipIf(!hasBwrap)('three workers that vanish within a minute make it test again by itself (E61)', async () => {
  const bwrap = await breakableBwrap();
  const bench = await openBench({ bwrap: bwrap.path });
  bwrap.break();

  for (let index = 0; index < 3; index += 1) bench.guard.noteWorkerLost();
  const report = await bench.guard.probe();

  expect(report.lanes.user.backend).toBe('landlock');
  expect(await bench.run('s1', 'print("on")')).toMatchObject({ reason: 'ok', stdout: 'on\n' });
});
