import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../../config/index.ts';
import { findCheckout } from '../../config/index.ts';
import type { Check } from './check.ts';
import { fine, problem, warning } from './check.ts';

const LEAST_NODE = 26;
const LEAST_FREE_BYTES = 1024 ** 3;
const PYTHON_FACTS = 'import sys; import ipykernel, zmq, numpy, pandas, matplotlib; print("%d.%d.%d" % sys.version_info[:3])';
const PROBE_MS = 20_000;

/** Is this the Node that the program is made for? */
export function checkNode(): Check {
  const { node } = process.versions;
  if (Number(node.split('.')[0]) >= LEAST_NODE) return fine('node', `Node ${node}`);
  return problem('node', `Node ${node} is too old`, `run the program with Node ${LEAST_NODE}; npm start and npm run sidecar do`);
}

/** Is there a Python that can run code and notebooks? Places in the order in which the lanes look. */
export function checkPython(config: Config, platform: NodeJS.Platform): Check {
  const { python, runtimeRoot, launchPython } = config.python;
  const checkout = findCheckout(config.programDir);
  const inside = platform === 'win32' ? ['python.exe'] : ['bin', 'python3'];
  const candidates = [
    python,
    runtimeRoot === null ? null : join(runtimeRoot, 'python', ...inside),
    join(dirname(config.programDir), 'python', ...inside),
    launchPython,
    checkout === null ? null : join(checkout, '.runtime', ...(platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python'])),
  ].filter((path) => path !== null && existsSync(path));
  const misses: string[] = [];
  for (const path of candidates.filter((candidate) => candidate !== null)) {
    const probe = spawnSync(path, ['-P', '-s', '-c', PYTHON_FACTS], { encoding: 'utf8', timeout: PROBE_MS, env: { PATH: process.env['PATH'] ?? '' } });
    if (probe.status === 0) return fine('python', `Python ${probe.stdout.trim()} at ${path}`);
    misses.push(`${path}: ${lastLine(probe.stderr) || 'does not run'}`);
  }
  const detail = misses.length === 0 ? 'no Python runtime was found; code and notebooks are off' : misses.join('; ');
  return warning('python', detail, 'run npm start once, which makes .runtime/, or set SIDECAR_PYTHON to a Python ≥ 3.11 with ipykernel, numpy, pandas and matplotlib');
}

/** Is there what keeps learner code away from the rest of the machine? */
export function checkSandbox(config: Config, platform: NodeJS.Platform): Check {
  if (platform === 'win32') return fine('sandbox', 'part of Windows');
  if (platform === 'darwin') {
    return existsSync('/usr/bin/sandbox-exec') ? fine('sandbox', 'sandbox-exec') : warning('sandbox', 'sandbox-exec is missing', 'use a macOS that has it');
  }
  const bwrap = config.execution.bwrap ?? '/usr/bin/bwrap';
  const install = 'install bubblewrap (on Debian: apt-get install bubblewrap), or set SIDECAR_BWRAP';
  if (!existsSync(bwrap)) return warning('sandbox', `${bwrap} is missing`, install);
  const probe = spawnSync(bwrap, ['--ro-bind', '/', '/', '--unshare-user', '--unshare-net', '--unshare-pid', 'true'], { encoding: 'utf8', timeout: PROBE_MS });
  if (probe.status === 0) return fine('sandbox', bwrap);
  return warning('sandbox', `bubblewrap may not make a sandbox here: ${lastLine(probe.stderr)}`, 'allow unprivileged user namespaces for it');
}

/** Can sessions be stored, and is there room for them? */
export function checkDataFolder({ sessionsDir }: Config): Check[] {
  const trial = join(sessionsDir, `.doctor-${process.pid}`);
  try {
    mkdirSync(sessionsDir, { recursive: true, mode: 0o700 });
    writeFileSync(trial, 'x', { mode: 0o600 });
    rmSync(trial);
  } catch (error) {
    return [problem('data', `${sessionsDir} cannot be written (${codeOf(error)})`, 'set SESSIONS_DIR to a folder of your own')];
  }
  const { bavail, bsize } = statfsSync(sessionsDir);
  const free = bavail * bsize;
  const room = `${(free / LEAST_FREE_BYTES).toFixed(1)} GiB free`;
  return [
    fine('data', sessionsDir),
    free >= LEAST_FREE_BYTES ? fine('disk', room) : warning('disk', room, 'make room; runs of code are stopped below 1 GiB'),
  ];
}

function lastLine(text: string | null): string {
  return (text ?? '').trim().split('\n').at(-1) ?? '';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
