import { describe, expect, it } from 'vitest';
import type { ExitFacts, GuardId, GuardState } from './guard-contract.ts';
import { judgeGuards, type JudgeFacts } from './judge-guards.ts';
import { missingMinimum } from './lane-capability.ts';
import type { SelfTestFacts } from './self-test.ts';

const stopped: ExitFacts = {
  code: null, signal: 'SIGKILL', limit: { kind: 'memory', value: 1, limit: 1, detail: 'memory' }, killed: true, cpuMs: 1, peakBytes: 1, peakProcesses: 1,
  refusedForks: 0, lifetimeMs: 1,
};
const test: SelfTestFacts = {
  answer: {
    write_outside: 'refused OSError', write_system: 'refused OSError', write_inside: 'done', change_outside: 'refused PermissionError', read_home: 'refused FileNotFoundError', environment: ['PATH'],
    host_environment: 'refused FileNotFoundError', connect: 'refused PermissionError', socket_pair: 'done', signal_host: 'refused ProcessLookupError',
    forks: 12, raise_limits: 'refused ValueError', daemon: 'done',
  },
  forkLimit: 12, isOutsideWritten: false, canaryHits: 0, wasInterrupted: true, kill: { proven: true, tookMs: 1, survivors: 0 },
  daemon: { beat: true, beatsAfterKill: false }, memory: stopped, processes: null, endsWithLifeline: true,
};
const facts: JudgeFacts = {
  platform: 'linux', lane: 'user', backend: 'bwrap', hasSeccomp: true, cgroup: { memory: true, processes: true, cpu: true, version: 2 },
  environmentNames: new Set(['PATH']), test,
};
const answering = (changed: Partial<SelfTestFacts['answer']>): Partial<JudgeFacts> => ({ test: { ...test, answer: { ...test.answer, ...changed } } });
const seeing = (changed: Partial<SelfTestFacts>): Partial<JudgeFacts> => ({ test: { ...test, ...changed } });

describe('the verdict on a self-test', () => {
  it('is enforced wherever the system refused', () => {
    const guards = judgeGuards(facts);

    expect(Object.entries(guards).filter(([, { state }]) => state !== 'enforced').map(([id]) => id)).toEqual(['disk']);
    expect(missingMinimum('expert', guards)).toEqual([]);
  });

  it.each<[string, [GuardId, GuardState], Partial<JudgeFacts>]>([
    ['a file beside the workspace was written', ['files_write', 'absent'], answering({ write_outside: 'done' })],
    ['the program says refused but the file is there', ['files_write', 'absent'], seeing({ isOutsideWritten: true })],
    ['the mode of a file beside the workspace was changed', ['files_write', 'degraded'], answering({ change_outside: 'done' })],
    ['there is Landlock without a filter of calls', ['network', 'degraded'], { backend: 'landlock', hasSeccomp: false }],
    ['the planted file was read', ['files_read', 'absent'], answering({ read_home: 'done' })],
    ['the environment of the host was read', ['files_read', 'absent'], answering({ host_environment: 'done' })],
    ['the canary was called', ['network', 'absent'], seeing({ canaryHits: 1 })],
    ['an unknown name is in the environment', ['environment', 'absent'], answering({ environment: ['PATH', 'SIDECAR_TOKEN'] })],
    ['a signal reached the host', ['signals', 'absent'], answering({ signal_host: 'done' })],
    ['the memory test went on', ['memory', 'absent'], seeing({ memory: { ...stopped, limit: null } })],
    ['memory is only watched', ['memory', 'degraded'], { cgroup: null }],
    ['more processes than allowed were started', ['processes', 'absent'], answering({ forks: 20 })],
    ['processes are only watched', ['processes', 'degraded'], { cgroup: null, ...seeing({ processes: 'ended' }) }],
    ['the limit of the user refuses processes', ['processes', 'enforced'], { cgroup: null, ...seeing({ processes: 'refused' }) }],
    ['nothing stopped the processes', ['processes', 'absent'], { cgroup: null, ...seeing({ processes: 'passed' }) }],
    ['an expert started a process', ['processes', 'absent'], { lane: 'expert', ...answering({ forks: 1 }) }],
    ['limits could be raised', ['open_files', 'degraded'], answering({ raise_limits: 'done' })],
    ['a daemon went on after the kill', ['kill_tree', 'absent'], seeing({ daemon: { beat: true, beatsAfterKill: true } })],
    ['nothing proves that the tree is gone', ['kill_tree', 'degraded'], seeing({ kill: { proven: false, tookMs: 1, survivors: 0 } })],
    ['it outlived its host', ['parent_death', 'absent'], seeing({ endsWithLifeline: false })],
    ['the interrupt had no effect', ['interrupt', 'absent'], seeing({ wasInterrupted: false })],
    ['macOS: an expert that cannot fork is its own tree', ['kill_tree', 'enforced'],
      { platform: 'darwin', backend: 'seatbelt', lane: 'expert', cgroup: null, test: { ...test, kill: { proven: false, tookMs: 1, survivors: 0 }, answer: { ...test.answer, forks: 0 } } }],
    ['macOS: memory is watched', ['memory', 'degraded'], { platform: 'darwin', backend: 'seatbelt', cgroup: null }],
    ['Windows: memory is limited by the job', ['memory', 'enforced'], { platform: 'win32', backend: 'appcontainer', cgroup: null }],
    ['Windows: open files are not limited', ['open_files', 'absent'], { platform: 'win32', backend: 'appcontainer', cgroup: null }],
  ])('%s', (_title, [id, state], changed) => {
    expect(judgeGuards({ ...facts, ...changed })[id].state).toBe(state);
  });
});
