import { describe, expect, it } from 'vitest';
import type { LimitKind } from '../guard/index.ts';
import { outcomeOf, settleReason } from './settle-reason.ts';
import { REASONS } from './worker-contract.ts';
import type { EndFacts, Reason, Trailer } from './worker-contract.ts';

const trailer = (reason: Reason, exitCode: number): Trailer => ({
  reason, exit_code: exitCode, error: null, cpu_ms: 1, peak_bytes: 1, figures: { saved: 0, left_out: 0, missing_glyphs: 0 }, hints: [],
});
const limit = (kind: LimitKind) => ({ kind, value: 2, limit: 1, detail: kind });
const facts = (change: Partial<EndFacts> & { code?: number | null; killed?: boolean; refusedForks?: number }): EndFacts => ({
  stopped: null, limit: null, signal: null, trailer: null, isOutputCut: false, ...change,
  exit: { code: change.code === undefined ? 0 : change.code, killed: change.killed ?? false, refusedForks: change.refusedForks ?? 0 },
});

it.each<[title: string, facts: EndFacts, reason: Reason, returncode: number]>([
  ['a good end', facts({}), 'ok', 0],
  ['a good end with cut output', facts({ isOutputCut: true }), 'output_limit', 0],
  ['cancel above everything', facts({ stopped: 'cancelled', limit: limit('memory'), signal: 'SIGKILL', code: null, killed: true }), 'cancelled', -2],
  ['time above limits', facts({ stopped: 'timeout', limit: limit('memory'), signal: 'SIGKILL', code: null, killed: true }), 'timeout', -1],
  ['time, also when the program ended well on its interrupt', facts({ stopped: 'timeout', trailer: trailer('ok', 0) }), 'timeout', -1],
  ['the output ceiling', facts({ stopped: 'ceiling', signal: 'SIGKILL', code: null, killed: true }), 'output_limit', -9],
  ['a limit above the signal that enforced it', facts({ limit: limit('memory'), signal: 'SIGKILL', code: null, killed: true }), 'memory_limit', -9],
  ['a limit above the words of the worker', facts({ limit: limit('disk'), code: 1, trailer: trailer('error', 1) }), 'disk_limit', 1],
  ['a full volume', facts({ limit: limit('volume'), killed: true, code: null, signal: 'SIGKILL' }), 'disk_limit', -9],
  ['processor time', facts({ limit: limit('cpu'), killed: true, code: null, signal: 'SIGKILL' }), 'cpu_limit', -9],
  ['processor time of one process', facts({ signal: 'SIGXCPU', code: null }), 'cpu_limit', -24],
  ['a limit that was only touched', facts({ limit: limit('processes') }), 'ok', 0],
  ['a crash', facts({ signal: 'SIGSEGV', code: null }), 'crashed', -11],
  ['a crash on Windows', facts({ code: 0xc000_0005 }), 'crashed', -1_073_741_819],
  ['a signal that is not ours', facts({ signal: 'SIGTERM', code: null }), 'killed', -15],
  ['an error', facts({ code: 1, trailer: trailer('error', 1) }), 'error', 1],
  ['bad syntax', facts({ code: 1, trailer: trailer('syntax_error', 1) }), 'syntax_error', 1],
  ['an exit code without a word', facts({ code: 7 }), 'exit', 7],
  ['last words that contradict the exit code', facts({ code: 3, trailer: trailer('memory_limit', 1) }), 'exit', 3],
  ['a forged good end', facts({ code: 3, trailer: trailer('ok', 3) }), 'exit', 3],
  ['words of failure with a good end', facts({ code: 0, trailer: trailer('error', 0) }), 'ok', 0],
  ['refused forks that broke the last words', facts({ code: 1, refusedForks: 9 }), 'process_limit', 1],
])('names %s', (_title, given, reason, returncode) => {
  expect(settleReason(given)).toMatchObject({ reason, returncode });
});

describe('priority', () => {
  const levels: [Reason, Partial<EndFacts> & { code?: number | null; killed?: boolean }][] = [
    ['cancelled', { stopped: 'cancelled' }], ['timeout', { stopped: 'timeout' }], ['memory_limit', { limit: limit('memory'), killed: true }],
    ['crashed', { signal: 'SIGSEGV', code: null }], ['error', { code: 1, trailer: trailer('error', 1) }],
  ];
  const pairs = levels.flatMap((higher, index) => levels.slice(index + 1).map((lower) => [higher[0], lower[0], { ...lower[1], ...higher[1] }] as const));

  it.each(pairs)('puts %s above %s', (reason, _lower, change) => {
    expect(settleReason(facts(change)).reason).toBe(reason);
  });
});

it('has an outcome for every reason', () => {
  expect(Object.fromEntries(REASONS.map((reason) => [reason, outcomeOf(reason)]))).toEqual({
    ok: 'ok', output_limit: 'output_limit', error: 'error', syntax_error: 'error', exit: 'error', timeout: 'timeout', cpu_limit: 'timeout',
    memory_limit: 'memory_limit', disk_limit: 'error', process_limit: 'error', sandbox_denied: 'error', cancelled: 'cancelled', crashed: 'error',
    killed: 'error', worker_lost: 'start_failed', guard_unavailable: 'start_failed', python_unavailable: 'start_failed',
  });
});
