import { execFile } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { findCheckout, type Config } from '../../config/index.ts';
import type { PythonRuntime, PythonSearch } from './guard-contract.ts';

const PROBE_MS = 30_000;
const PACKAGES = ['ipykernel', 'zmq', 'numpy', 'pandas', 'matplotlib'] as const;
const PROBE = `
import json, sys
from importlib.util import find_spec
from importlib.metadata import version, PackageNotFoundError
def found(name):
    if find_spec(name) is None: return None
    try: return version({'zmq': 'pyzmq'}.get(name, name))
    except PackageNotFoundError: return '?'
print(json.dumps({'implementation': sys.implementation.name, 'version': list(sys.version_info[:3]), 'executable': sys.executable,
  'prefixes': [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix],
  'packages': {name: found(name) for name in ${JSON.stringify(PACKAGES)}}}))
`;

/** One place where Python may be; `required` stops the search when it does not serve. */
export interface PythonPlace { origin: string; executable: string; required: boolean }

interface ProbeAnswer {
  implementation: string; version: [number, number, number]; executable: string; prefixes: string[]; packages: Record<string, string | null>;
}

/** The places in their order. A place that was set by hand must serve; others are passed over when they do not exist. */
export function pythonPlaces(config: Pick<Config, 'python' | 'programDir'>, platform: NodeJS.Platform): PythonPlace[] {
  const { python, runtimeRoot, launchPython } = config.python;
  const places: (PythonPlace | null)[] = [
    python === null ? null : { origin: 'SIDECAR_PYTHON', executable: python, required: true },
    runtimeRoot === null ? null : manifestPlace(runtimeRoot, 'PYTHON_RUNTIME_ROOT', true),
    manifestPlace(dirname(config.programDir), 'the bundle of this program', false),
    launchPython === null ? null : { origin: 'SIDECAR_LAUNCH_PYTHON', executable: launchPython, required: false },
  ];
  const checkout = findCheckout(config.programDir);
  if (checkout !== null) {
    const inside = platform === 'win32' ? join('Scripts', 'python.exe') : join('bin', 'python');
    places.push({ origin: '.runtime', executable: join(checkout, '.runtime', inside), required: false });
  }
  return places.filter((place) => place !== null);
}

/** Looks for a CPython ≥ 3.11 with all packages; a miss says what was missing where. */
export async function findPython(config: Pick<Config, 'python' | 'programDir'>, platform: NodeJS.Platform): Promise<PythonSearch> {
  const misses: string[] = [];
  for (const place of pythonPlaces(config, platform)) {
    if (!existsSync(place.executable)) {
      misses.push(`${place.origin} does not exist`);
    } else {
      const probed = await probePython(place);
      if (typeof probed !== 'string') return { found: true, runtime: probed };
      misses.push(`${place.origin}: ${probed}`);
    }
    if (place.required) break;
  }
  const reason = misses.length === 0 ? 'no Python was found' : misses.join('; ');
  return { found: false, reason, fix: 'npm start makes a runtime in .runtime/, or set SIDECAR_PYTHON to a Python 3.11 with the packages' };
}

async function probePython(place: PythonPlace): Promise<PythonRuntime | string> {
  const text = await ask(place.executable);
  if (text instanceof Error) return `does not start (${text.message.split('\n')[0] ?? ''})`;
  const answer = readAnswer(text);
  if (answer === null) return 'does not answer like Python';
  if (answer.implementation !== 'cpython') return `is ${answer.implementation}, CPython is needed`;
  const [major, minor] = answer.version;
  if (major !== 3 || minor < 11) return `is Python ${answer.version.join('.')}, 3.11 is needed`;
  const missing = PACKAGES.filter((name) => (answer.packages[name] ?? null) === null);
  if (missing.length > 0) return `lacks ${missing.join(', ')}`;
  const [prefix = ''] = answer.prefixes;
  const packages = Object.entries(answer.packages).filter((entry): entry is [string, string] => entry[1] !== null);
  return {
    executable: underRealPrefix(answer.executable, prefix), version: answer.version.join('.'),
    roots: rootsOf([...answer.prefixes, dirname(realpathSync(answer.executable))]), packages: Object.fromEntries(packages), origin: place.origin,
  };
}

function ask(executable: string): Promise<string | Error> {
  return new Promise((resolve) => {
    execFile(executable, ['-I', '-c', PROBE], { timeout: PROBE_MS, windowsHide: true, env: {}, maxBuffer: 1 << 20 }, (error, stdout) => {
      resolve(error ?? stdout);
    });
  });
}

function readAnswer(text: string): ProbeAnswer | null {
  try {
    // The interpreter was chosen by the operator; a wrong shape only names a miss.
    return JSON.parse(text) as ProbeAnswer;
  } catch {
    return null;
  }
}

function manifestPlace(root: string, origin: string, required: boolean): PythonPlace | null {
  try {
    const manifest = JSON.parse(readFileSync(join(root, 'runtime.manifest.json'), 'utf8')) as { python_executable_relpath?: unknown };
    const path = manifest.python_executable_relpath;
    if (typeof path !== 'string' || path === '') return null;
    return { origin, executable: join(root, path), required };
  } catch {
    return null;
  }
}

/** The same interpreter under the real path of its prefix: links are not resolved inside, since a virtual environment is one. */
function underRealPrefix(executable: string, prefix: string): string {
  const inside = relative(prefix, executable);
  return inside.startsWith('..') ? executable : join(realpathSync(prefix), inside);
}

function rootsOf(folders: readonly string[]): string[] {
  const real = [...new Set(folders.filter((folder) => existsSync(folder)).map((folder) => realpathSync(folder)))].sort();
  return real.filter((folder) => !real.some((other) => other !== folder && folder.startsWith(`${other}/`)));
}
