import * as z from 'zod';
import { explainStartFailure } from '../guard/index.ts';
import type { ExecutionGuard, GuardedChild, LaneLimits, StartFailure, WorkspaceSpec } from '../guard/index.ts';
import type { Lane } from '../../contracts/index.ts';
import { encodeWorkerFrame } from './worker-frame.ts';

const READY_MS = 30_000;
const READY_BYTES = 64 * 1024;
const DIAGNOSTIC_BYTES = 8 * 1024;
const NEWLINE = 0x0a;

const ReadySchema = z.object({
  sidecar: z.literal('ready'), protocol: z.literal(1), pid: z.int(), start_time: z.number(), python: z.string(), preloaded: z.array(z.string()),
});

/** What a worker is made for; it never serves anything else. */
export interface WorkerSpec {
  /** Session, or consultation in the expert lane. */
  group: string;
  lane: Lane;
  workspace: WorkspaceSpec;
  preload: readonly string[];
  /** True when figures of the program are kept. */
  keepsFigures: boolean;
}

/** A Python process that has imported what is likely to be needed and waits for its one job. */
export interface ReadyWorker { spec: WorkerSpec; child: GuardedChild; preloaded: readonly string[] }

/** A worker that never got ready. */
export class WorkerStartFailure extends Error {
  override readonly name = 'WorkerStartFailure';
  readonly failure: StartFailure;

  constructor(failure: StartFailure) {
    super(failure.detail);
    this.failure = failure;
  }
}

/**
 * Starts a worker and waits until it is ready. Throws what `spawnGuarded` throws, WorkerStartFailure when it ends or stays silent,
 * and the signal's reason when that is aborted.
 */
export async function startWorker(guard: ExecutionGuard, spec: WorkerSpec, options: { signal: AbortSignal; limits?: LaneLimits }): Promise<ReadyWorker> {
  const child = await guard.spawnGuarded({
    lane: spec.lane, program: { script: 'worker.py', matplotlibBackend: 'Agg' }, workspace: spec.workspace, options,
  });
  child.stdin.on('error', () => {}); // A worker that is gone shows itself by `exited`.
  try {
    const wait = { signal: AbortSignal.any([options.signal, AbortSignal.timeout(READY_MS)]) };
    child.stdin.write(encodeWorkerFrame({ preload: spec.preload, figures: spec.keepsFigures }));
    const ready = ReadySchema.safeParse(tryParseJson(await readReadyLine(child, wait.signal)));
    if (!ready.success) throw new WorkerStartFailure({ reason: 'worker_lost', detail: 'the first line of the worker is not its own' });
    return { spec, child, preloaded: ready.data.preloaded };
  } catch (error) {
    await child.kill();
    options.signal.throwIfAborted();
    if (error instanceof WorkerStartFailure && error.failure.reason === 'worker_lost') guard.noteWorkerLost();
    throw error;
  }
}

function tryParseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // Judged by the schema.
  }
}

/** The first line of stdout. Afterwards both streams stand still and nothing of them is lost. */
async function readReadyLine(child: GuardedChild, signal: AbortSignal): Promise<string> {
  const waiting = Promise.withResolvers<string>();
  let line = Buffer.alloc(0);
  let diagnostics = Buffer.alloc(0);
  const fail = (failure: StartFailure): void => waiting.reject(new WorkerStartFailure(failure));
  const onOutput = (chunk: Buffer): void => {
    line = Buffer.concat([line, chunk]);
    const end = line.indexOf(NEWLINE);
    if (end < 0 && line.length > READY_BYTES) fail({ reason: 'worker_lost', detail: 'the first line of the worker is too long' });
    if (end < 0) return;
    child.stdout.off('data', onOutput).pause();
    if (end + 1 < line.length) child.stdout.unshift(line.subarray(end + 1));
    waiting.resolve(line.subarray(0, end).toString('utf8'));
  };
  const onDiagnostics = (chunk: Buffer): void => { diagnostics = Buffer.concat([diagnostics, chunk]).subarray(-DIAGNOSTIC_BYTES); };
  const onAbort = (): void => fail({ reason: 'worker_lost', detail: 'the worker did not get ready in time' });
  child.stdout.on('data', onOutput);
  child.stderr.on('data', onDiagnostics);
  // A signal that was aborted while the process was being started tells nobody any more.
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const failAtExit = async (): Promise<void> => {
    const exit = await child.exited;
    // The last words may still be in the pipe.
    await new Promise((resolve) => { setImmediate(resolve); });
    fail(explainStartFailure(exit, diagnostics.toString('utf8')));
  };
  void failAtExit();
  try {
    return await waiting.promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    child.stdout.off('data', onOutput).pause();
    child.stderr.off('data', onDiagnostics).pause();
  }
}
