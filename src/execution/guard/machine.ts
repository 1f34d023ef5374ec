import { execFile } from 'node:child_process';
import { accessSync, constants, lstatSync, readlinkSync } from 'node:fs';
import { availableParallelism, release, totalmem } from 'node:os';

const ASK_MS = 3_000;

/** The bubblewrap of this machine. */
export interface BwrapFacts { path: string; version: string; canDisableUserNamespaces: boolean }

/** What does not change while the host runs. */
export interface MachineFacts {
  platform: NodeJS.Platform;
  arch: string;
  osRelease: string;
  memoryBytes: number;
  cpuCount: number;
  timeZone: string;
  systemRoot: string | undefined;
  systemLinks: Record<string, string | null>;
  bwrap: BwrapFacts | { missing: string };
}

/** Looks the machine over once. */
export async function inspectMachine(bwrapPath: string | null): Promise<MachineFacts> {
  const { platform } = process;
  return {
    platform, arch: process.arch, osRelease: release(), memoryBytes: totalmem(), cpuCount: availableParallelism(),
    // Temporal asks the system alone; a date format would load 8 MB of names and patterns for it.
    timeZone: Temporal.Now.timeZoneId() || 'UTC', systemRoot: process.env['SystemRoot'],
    systemLinks: platform === 'linux' ? readSystemLinks() : {},
    bwrap: platform === 'linux' ? await inspectBwrap(bwrapPath ?? '/usr/bin/bwrap') : { missing: 'only on Linux' },
  };
}

/** Reads `bubblewrap 0.8.0`; older than 0.5 does not serve. */
export function readBwrapVersion(path: string, text: string): BwrapFacts | { missing: string } {
  const [, major = '', minor = '', patch = '0'] = /bubblewrap (\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  if (major === '') return { missing: `${path} does not say its version` };
  const rank = Number(major) * 1000 + Number(minor);
  if (rank < 5) return { missing: `bubblewrap ${major}.${minor} is too old, 0.5 is needed` };
  return { path, version: `${major}.${minor}.${patch}`, canDisableUserNamespaces: rank >= 8 };
}

async function inspectBwrap(path: string): Promise<BwrapFacts | { missing: string }> {
  try {
    accessSync(path, constants.X_OK);
    if ((lstatSync(path).mode & 0o4000) !== 0) return { missing: `${path} is set-user-id, which is not used` };
  } catch {
    return { missing: `${path} is not installed` };
  }
  const text = await new Promise<string>((resolve) => {
    execFile(path, ['--version'], { timeout: ASK_MS, env: {} }, (_error, stdout) => resolve(stdout));
  });
  return readBwrapVersion(path, text);
}

/** `/bin`, `/lib` … are links into `/usr` on most systems and folders on others. */
function readSystemLinks(): Record<string, string | null> {
  const links: Record<string, string | null> = {};
  for (const path of ['/lib', '/lib64', '/bin']) {
    try {
      links[path] = lstatSync(path).isSymbolicLink() ? readlinkSync(path).replace(/^\//, '') : null;
    } catch {
      // This system has none.
    }
  }
  return links;
}
