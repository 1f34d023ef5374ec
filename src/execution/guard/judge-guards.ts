import type { Lane } from '../../contracts/index.ts';
import type { Backend, Guard, GuardId } from './guard-contract.ts';
import type { SelfTestFacts } from './self-test.ts';

/** What the verdict depends on beside the test itself. */
export interface JudgeFacts {
  platform: NodeJS.Platform;
  lane: Lane;
  backend: Backend;
  hasSeccomp: boolean;
  cgroup: { memory: boolean; processes: boolean; cpu: boolean; version: 1 | 2 } | null;
  /** Names that the environment may hold. */
  environmentNames: ReadonlySet<string>;
  test: SelfTestFacts;
}

const POLLED = '10–25 % at 4 MB per allocation step';
const FIXES: Partial<Record<GuardId, string>> = {
  files_write: 'apt-get install bubblewrap', files_read: 'apt-get install bubblewrap', network: 'apt-get install bubblewrap',
  memory: 'systemd-run --user --scope -p Delegate=yes sidecar serve', processes: 'systemd-run --user --scope -p Delegate=yes sidecar serve',
};

/** The state of each guard, from what happened in the sandbox. */
export function judgeGuards(facts: JudgeFacts): Record<GuardId, Guard> {
  const { test, backend, cgroup } = facts;
  const { answer } = test;
  const group = cgroup === null ? null : `cgroup v${cgroup.version}`;
  const sandbox = backend === 'none' ? 'nobody' : facts.hasSeccomp ? `${backend}+seccomp` : backend;
  const passed = (id: GuardId, by: string, when: boolean): Guard => (when ? enforced(by) : absent(id, by, 'the self-test got through'));
  return {
    files_write: judgeWrites(facts, sandbox),
    files_read: passed('files_read', sandbox, isRefused(answer.read_home) && isRefused(answer.host_environment)),
    network: judgeNetwork(facts, sandbox),
    environment: passed('environment', 'host', answer.environment.every((name) => facts.environmentNames.has(name))),
    memory: judgeMemory(facts, group),
    cpu: judgeCpu(facts, group),
    processes: judgeProcesses(facts, group),
    open_files: judgeOpenFiles(facts),
    disk: { ...degraded('disk', 'disk meter', 'watched'), overshoot: 'one second of writing', tested: 'not_testable' },
    output: { ...enforced('host'), tested: 'not_testable' },
    wall_time: { ...enforced('host'), tested: 'not_testable' },
    // Windows has no signals; the sandbox keeps other processes from being opened, which was not tried.
    signals: facts.platform === 'win32' ? { ...enforced(sandbox), tested: 'not_testable' } : passed('signals', sandbox, isRefused(answer.signal_host)),
    kill_tree: judgeKill(facts),
    parent_death: test.endsWithLifeline === false ? absent('parent_death', 'lifeline', 'it outlived its host')
      : enforced(backend === 'bwrap' ? 'lifeline, bwrap' : 'lifeline, launcher'),
    interrupt: test.wasInterrupted ? enforced('lifeline') : absent('interrupt', 'lifeline', 'the interrupt had no effect'),
  };
}

function isRefused(word: string): boolean {
  return word.startsWith('refused');
}

function judgeWrites({ test }: JudgeFacts, by: string): Guard {
  const { answer } = test;
  if (!isRefused(answer.write_outside) || !isRefused(answer.write_system) || test.isOutsideWritten) return absent('files_write', by, 'the self-test got through');
  return isRefused(answer.change_outside) ? enforced(by) : degraded('files_write', by, 'modes, owners and times of other files of this user can be changed');
}

function judgeNetwork({ test, backend, hasSeccomp }: JudgeFacts, by: string): Guard {
  if (!isRefused(test.answer.connect) || test.canaryHits > 0) return absent('network', by, 'the self-test got through');
  return backend === 'landlock' && !hasSeccomp ? degraded('network', by, 'only TCP is refused on this processor') : enforced(by);
}

/** True when the program could not raise its own limits. */
function keepsLimits({ test }: JudgeFacts): boolean {
  return test.answer.raise_limits.startsWith('refused');
}

function judgeCpu(facts: JudgeFacts, group: string | null): Guard {
  if (facts.platform === 'win32') return { ...enforced('JOB_TIME'), tested: 'not_testable' };
  if (!keepsLimits(facts)) return degraded('cpu', 'RLIMIT_CPU', 'this user can raise the limit; the tree is watched');
  if (facts.cgroup?.cpu === true) return enforced(`RLIMIT_CPU, ${group}`);
  return degraded('cpu', 'RLIMIT_CPU', 'counted per process; the tree is watched');
}

function judgeOpenFiles(facts: JudgeFacts): Guard {
  if (facts.platform === 'win32') return absent('open_files', 'nobody', 'Windows has no such limit');
  return keepsLimits(facts) ? enforced('RLIMIT_NOFILE') : degraded('open_files', 'RLIMIT_NOFILE', 'this user can raise the limit');
}

function judgeMemory({ test, cgroup, platform }: JudgeFacts, group: string | null): Guard {
  const wasStopped = test.memory === null || test.memory.limit?.kind === 'memory';
  if (!wasStopped) return absent('memory', group ?? 'host', 'the self-test passed the limit');
  if (cgroup?.memory === true) return enforced(group ?? 'cgroup');
  if (platform === 'win32') return enforced('JOB_MEMORY');
  if (platform === 'darwin') return { ...degraded('memory', 'launcher', 'watched every 20 ms'), overshoot: POLLED };
  return { ...degraded('memory', '20 ms poll + RLIMIT_AS', 'no memory controller, so the host watches'), overshoot: POLLED };
}

function judgeProcesses({ test, cgroup, lane, hasSeccomp, platform, backend }: JudgeFacts, group: string | null): Guard {
  const { forks } = test.answer;
  if (backend === 'srt') return { ...degraded('processes', group ?? 'launcher', 'the network broker is counted with them'), fix: null, tested: 'not_testable' };
  if (platform === 'win32') return { ...degraded('processes', 'ACTIVE_PROCESS', 'counts processes, not threads'), tested: 'not_testable' };
  if (lane === 'expert' && backend === 'seatbelt') return forks <= 0 ? enforced('seatbelt') : absent('processes', 'seatbelt', 'a process could be started');
  if (lane === 'expert' && hasSeccomp) return forks <= 0 ? enforced('seccomp') : absent('processes', 'seccomp', 'a process could be started');
  if (cgroup?.processes === true) {
    return forks < test.forkLimit + 4 ? enforced(group ?? 'cgroup') : absent('processes', group ?? 'cgroup', 'the self-test passed the limit');
  }
  if (test.processes === 'refused') return enforced('RLIMIT_NPROC');
  if (test.processes === 'passed') return absent('processes', 'host', 'the self-test passed the limit');
  return { ...degraded('processes', 'NPROC, 20 ms poll', 'no process controller, so the host watches'), overshoot: 'what starts within 20 ms' };
}

function judgeKill({ test, backend, lane, platform }: JudgeFacts): Guard {
  const by = backend === 'bwrap' ? 'pid namespace' : platform === 'win32' ? 'job' : 'launcher';
  if (test.kill.survivors > 0 || test.daemon.beatsAfterKill) return absent('kill_tree', by, 'a daemon outlived the kill');
  // What cannot start a process is its whole tree.
  if (lane === 'expert' && platform === 'darwin' && test.answer.forks <= 0) return enforced('no second process');
  return test.kill.proven ? enforced(by) : degraded('kill_tree', by, 'nothing proves that the tree is empty');
}

function enforced(by: string): Guard {
  return { state: 'enforced', by, reason: null, fix: null, overshoot: null, tested: 'passed' };
}

function degraded(id: GuardId, by: string, reason: string): Guard {
  return { state: 'degraded', by, reason, fix: FIXES[id] ?? null, overshoot: null, tested: 'passed' };
}

function absent(id: GuardId, by: string, reason: string): Guard {
  return { state: 'absent', by, reason, fix: FIXES[id] ?? null, overshoot: null, tested: 'failed' };
}
