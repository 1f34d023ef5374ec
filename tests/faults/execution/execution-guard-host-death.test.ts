import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createIds, silentLog, systemClock } from '../../../src/config/index.ts';
import { createGuard } from '../../../src/execution/guard/index.ts';
import { hasBwrap, hasRuntime, openFixture, processesWith, VARIANTS } from './guard-fixture.ts';

const GONE_MS = 30_000;
const here = dirname(fileURLToPath(import.meta.url));
let stateDir = '';
let roots: string[] = [];
let started: ChildProcess[] = [];

beforeEach(() => {
  stateDir = realpathSync(mkdtempSync(join(tmpdir(), 'sidecar-state-')));
  [roots, started] = [[], []];
});
afterEach(() => {
  for (const process of started) process.kill('SIGKILL');
  for (const folder of [stateDir, ...roots]) rmSync(folder, { recursive: true, force: true });
});

interface Host { process: ChildProcess; next(): Promise<Record<string, unknown>> }

function startHost(variant: string, mode: 'running' | 'spawning'): Host {
  const host = spawn(process.execPath, [join(here, 'guard-host.ts'), variant, stateDir, mode], { stdio: ['pipe', 'pipe', 'inherit'] });
  started.push(host);
  const lines = createInterface({ input: host.stdout })[Symbol.asyncIterator]();
  return { process: host, next: async () => JSON.parse((await lines.next()).value ?? 'null') };
}

async function killHost(host: Host): Promise<void> {
  const ended = new Promise((resolve) => host.process.once('exit', resolve));
  host.process.kill('SIGKILL');
  await ended;
}

/** Waits until nothing that names the folder is alive and nothing of it turns up again (a child between fork and exec has no name yet). */
async function allGone(marker: string): Promise<number[]> {
  const until = performance.now() + GONE_MS;
  let alive = processesWith(marker);
  for (let empty = 0; empty < 5 && performance.now() < until;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    alive = processesWith(marker);
    empty = alive.length === 0 ? empty + 1 : 0;
  }
  return alive;
}

function guardOn(folder: string) {
  return createGuard({
    config: {
      programDir: folder, homeDir: folder, python: { runtimeRoot: null, python: '/nonexistent/python', launchPython: null },
      execution: { bwrap: '/nonexistent', laneNetwork: { mode: 'off' }, preload: [], poolMb: 0, kernelGateway: null },
    },
    stateDir, clock: systemClock, ids: createIds(systemClock), log: silentLog,
  });
}

describe.skipIf(!hasRuntime).each(VARIANTS)('death of the host: %s', (variant) => {
  it('ends every tree and leaves the rest to the next start (E55, S72)', async () => {
    const host = startHost(variant, 'running');
    const { root } = await host.next() as { root: string };
    roots.push(root);
    await host.next();

    await killHost(host);

    expect(await allGone(stateDir)).toEqual([]);
    const next = guardOn(stateDir);
    expect((await next.sweep()).removed).toBeGreaterThanOrEqual(3);
    await next.stop();
    expect(readdirSync(join(stateDir, 'runs'))).toEqual([]);
    expect(readFileSync(join(stateDir, 'children.jsonl'), 'utf8')).toBe('');
  });
});

describe.skipIf(!hasRuntime)('death of the host at a spawn (E56)', () => {
  it.each(hasBwrap ? ['bwrap', 'landlock'] : ['landlock'])('leaves nothing alive: %s', async (variant) => {
    for (const delayMs of Array.from({ length: 20 }, (_, index) => index / 2)) {
      const host = startHost(variant, 'spawning');
      const { root } = await host.next() as { root: string };
      roots.push(root);
      host.process.stdin!.write('go');
      await host.next();
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      await killHost(host);

      expect(await allGone(root)).toEqual([]);
    }
  }, 300_000);
});

describe('the sweep', () => {
  it('does not touch a program that got the pid of a child (E57)', async () => {
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    started.push(stranger);
    const line = (startTime: string, bootId: string) => JSON.stringify({ pid: stranger.pid, start_time: startTime, boot_id: bootId, lane: 'user', cgroup: [], run_folder: join(stateDir, 'runs', 'x') });
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${stranger.pid}/stat`, 'utf8');
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
    writeFileSync(join(stateDir, 'children.jsonl'), `${line('12345', bootId)}\n${line(startTime, 'another boot')}\n${line('', bootId)}\nnonsense\n`);
    mkdirSync(join(stateDir, 'runs', 'x'), { recursive: true });

    const guard = guardOn(stateDir);
    const swept = await guard.sweep();
    await guard.stop();

    expect(swept.removed).toBeGreaterThanOrEqual(1);
    expect({ killed: swept.killed, alive: stranger.exitCode === null && stranger.signalCode === null, runs: readdirSync(join(stateDir, 'runs')) })
      .toEqual({ killed: 0, alive: true, runs: [] });
  });

  it('ends a child that is still the one on the list (E57)', async () => {
    const left = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    started.push(left);
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${left.pid}/stat`, 'utf8');
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
    appendFileSync(join(stateDir, 'children.jsonl'), `${JSON.stringify({ pid: left.pid, start_time: startTime, boot_id: bootId, lane: 'user', cgroup: [], run_folder: '/none' })}\n`);
    const ended = new Promise((resolve) => left.once('exit', (_code, signal) => resolve(signal)));

    const guard = guardOn(stateDir);
    const swept = await guard.sweep();
    await guard.stop();

    expect({ killed: swept.killed, signal: await ended }).toEqual({ killed: 1, signal: 'SIGKILL' });
  });
});

describe('a machine without parts', () => {
  it('refuses to run code without Python, by name', async () => {
    const guard = guardOn(stateDir);

    const report = await guard.probe();

    expect(report.lanes.user).toMatchObject({ available: false, backend: 'none', reason: 'SIDECAR_PYTHON does not exist' });
    await expect(guard.spawnGuarded({
      lane: 'user', program: { script: 'worker.py', matplotlibBackend: 'agg' }, workspace: { folder: stateDir, home: null, packages: null, sessionId: 's' },
    })).rejects.toMatchObject({ code: 'EXECUTION_UNAVAILABLE' });
    await guard.stop();
  });

  it.skipIf(!hasRuntime || !hasBwrap)('does not start in a weaker form when bwrap disappears after the test (E61)', async () => {
    const fixture = openFixture('landlock', { stateDir });
    const copy = join(fixture.root, 'bwrap');
    spawnSync('cp', ['/usr/bin/bwrap', copy]);
    const guard = createGuard({
      config: {
        programDir: join(fixture.root, 'program'), homeDir: fixture.homeDir,
        python: { runtimeRoot: null, python: join(here, '..', '..', '..', '.runtime', 'bin', 'python'), launchPython: null },
        execution: { bwrap: copy, laneNetwork: { mode: 'off' }, preload: [], poolMb: 0, kernelGateway: null },
      },
      stateDir: join(stateDir, 'own'), clock: systemClock, ids: createIds(systemClock), log: silentLog, useCgroups: false,
    });
    expect((await guard.probe()).lanes.expert.backend).toBe('bwrap');
    rmSync(copy);
    const workspace = join(fixture.root, 'workspace');
    mkdirSync(join(workspace, 'inputs'), { recursive: true });
    mkdirSync(join(workspace, 'out'));

    await expect(guard.spawnGuarded({
      lane: 'expert', program: { script: 'worker.py', matplotlibBackend: 'agg' }, workspace: { folder: workspace, home: null, packages: null, sessionId: 's' },
    })).rejects.toMatchObject({ name: 'GuardUnavailable', reason: 'guard_unavailable' });

    expect(existsSync(join(stateDir, 'own', 'runs')) ? readdirSync(join(stateDir, 'own', 'runs')) : []).toEqual([]);
    await guard.stop();
    await fixture.close();
  });
});

describe('the programs beside Python', () => {
  it('have the layouts of every system', () => {
    const result = spawnSync('python3', ['-B', join(here, 'python', 'test_layouts.py')], {
      encoding: 'utf8', env: { PATH: process.env['PATH'], SIDECAR_RT: join(here, '..', '..', '..', 'python', 'sidecar_rt') },
    });

    expect(result.stderr).toMatch(/\nRan 19 tests in .*\n\nOK\n$/);
  });
});
