import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** The folders under which children get their groups; null = that controller is not ours to use. */
export interface CgroupRoots { version: 1 | 2; memory: string | null; pids: string | null; cpu: string | null }

/** One mounted hierarchy. */
export interface CgroupMount { version: 1 | 2; controllers: string[]; root: string; folder: string }

/** Reads the cgroup lines of `/proc/self/mountinfo`. */
export function parseCgroupMounts(mountinfo: string): CgroupMount[] {
  return mountinfo.split('\n').flatMap((line): CgroupMount[] => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root = '', folder = ''] = before.split(' ');
    const [type, , options = ''] = after.split(' ');
    if (type !== 'cgroup' && type !== 'cgroup2') return [];
    return [{ version: type === 'cgroup2' ? 2 : 1, controllers: options.split(','), root, folder }];
  });
}

/** The own group in each hierarchy: controller (or `''` for v2) → path. */
export function parseOwnCgroups(text: string): Map<string, string> {
  const own = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    for (const controller of controllers.split(',')) own.set(controller, path);
  }
  return own;
}

/** Finds or makes the folders; v2 where it has the controllers, else v1. The reason says what is in the way. */
export function findCgroupRoots(name: string): CgroupRoots | { missing: string } {
  const mounts = parseCgroupMounts(read('/proc/self/mountinfo'));
  const own = parseOwnCgroups(read('/proc/self/cgroup'));
  const unified = mounts.find((mount) => mount.version === 2);
  const second = unified === undefined ? 'cgroup v2 is not mounted' : openSecond(unified, own.get('') ?? '/', name);
  if (typeof second !== 'string') return second;
  const first = (controller: string): string | null => openFirst(mounts, own, { controller, name });
  const roots: CgroupRoots = { version: 1, memory: first('memory'), pids: first('pids'), cpu: first('cpuacct') };
  return roots.memory === null && roots.pids === null ? { missing: second } : roots;
}

/** v2: processes may only be in leaves, so the host moves into one before controllers are passed on. */
function openSecond(mount: CgroupMount, ownPath: string, name: string): CgroupRoots | string {
  const base = join(mount.folder, relative(mount.root, ownPath));
  const offered = read(join(base, 'cgroup.controllers')).split(/\s+/);
  if (!offered.includes('memory') || !offered.includes('pids')) return 'cgroup v2 has no memory and pids controllers here';
  const wanted = ['memory', 'pids', 'cpu'].filter((controller) => offered.includes(controller));
  const parent = join(base, name);
  const hostLeaf = join(base, `${name}-host`);
  try {
    if (ownPath !== '/') {
      mkdirSync(hostLeaf, { recursive: true });
      writeFileSync(join(hostLeaf, 'cgroup.procs'), String(process.pid));
    }
    const enable = wanted.map((controller) => `+${controller}`).join(' ');
    writeFileSync(join(base, 'cgroup.subtree_control'), enable);
    mkdirSync(parent, { recursive: true });
    writeFileSync(join(parent, 'cgroup.subtree_control'), enable);
    return { version: 2, memory: parent, pids: parent, cpu: parent };
  } catch (error) {
    moveBack(base, hostLeaf);
    return `the cgroup of this process is not ours to divide (${error instanceof Error && 'code' in error ? String(error.code) : 'refused'})`;
  }
}

function moveBack(base: string, hostLeaf: string): void {
  if (!existsSync(hostLeaf)) return;
  try {
    writeFileSync(join(base, 'cgroup.procs'), String(process.pid));
    rmdirSync(hostLeaf);
  } catch {
    // The host stays in its leaf, which limits nothing.
  }
}

function openFirst(mounts: readonly CgroupMount[], own: ReadonlyMap<string, string>, what: { controller: string; name: string }): string | null {
  const mount = mounts.find((each) => each.version === 1 && each.controllers.includes(what.controller));
  if (mount === undefined) return null;
  const below = relative(mount.root, own.get(what.controller) ?? '/');
  const candidates = [join(mount.folder, below.startsWith('..') ? '' : below), mount.folder];
  for (const base of candidates) {
    const folder = join(base, what.name);
    try {
      mkdirSync(folder, { recursive: true });
      probeWritable(folder);
      return folder;
    } catch {
      // Not ours; the next candidate or none.
    }
  }
  return null;
}

function probeWritable(folder: string): void {
  const probe = join(folder, 'probe');
  mkdirSync(probe);
  rmdirSync(probe);
  if (!existsSync(join(dirname(probe), 'cgroup.procs'))) throw new Error('not a cgroup');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
