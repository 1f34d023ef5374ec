// Makes `.runtime/`: a virtual environment with the pinned packages of python/requirements.lock. Instant when it is there already.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NEWEST_MINOR = 14;
const withoutPython = 'or set SIDECAR_WITHOUT_PYTHON=1 to go on without running code';

/** The interpreter of a checkout's runtime. */
export function runtimePython(root) {
  return process.platform === 'win32' ? join(root, '.runtime', 'Scripts', 'python.exe') : join(root, '.runtime', 'bin', 'python');
}

/** Makes the runtime of a checkout with the given Python. `tools` are the words of the set-up: say and fail. */
export function preparePythonRuntime(root, python, { say, fail }) {
  const facts = readFacts(python, fail);
  const stamp = wantedStamp(root, facts);
  const stampFile = join(root, '.runtime', 'sidecar-runtime');
  if (existsSync(runtimePython(root)) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  say(`making the Python runtime with Python ${facts.version} (a minute or two the first time) …`);
  rmSync(join(root, '.runtime'), { recursive: true, force: true });
  run(python, ['-m', 'venv', join(root, '.runtime')], () => fail('Python could not make a virtual environment (see above).',
    `install the venv module of your Python (on Debian: apt-get install python3-venv), ${withoutPython}`));
  say('installing the Python packages: ipykernel, numpy, pandas, matplotlib, openpyxl …');
  install(root, fail);
  run(runtimePython(root), ['-c', 'import ipykernel, zmq, numpy, pandas, matplotlib, openpyxl'], () =>
    fail('the Python packages do not load (see above).', `remove .runtime and run this again, ${withoutPython}`));
  writeFileSync(stampFile, stamp);
  say('the Python runtime is ready');
}

function readFacts(python, fail) {
  const code = 'import json,sys,platform; print(json.dumps([sys.version_info[1], platform.python_version(), sys.base_prefix]))';
  const probe = spawnSync(python, ['-c', code], { encoding: 'utf8' });
  if (probe.status !== 0) return fail(`${python} does not start.`, `set SIDECAR_SETUP_PYTHON to a working Python ≥ 3.11, ${withoutPython}`, 2);
  const [minor, version, prefix] = JSON.parse(probe.stdout);
  if (minor > NEWEST_MINOR) {
    fail(`the pinned packages do not exist for Python ${version} yet.`, `set SIDECAR_SETUP_PYTHON to Python 3.11 … 3.${NEWEST_MINOR}, ${withoutPython}`, 2);
  }
  return { version, prefix };
}

function wantedStamp(root, { version, prefix }) {
  const lock = readFileSync(join(root, 'python', 'requirements.lock'));
  return createHash('sha256').update(lock).update(`${process.platform} ${process.arch} ${version} ${prefix}`).digest('hex');
}

function install(root, fail) {
  // Not quiet: pip names each package, so that a person sees that it goes on.
  const args = ['-m', 'pip', 'install', '--progress-bar', 'off', '--disable-pip-version-check', '--no-input', '--no-deps', '--require-hashes',
    '--only-binary', ':all:', '-r', join(root, 'python', 'requirements.lock')];
  run(runtimePython(root), args, () => fail('pip could not install the Python packages (see above).',
    `check the network or the index settings of pip and run this again, ${withoutPython}`));
}

function run(program, args, onFailure) {
  const result = spawnSync(program, args, { stdio: ['ignore', 2, 2], env: { ...process.env, PYTHONNOUSERSITE: '1' } });
  if (result.error || result.status !== 0) onFailure();
}
