import type { WorkerNeed } from './program-needs.ts';
import type { ReadyWorker, WorkerSpec } from './start-worker.ts';

/** A worker without imports, or one that has done them. */
export type WorkerKind = 'bare' | 'loaded';

/** What an idle worker counts against the pool. */
export const WORKER_MB: Readonly<Record<WorkerKind, number>> = { bare: 15, loaded: 70 };

/** A worker that waits. */
export interface Idle { worker: ReadyWorker; kind: WorkerKind; readyAt: number; stamp: string }

/** The warm workers of one session or consultation: what waits, and how many of each kind should. */
export interface Group { spec: WorkerSpec; wanted: Record<WorkerKind, number>; usedAt: number; pausedUntil: number; idle: Idle[] }

/** One worker that is missing. */
export interface Gap { group: Group; kind: WorkerKind }

const TAKEN: Readonly<Record<WorkerNeed, readonly WorkerKind[]>> = { bare: ['bare'], light: ['bare', 'loaded'], loaded: ['loaded', 'bare'] };

/** Kinds of workers that can serve a need, best first. */
export function kindsFor(need: WorkerNeed): readonly WorkerKind[] {
  return TAKEN[need];
}

/** How many of each kind a group keeps: `count` of the one that was asked for, one of the other. Experts seed what is imported, so theirs are loaded. */
export function wantedOf(spec: WorkerSpec, kind: WorkerKind, count: number): Record<WorkerKind, number> {
  if (spec.lane === 'expert') return { bare: 0, loaded: count };
  const bare = kind === 'bare' || spec.preload.length === 0 ? count : 1;
  return { bare, loaded: spec.preload.length === 0 ? 0 : kind === 'loaded' ? count : 1 };
}

export function idleOf(group: Group, kind: WorkerKind): number {
  return group.idle.reduce((count, idle) => count + Number(idle.kind === kind), 0);
}

/**
 * The most urgent gap of each kind, the group that was used last first, and in it the worker that is made quickly. Where one of these
 * does not fit, no other of its kind does: they are of one size, and less may be ended for those of older groups.
 */
export function gapsOf(groups: Iterable<Group>, now: number): Gap[] {
  const first: Partial<Record<WorkerKind, Gap>> = {};
  for (const group of groups) {
    if (group.pausedUntil > now) continue;
    for (const kind of ['bare', 'loaded'] as const) {
      const known = first[kind];
      if (idleOf(group, kind) < group.wanted[kind] && (known === undefined || group.usedAt > known.group.usedAt)) first[kind] = { group, kind };
    }
  }
  return [first.bare, first.loaded].filter((gap) => gap !== undefined).sort((left, right) => right.group.usedAt - left.group.usedAt);
}

/** Takes the first idle worker out of the group that was used longest ago, but not later than `than`; that group will not ask for it again. */
export function takeOldest(groups: Iterable<Group>, than: Pick<Group, 'usedAt'>): Idle | null {
  let oldest: Group | undefined;
  for (const group of groups) {
    const mayLose = group !== than && group.idle.length > 0 && group.usedAt <= than.usedAt;
    if (mayLose && (oldest === undefined || group.usedAt < oldest.usedAt)) oldest = group;
  }
  const idle = oldest?.idle.shift();
  if (oldest === undefined || idle === undefined) return null;
  oldest.wanted = { bare: idleOf(oldest, 'bare'), loaded: idleOf(oldest, 'loaded') };
  return idle;
}

/** Memory that all idle workers count. */
export function heldMb(groups: Iterable<Group>): number {
  let sum = 0;
  for (const { idle } of groups) for (const { kind } of idle) sum += WORKER_MB[kind];
  return sum;
}
