import { createHash } from 'node:crypto';
import type { Lane } from '../../contracts/index.ts';
import type { Backend, ChildPaths, LaneLimits, WorkspaceSpec } from './guard-contract.ts';

/** What the launcher needs on Windows; it makes the job, the container and the access entries. */
export interface WindowsPlan {
  mode: 'appcontainer' | 'low_integrity' | 'none';
  container: string;
  forbid_children: boolean;
  limits: LaneLimits;
  environment: Record<string, string>;
  cwd: string;
  /** Folders and what the container's SID may do there. */
  access: { path: string; rights: 'read' | 'modify' }[];
}

/** Facts for the plan. */
export interface WindowsFacts {
  backend: Backend;
  lane: Lane;
  workspace: WorkspaceSpec;
  runFolder: string;
  limits: LaneLimits;
  sidecarRt: string;
  runtime: { roots: readonly string[] };
  paths: ChildPaths;
  environment: Record<string, string>;
}

/** The plan of one child. Entries are set on our own folders only. */
export function windowsPlan(facts: WindowsFacts): WindowsPlan {
  const isExpert = facts.lane === 'expert';
  const writable = isExpert ? [`${facts.workspace.folder}\\out`, facts.runFolder] : [facts.workspace.folder, facts.paths.home, facts.runFolder];
  const readable = [
    ...facts.runtime.roots, facts.sidecarRt, ...(isExpert ? [`${facts.workspace.folder}\\inputs`] : []),
    ...(facts.workspace.packages === null ? [] : [facts.workspace.packages]),
  ];
  return {
    mode: facts.backend === 'appcontainer' || facts.backend === 'low_integrity' ? facts.backend : 'none',
    container: containerName(facts.workspace.sessionId, facts.lane), forbid_children: isExpert, limits: facts.limits,
    environment: facts.environment, cwd: facts.workspace.folder,
    access: [
      ...readable.map((path) => ({ path, rights: 'read' as const })), ...[...new Set(writable)].map((path) => ({ path, rights: 'modify' as const })),
    ],
  };
}

/** One package per session and lane; at most 64 characters, from which Windows derives the SID. */
export function containerName(sessionId: string, lane: Lane): string {
  return `sidecar.${lane}.${createHash('sha256').update(sessionId).digest('hex').slice(0, 32)}`;
}
