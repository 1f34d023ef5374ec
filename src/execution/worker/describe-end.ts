import type { Language } from '../../contracts/index.ts';
import type { ExitFacts } from '../guard/index.ts';
import type { OutputMeter } from './output-meter.ts';
import { messageFor } from './run-messages.ts';
import type { MessageFacts } from './run-messages.ts';
import { outcomeOf, settleReason } from './settle-reason.ts';
import type { RunHooks } from './run-hooks.ts';
import type { ReadyWorker } from './start-worker.ts';
import type { EndFacts, Reason, RunReport, Trailer, WorkerJob } from './worker-contract.ts';

const MIB = 1024 * 1024;
/** Room at the end of stderr for the host's own line. */
const MESSAGE_RESERVE = 400;
/** Ends that stderr does not tell by itself. */
const TOLD: readonly Reason[] = ['timeout', 'cpu_limit', 'memory_limit', 'disk_limit', 'process_limit', 'sandbox_denied', 'cancelled', 'crashed',
  'killed', 'output_limit', 'worker_lost', 'guard_unavailable', 'python_unavailable'];

export interface EndParts {
  worker: ReadyWorker;
  job: WorkerJob;
  meter: OutputMeter;
  exit: ExitFacts;
  facts: Omit<EndFacts, 'trailer' | 'isOutputCut'>;
  durationMs: number;
  hooks: Pick<RunHooks, 'language' | 'onText'>;
}

/** Turns the facts of an end into the report of the run. */
export function describeEnd({ worker, job, meter, exit, facts, durationMs, hooks }: EndParts): RunReport {
  const { stdout, stderr, trailer } = meter.finish(MESSAGE_RESERVE);
  const dropped = { stdout: stdout.dropped, stderr: stderr.dropped };
  const isOutputCut = stdout.dropped + stderr.dropped > 0;
  const believed = trailer !== null && trailer.exit_code === exit.code ? trailer : null;
  const settled = settleReason({ ...facts, trailer: believed, isOutputCut, signal: believed === null ? facts.signal : null });
  const error = errorOf(settled.reason, believed);
  const message = messageFor(settled.reason, { ...messageFacts(job), ...settled, error, droppedCharacters: stdout.dropped + stderr.dropped }, hooks.language);
  const added = messageLine(stderr.text, settled.reason, message);
  if (added !== '') hooks.onText('stderr', added);
  return {
    ...settled, outcome: outcomeOf(settled.reason), success: settled.returncode === 0, message, error, hints: believed?.hints ?? [],
    stdout: stdout.text, stderr: stderr.text + added,
    truncated: { stdout: stdout.dropped > 0, stderr: stderr.dropped > 0 }, dropped,
    usage: { cpu_ms: exit.cpuMs ?? trailer?.cpu_ms ?? null, peak_bytes: exit.peakBytes ?? trailer?.peak_bytes ?? null },
    guards: worker.child.guards, warnings: [...worker.child.warnings], durationMs,
    figuresLeftOut: trailer?.figures.left_out ?? 0, missingGlyphs: trailer?.figures.missing_glyphs ?? 0, pid: worker.child.pid,
  };
}

/** The report of a program that never ran. */
export function describeNoStart(reason: Reason, texts: { detail: string; language: Language }): RunReport {
  const returncode = reason === 'cancelled' ? -2 : -3;
  const message = messageFor(reason, { ...NO_FACTS, detail: texts.detail }, texts.language);
  return {
    reason, outcome: outcomeOf(reason), success: false, returncode, signal: null, message, error: null, hints: [],
    stdout: '', stderr: messageLine('', reason, message), truncated: { stdout: false, stderr: false }, dropped: { stdout: 0, stderr: 0 },
    usage: { cpu_ms: null, peak_bytes: null }, guards: null, warnings: [], durationMs: 0, figuresLeftOut: 0, missingGlyphs: 0, pid: null,
  };
}

const NO_FACTS: MessageFacts = {
  error: null, returncode: 0, signal: null, droppedCharacters: 0, wallSeconds: 0, cpuSeconds: 0, memoryMb: 0, diskMb: 0, diskEntries: 0,
  processes: 0, detail: '',
};

function messageFacts({ limits, wallMs }: WorkerJob): Omit<MessageFacts, 'error' | 'returncode' | 'signal' | 'droppedCharacters'> {
  return {
    wallSeconds: Math.round(wallMs / 100) / 10, cpuSeconds: Math.round((limits.cpuMs ?? 0) / 1000), memoryMb: Math.round(limits.memoryBytes / MIB),
    diskMb: Math.round(limits.disk.runBytes / MIB), diskEntries: limits.disk.runEntries, processes: limits.threads, detail: '',
  };
}

/** What the worker says of the program's error; for a stop only where it was. */
function errorOf(reason: Reason, trailer: Trailer | null): RunReport['error'] {
  return reason === 'ok' || reason === 'output_limit' || reason === 'exit' ? null : trailer?.error ?? null;
}

/** The line that tells why a run was ended, as it is added to stderr. */
function messageLine(stderr: string, reason: Reason, message: string): string {
  if (message === '' || !TOLD.includes(reason)) return '';
  return `${stderr === '' || stderr.endsWith('\n') ? '' : '\n'}[sidecar] ${message}\n`;
}
