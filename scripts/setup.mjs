// Makes a checkout ready: packages and Node 26. Plain JavaScript, because it runs on whatever Node (≥ 18) the machine has.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { preparePythonRuntime } from './python-runtime.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isWindows = process.platform === 'win32';
const stampFile = join(root, 'node_modules', '.sidecar-setup');

/** The Node that the product ships, as an npm package. */
export const node26 = join(root, 'node_modules', 'node', 'bin', isWindows ? 'node.exe' : 'node');

/** Ends the program with a sentence and a way out. Exit code 2: a prerequisite is missing; 1: a step failed. */
export function fail(message, wayOut, code = 1) {
  process.stderr.write(`\nsidecar set-up: ${message}\n  → ${wayOut}\n`);
  process.exit(code);
}

function say(message) {
  process.stderr.write(`sidecar set-up: ${message}\n`);
}

function wantedStamp() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  return createHash('sha256').update(lock).update(`${process.platform} ${process.arch}`).digest('hex');
}

function checkNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= 18) return;
  fail(`Node ${process.versions.node} is too old to install the packages.`, 'install Node 18 or newer (the program itself runs on its own Node 26)', 2);
}

/** The first Python ≥ 3.11 on the path, or null. */
export function findPython() {
  const wished = process.env.SIDECAR_SETUP_PYTHON;
  const names = wished ? [wished] : isWindows ? ['py', 'python3', 'python'] : ['python3', 'python'];
  for (const name of names) {
    const probe = spawnSync(name, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' });
    if (probe.status !== 0) continue;
    const [major, minor] = probe.stdout.trim().split('.').map(Number);
    if (major === 3 && minor >= 11) return name;
  }
  return null;
}

function checkPython() {
  if (process.env.SIDECAR_WITHOUT_PYTHON || findPython() !== null) return;
  fail('no Python 3.11 or newer was found.',
    'install Python ≥ 3.11, or set SIDECAR_WITHOUT_PYTHON=1 to go on without running code', 2);
}

function installPackages() {
  const stamp = wantedStamp();
  if (existsSync(stampFile) && existsSync(node26) && readFileSync(stampFile, 'utf8') === stamp) return;
  say('installing packages (about a minute the first time) …');
  const npm = spawnSync(isWindows ? 'npm.cmd' : 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root, stdio: ['ignore', 2, 2], shell: isWindows,
  });
  if (npm.error) fail('npm was not found.', 'install npm (it comes with Node) and run this again', 2);
  if (npm.status !== 0) fail('npm could not install the packages (see above).', 'check the network or the registry settings of npm, then run this again');
  checkNode26();
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
  say('packages are ready');
}

function checkNode26() {
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies.node;
  const probe = spawnSync(node26, ['--version'], { encoding: 'utf8' });
  if (probe.status === 0 && probe.stdout.trim() === `v${wanted}`) return;
  rmSync(stampFile, { force: true });
  fail(`Node ${wanted} did not come with the package "node".`,
    'allow its install script (npm install-scripts approve node) and run npm ci again');
}

/** Installs what is missing; fast when nothing is. */
export function setUp() {
  checkNode();
  checkPython();
  installPackages();
  if (!process.env.SIDECAR_WITHOUT_PYTHON) preparePythonRuntime(root, findPython(), { say, fail });
}
