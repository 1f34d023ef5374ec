import { constants } from 'node:os';
import { basename } from 'node:path';
import type { Backend, ExitFacts } from './guard-contract.ts';

/** Why a program never said that it is ready. */
export interface StartFailure { reason: 'guard_unavailable' | 'python_unavailable' | 'worker_lost'; detail: string }

const GUARD_FAILED = 125;
const NOT_EXECUTED = new Set([126, 127]);
const DETAIL_CHARS = 300;

/** Reads how a child ended before it was ready, with what it wrote to stderr so far. */
export function explainStartFailure(exit: ExitFacts, stderr: string): StartFailure {
  const line = stderr.split('\n').find((each) => /^(bwrap|sidecar guard|sidecar launcher|sandbox-exec): /.test(each));
  const detail = (line ?? stderr.trim().split('\n').at(-1) ?? '').slice(0, DETAIL_CHARS);
  // With a group in front, a shell looks for the sandbox or the launcher's Python, and names what it did not find.
  const [, sought = ''] = /^(?:\S*\/)?sh: .*?(?:exec: )?(\/[^:]+): /m.exec(stderr) ?? [];
  if (sought !== '' && !basename(sought).startsWith('python')) return { reason: 'guard_unavailable', detail };
  const cannotRun = NOT_EXECUTED.has(exit.code ?? 0) || (line?.includes('execvp') ?? false) || /^sidecar launcher: .*\[Errno 2\]/.test(line ?? '');
  if (cannotRun) return { reason: 'python_unavailable', detail };
  if (line !== undefined || exit.code === GUARD_FAILED) return { reason: 'guard_unavailable', detail };
  return { reason: 'worker_lost', detail };
}

/** The signal that ended the program itself, also when bwrap reports it as 128 + n. Only without a trailer. */
export function signalOf(exit: ExitFacts, backend: Backend): NodeJS.Signals | null {
  if (exit.signal !== null) return exit.signal;
  if ((backend !== 'bwrap' && backend !== 'srt') || exit.code === null || exit.code <= 128) return null;
  const number = exit.code - 128;
  // The names of os.constants.signals are the signals of this system.
  return (Object.keys(constants.signals) as NodeJS.Signals[]).find((name) => constants.signals[name] === number) ?? null;
}

/** True when the broker of a list of hosts was ended: a program's own signal reaches us as a number, one to the main process hit the broker. */
export function wasBrokerLost(exit: ExitFacts, backend: Backend): boolean {
  return backend === 'srt' && exit.signal !== null && exit.limit === null && !exit.killed;
}
