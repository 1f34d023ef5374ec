import { constants } from 'node:os';
import type { LimitKind } from '../guard/index.ts';
import type { EndFacts, Outcome, Reason } from './worker-contract.ts';

const CRASHES: readonly NodeJS.Signals[] = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE'];
const LIMIT_REASONS: Record<LimitKind, Reason> = {
  memory: 'memory_limit', cpu: 'cpu_limit', processes: 'process_limit', disk: 'disk_limit', volume: 'disk_limit',
};
const NTSTATUS_ERROR = 0xc000_0000;
const STOPPED = -9;

export interface Settled { reason: Reason; returncode: number; signal: string | null }

/** The reason of an end: cancelled, timeout, limits, crash or signal, and only then what the worker says. */
export function settleReason(facts: EndFacts): Settled {
  const signal = facts.signal;
  if (facts.stopped === 'cancelled') return { reason: 'cancelled', returncode: -2, signal };
  if (facts.stopped === 'timeout') return { reason: 'timeout', returncode: -1, signal };
  if (facts.stopped === 'ceiling') return { reason: 'output_limit', returncode: STOPPED, signal };
  // A limit that was only touched does not spoil a program that went on and ended well.
  const isLimited = facts.limit !== null && (facts.exit.killed || facts.exit.code !== 0 || signal !== null);
  if (facts.limit !== null && isLimited) return { reason: LIMIT_REASONS[facts.limit.kind], returncode: limitCode(facts), signal };
  if (signal === 'SIGXCPU') return { reason: 'cpu_limit', returncode: -signalNumber(signal), signal };
  if (signal !== null) return { reason: CRASHES.includes(signal) ? 'crashed' : 'killed', returncode: -signalNumber(signal), signal };
  return settleExit(facts);
}

function settleExit({ exit, trailer, isOutputCut }: EndFacts): Settled {
  const code = exit.code ?? -1;
  if (code >= NTSTATUS_ERROR) return { reason: 'crashed', returncode: code | 0, signal: `0x${code.toString(16).toUpperCase()}` };
  if (code === 0) return { reason: isOutputCut ? 'output_limit' : 'ok', returncode: 0, signal: null };
  // Children that fork on can write the worker's last words to pieces; the system's own count still tells.
  if (trailer === null && (exit.refusedForks ?? 0) > 0) return { reason: 'process_limit', returncode: code, signal: null };
  const isBelieved = trailer !== null && trailer.exit_code === code && trailer.reason !== 'ok';
  return { reason: isBelieved ? trailer.reason : 'exit', returncode: code, signal: null };
}

function limitCode({ exit, signal }: EndFacts): number {
  if (signal === 'SIGXCPU') return -signalNumber(signal);
  return exit.code !== null && exit.code > 0 && !exit.killed && signal === null ? exit.code : STOPPED;
}

function signalNumber(signal: NodeJS.Signals): number {
  return constants.signals[signal] ?? 9;
}

/** The coarse outcome of the wire. */
export function outcomeOf(reason: Reason): Outcome {
  switch (reason) {
    case 'ok': case 'output_limit': case 'timeout': case 'memory_limit': case 'cancelled': return reason;
    case 'cpu_limit': return 'timeout';
    case 'worker_lost': case 'guard_unavailable': case 'python_unavailable': return 'start_failed';
    case 'error': case 'syntax_error': case 'exit': case 'disk_limit': case 'process_limit': case 'sandbox_denied': case 'crashed':
    case 'killed': return 'error';
    default: return reason satisfies never;
  }
}
