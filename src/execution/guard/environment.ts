import { posix, win32 } from 'node:path';
import type { Lane } from '../../contracts/index.ts';
import type { ChildPaths } from './guard-contract.ts';

/** What the environment of a child is made from; paths as the child sees them. */
export interface EnvironmentFacts {
  lane: Lane;
  platform: NodeJS.Platform;
  paths: ChildPaths;
  /** Folder of the interpreter. */
  binFolder: string;
  matplotlibBackend: string;
  timeZone: string;
  cpuCount: number;
  /** Windows only. */
  systemRoot?: string;
}

/** The whole environment of a child. Nothing of the host's own is copied, so no secret can come along. */
export function buildEnvironment(facts: EnvironmentFacts): Record<string, string> {
  const { lane, paths, platform } = facts;
  const isWindows = platform === 'win32';
  const at = isWindows ? win32 : posix;
  const isExpert = lane === 'expert';
  const settings = isExpert ? paths.runFolder : paths.home;
  const threads = String(isExpert ? 1 : Math.max(1, Math.min(4, facts.cpuCount)));
  const systemRoot = facts.systemRoot ?? 'C:\\Windows';
  return {
    PATH: (isWindows ? [facts.binFolder, win32.join(systemRoot, 'System32')] : [facts.binFolder, '/usr/bin', '/bin']).join(at.delimiter),
    ...(isWindows ? { USERPROFILE: paths.home } : { HOME: paths.home }),
    TMPDIR: paths.temporary, TEMP: paths.temporary, TMP: paths.temporary,
    LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', TZ: isExpert ? 'UTC' : facts.timeZone,
    PYTHONUTF8: '1', PYTHONIOENCODING: 'utf-8:backslashreplace', PYTHONDONTWRITEBYTECODE: '1', PYTHONNOUSERSITE: '1', NO_COLOR: '1',
    MPLBACKEND: facts.matplotlibBackend,
    MPLCONFIGDIR: at.join(settings, '.matplotlib'), IPYTHONDIR: at.join(settings, '.ipython'),
    JUPYTER_CONFIG_DIR: at.join(settings, '.jupyter'), JUPYTER_DATA_DIR: at.join(settings, '.jupyter-data'),
    JUPYTER_RUNTIME_DIR: at.join(settings, '.jupyter-runtime'),
    OMP_NUM_THREADS: threads, OPENBLAS_NUM_THREADS: threads,
    ...(isWindows ? { SystemRoot: systemRoot, NoDefaultCurrentDirectoryInExePath: '1' } : {}),
    ...(isExpert ? { PYTHONHASHSEED: '0' } : {}),
  };
}
