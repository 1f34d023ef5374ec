import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const isWindows = process.platform === 'win32';
const INSTALL_MS = 280_000;
const PACKAGES = ['ipykernel==7.4.0', 'jupyter_kernel_gateway==3.0.1', 'jupyter_server==2.21.1', 'websocket-client==1.9.2'];

const pythonOf = (folder: string): string => (isWindows ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python'));
const BASE_PYTHON = process.env['SIDECAR_PYTHON'] ?? pythonOf(join(root, '.runtime'));

/** How long a `beforeAll` that calls `jupyterPython` may take: the first call installs. */
export const JUPYTER_SETUP_MS = 300_000;

/** An interpreter with Jupyter Server, Kernel Gateway and a WebSocket client, kept for later runs. Throws when pip cannot install them. */
export async function jupyterPython(): Promise<string> {
  const key = createHash('sha256').update([BASE_PYTHON, ...PACKAGES].join('\n')).digest('hex').slice(0, 12);
  const cache = join(root, 'node_modules', '.cache', 'sidecar-tests');
  const folder = join(cache, `jupyter-${key}`);
  if (existsSync(folder)) return pythonOf(folder);
  const fresh = `${folder}.${process.pid}`; // Two test files may install at once; whoever is first wins.
  await mkdir(cache, { recursive: true });
  try {
    await run(BASE_PYTHON, ['-m', 'venv', fresh], { timeout: INSTALL_MS });
    await run(pythonOf(fresh), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES], { timeout: INSTALL_MS });
    await rename(fresh, folder);
  } catch (cause) {
    await rm(fresh, { recursive: true, force: true });
    if (existsSync(folder)) return pythonOf(folder);
    throw new Error(`this test needs ${PACKAGES.join(', ')} from PyPI, and pip could not install them (is the network there?)`, { cause });
  }
  return pythonOf(folder);
}
