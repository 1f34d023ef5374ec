import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createIds, silentLog, systemClock } from '../../../src/config/index.ts';
import type { Lane } from '../../../src/contracts/index.ts';
import { createGuard, type ExecutionGuard, type ExitFacts, type GuardedChild, type KillFacts, type LaneLimits } from '../../../src/execution/guard/index.ts';

const checkout = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/** True when this machine has a Python runtime; without one the guard's refusal is all there is to test. */
export const hasRuntime = existsSync(join(checkout, '.runtime', 'bin', 'python'));
export const hasBwrap = existsSync('/usr/bin/bwrap');

/** Ways to run on one machine: each is a machine of its own kind. */
export type Variant = 'bwrap' | 'bwrap without cgroups' | 'landlock' | 'landlock without cgroups';
export const VARIANTS: Variant[] = [...(hasBwrap ? ['bwrap', 'bwrap without cgroups'] as const : []), 'landlock', 'landlock without cgroups'];

/** Runs the text that its job holds, inside all guards, as a worker would. */
const PROBE_PROGRAM = `
import json, os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bootstrap
guarded = bootstrap.prepare(sys.argv[1])
os.write(1, b"ready\\n")
text = b""
while not text.endswith(b"\\n"):
    text += os.read(guarded.lifeline, 65536) or os._exit(bootstrap.HOST_GONE)
job = json.loads(text)
guarded.limit(job["limits"])
guarded.use_workspace()
guarded.watch_lifeline()
exec(compile(job["code"], "main.py", "exec"), {"__name__": "__main__"})
`;

export interface Fixture {
  guard: ExecutionGuard;
  root: string;
  stateDir: string;
  homeDir: string;
  start(lane: Lane, code: string, limits?: Partial<LaneLimits>): Promise<Running>;
  run(lane: Lane, code: string, limits?: Partial<LaneLimits>): Promise<Finished>;
  close(): Promise<void>;
}
export interface Running { child: GuardedChild; workspace: string; output: { stdout: string; stderr: string }; until(text: string): Promise<void> }
export interface Finished { exit: ExitFacts; kill: KillFacts; stdout: string; stderr: string; workspace: string; child: GuardedChild }

/** A guard with its own state, home and program folder. */
export function openFixture(variant: Variant, options: { stateDir?: string; hosts?: string[] } = {}): Fixture {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'sidecar-guard-')));
  const stateDir = options.stateDir ?? join(root, 'state');
  const homeDir = join(root, 'user-home');
  mkdirSync(homeDir);
  writeFileSync(join(homeDir, 'secret.txt'), 'planted-secret');
  const programDir = copyProgram(root);
  const guard = createGuard({
    config: {
      programDir, homeDir, python: { runtimeRoot: null, python: join(checkout, '.runtime', 'bin', 'python'), launchPython: null },
      execution: {
        bwrap: variant.startsWith('bwrap') ? null : '/nonexistent', preload: [], poolMb: 0, kernelGateway: null,
        laneNetwork: options.hosts === undefined ? { mode: 'off' } : { mode: 'hosts', hosts: options.hosts.map((host) => ({ host, port: null })) },
      },
    },
    stateDir, clock: systemClock, ids: createIds(systemClock), log: silentLog, useCgroups: !variant.includes('without cgroups'),
  });
  let count = 0;
  const start: Fixture['start'] = async (lane, code, wished = {}) => {
    const workspace = join(root, `session-${count += 1}`, 'workspace');
    mkdirSync(workspace, { recursive: true });
    if (lane === 'expert') for (const part of ['inputs', 'out']) mkdirSync(join(workspace, part));
    const child = await guard.spawnGuarded({
      lane, program: { script: 'worker.py', matplotlibBackend: 'agg' },
      workspace: { folder: workspace, home: lane === 'expert' ? null : join(workspace, '..', 'home'), packages: null, sessionId: 'a-session' },
    });
    const running = follow(child, workspace);
    await running.until('ready\n');
    running.output.stdout = running.output.stdout.slice('ready\n'.length);
    const limits = child.arm(wished);
    child.stdin.write(`${JSON.stringify({ code, limits })}\n`);
    return running;
  };
  return {
    guard, root, stateDir, homeDir, start,
    run: async (lane, code, limits) => {
      const { child, output, workspace } = await start(lane, code, limits);
      const exit = await child.exited;
      const kill = await child.gone;
      return { exit, kill, ...output, workspace, child };
    },
    close: async () => {
      await guard.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** What is left of children: run folders, groups, processes that hold the marker in their environment or arguments. */
export function leftovers(fixture: Fixture): { runFolders: string[]; groups: string[]; processes: number[] } {
  const runs = join(fixture.stateDir, 'runs');
  const groups = ['memory', 'pids', 'cpuacct'].flatMap((name) => findGroups(`/sys/fs/cgroup/${name}`, 0));
  return { runFolders: existsSync(runs) ? readdirSync(runs) : [], groups, processes: processesWith(fixture.root) };
}

/** Pids whose arguments or environment name a folder. */
export function processesWith(marker: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).map(Number).filter((pid) => {
    try {
      return `${readFileSync(`/proc/${pid}/cmdline`, 'latin1')}${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(marker);
    } catch {
      return false;
    }
  });
}

function findGroups(folder: string, depth: number): string[] {
  if (depth > 3 || !existsSync(folder)) return [];
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return names.flatMap((name) => {
    const path = join(folder, name);
    if (name.startsWith(`sidecar-${process.pid}-`)) return readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    return findGroups(path, depth + 1);
  });
}

function copyProgram(root: string): string {
  const programDir = join(root, 'program');
  cpSync(join(checkout, 'python', 'sidecar_rt'), join(programDir, 'python', 'sidecar_rt'), { recursive: true });
  writeFileSync(join(programDir, 'python', 'sidecar_rt', 'worker.py'), PROBE_PROGRAM);
  return programDir;
}

function follow(child: GuardedChild, workspace: string): Running {
  const output = { stdout: '', stderr: '' };
  let wake = (): void => {};
  child.stdout.on('data', (chunk: Buffer) => { output.stdout += chunk.toString(); wake(); });
  child.stderr.on('data', (chunk: Buffer) => { output.stderr += chunk.toString(); wake(); });
  const until = async (text: string): Promise<void> => {
    while (!output.stdout.includes(text)) {
      const woken = new Promise<string>((resolve) => { wake = () => resolve('output'); });
      const what = await Promise.race([woken, child.exited.then(() => 'exit')]);
      if (what === 'exit' && !output.stdout.includes(text)) throw new Error(`ended without ${JSON.stringify(text)}: ${output.stderr}`);
    }
  };
  return { child, workspace, output, until };
}
