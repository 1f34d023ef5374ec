import { expect, it } from 'vitest';
import { gapsOf, heldMb, kindsFor, takeOldest, wantedOf } from './pool-groups.ts';
import type { Group, Idle, WorkerKind } from './pool-groups.ts';
import type { WorkerSpec } from './start-worker.ts';

const spec = (group: string, more: Partial<WorkerSpec> = {}): WorkerSpec => ({
  group, lane: 'user', preload: ['pandas'], keepsFigures: true, workspace: { folder: '/w', home: null, packages: null, sessionId: group }, ...more,
});
// Only the kind of an idle worker is looked at here.
const idle = (kind: WorkerKind): Idle => ({ kind, readyAt: 0, stamp: '' } as Idle);
const group = (id: string, usedAt: number, kinds: WorkerKind[] = [], pausedUntil = 0): Group => ({
  spec: spec(id), wanted: { bare: 1, loaded: 1 }, usedAt, pausedUntil, idle: kinds.map(idle),
});
const named = (gaps: ReturnType<typeof gapsOf>) => gaps.map((gap) => `${gap.group.spec.group} ${gap.kind}`);

it.each([
  ['nothing is missing', [group('a', 1, ['bare', 'loaded'])], []],
  ['both are missing: the quick one first', [group('a', 1)], ['a bare', 'a loaded']],
  ['the group that was used last comes first', [group('a', 1), group('b', 2), group('c', 0)], ['b bare', 'b loaded']],
  ['each kind has its own', [group('a', 1), group('b', 2, ['bare'])], ['b loaded', 'a bare']],
  ['a group that failed rests', [group('a', 1), group('b', 2, [], 99)], ['a bare', 'a loaded']],
])('finds what to make next: %s', (_name, groups, expected) => {
  expect(named(gapsOf(groups, 10))).toEqual(expected);
});

it('looks at thousands of groups once, not at each for each', () => {
  let looks = 0;
  const groups = Array.from({ length: 2_000 }, (_unused, index) => new Proxy(group(`s${index}`, index), {
    get: (target, name) => {
      looks += 1;
      return Reflect.get(target, name) as unknown;
    },
  }));

  expect(named(gapsOf(groups, 10))).toEqual(['s1999 bare', 's1999 loaded']);
  expect(looks).toBeLessThan(groups.length * 20);
});

it('ends what was used longest ago, never something newer, and forgets that it was wanted', () => {
  const groups = [group('a', 1, ['bare', 'loaded']), group('b', 2, ['loaded']), group('c', 3, ['bare'])];

  expect(takeOldest(groups, groups[1]!)?.kind).toBe('bare');
  expect(groups[0]).toMatchObject({ wanted: { bare: 0, loaded: 1 }, idle: [{ kind: 'loaded' }] });
  expect(takeOldest(groups, groups[1]!)?.kind).toBe('loaded');
  expect(takeOldest(groups, groups[1]!)).toBeNull();
  expect(heldMb(groups)).toBe(85);
});

it.each([
  [spec('s'), 'bare', 2, { bare: 2, loaded: 1 }],
  [spec('s'), 'loaded', 2, { bare: 1, loaded: 2 }],
  [spec('s', { preload: [] }), 'loaded', 2, { bare: 2, loaded: 0 }],
  [spec('s', { lane: 'expert' }), 'loaded', 2, { bare: 0, loaded: 2 }],
  [spec('s', { lane: 'expert', preload: [] }), 'loaded', 1, { bare: 0, loaded: 1 }],
] as const)('keeps %o for a need of %s × %i', (of, kind, count, expected) => {
  expect(wantedOf(of, kind, count)).toEqual(expected);
});

it.each([['bare', ['bare']], ['light', ['bare', 'loaded']], ['loaded', ['loaded', 'bare']]] as const)('serves %s by %j', (need, kinds) => {
  expect(kindsFor(need)).toEqual(kinds);
});
