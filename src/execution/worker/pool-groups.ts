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
  return group.idle.filter((idle) => idle.kind === kind).length;
}

/** What is missing, most urgent first: the group that was used last, and in it the worker that is made quickly. */
export function gapsOf(groups: Iterable<Group>, now: number): Gap[] {
  return [...groups].filter((group) => group.pausedUntil <= now).sort((left, right) => right.usedAt - left.usedAt)
    .flatMap((group) => (['bare', 'loaded'] as const).filter((kind) => idleOf(group, kind) < group.wanted[kind]).map((kind) => ({ group, kind })));
}

/** Takes the first idle worker out of the group that was used longest ago, but not later than `than`; that group will not ask for it again. */
export function takeOldest(groups: Iterable<Group>, than: Pick<Group, 'usedAt'>): Idle | null {
  const oldest = [...groups].filter((group) => group !== than && group.idle.length > 0 && group.usedAt <= than.usedAt)
    .sort((left, right) => left.usedAt - right.usedAt)[0];
  const idle = oldest?.idle.shift();
  if (oldest === undefined || idle === undefined) return null;
  oldest.wanted = { bare: idleOf(oldest, 'bare'), loaded: idleOf(oldest, 'loaded') };
  return idle;
}

/** Memory that all idle workers count. */
export function heldMb(groups: Iterable<Group>): number {
  return [...groups].flatMap((group) => group.idle).reduce((sum, { kind }) => sum + WORKER_MB[kind], 0);
}
