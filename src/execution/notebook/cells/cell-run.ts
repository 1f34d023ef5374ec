import type { Clock } from '../../../config/index.ts';
import type { CellAnswer, CellRequest, Language } from '../../../contracts/index.ts';
import { hintFor } from '../../worker/index.ts';
import type { Hint, Reason } from '../../worker/index.ts';
import type { JsonObject, JupyterMessage } from '../connection/jupyter-message.ts';
import type { DroppedOutput, KernelInfo } from '../connection/kernel-connection.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { hintsOf } from './cell-hints.ts';
import { returnCodeOf, sentenceOf } from './cell-messages.ts';
import type { CellError, CellFacts } from './cell-messages.ts';
import { CellOutputs } from './cell-outputs.ts';
import { ChangeJoiner } from './cell-events.ts';
import type { CellEvent } from './cell-events.ts';
import type { CellRecordEnd } from './cell-record.ts';
import type { ExecuteTask, TaskEnd } from './execute-task.ts';
import type { CellOutput } from './output-types.ts';
import { withoutColour } from './terminal-text.ts';

export interface CellRunOptions {
  executionId: string;
  request: CellRequest;
  /** The execute request as it goes to the kernel. */
  message: JupyterMessage;
  kernel: Kernel;
  clock: Clock;
  language: Language;
  emit(event: CellEvent): void;
}

export interface CellResult { answer: CellAnswer; record: CellRecordEnd; outputs: CellOutput[] }

const DIED = 'KernelDied';

/** One cell of our own routes: collects its outputs, tells its events, and says what came of it. */
export class CellRun implements ExecuteTask {
  readonly message: JupyterMessage;
  readonly stopOnError: boolean;
  readonly timeoutMs: number;
  readonly ended: Promise<CellResult>;
  readonly #options: CellRunOptions;
  readonly #outputs: CellOutputs;
  readonly #joiner: ChangeJoiner;
  readonly #done = Promise.withResolvers<CellResult>();
  readonly #askedAt: number;
  #startedAt: number | null = null;
  #executionCount: number | null = null;
  #stateLost = false;
  #openInput: string | null = null;
  /** The process that ran it; the kernel has forgotten it when it is gone. */
  #process: { info: KernelInfo | null; pid: number | null } = { info: null, pid: null };

  constructor(options: CellRunOptions) {
    const { request, emit, clock, kernel, message } = options;
    this.#options = options;
    this.message = message;
    this.stopOnError = request.stop_on_error;
    this.timeoutMs = request.timeout_seconds * 1000;
    this.ended = this.#done.promise;
    this.#askedAt = clock.monotonicMs();
    this.#joiner = new ChangeJoiner((change) => emit({ type: 'cell_output', ...change }));
    this.#outputs = new CellOutputs(kernel.displays, (change) => this.#joiner.add(change), options.language);
  }

  /** Id of the input request that waits for an answer. */
  get openInput(): string | null {
    return this.#openInput;
  }

  /** The open input request has its answer. */
  closeInput(): void {
    this.#openInput = null;
  }

  onStart(): void {
    const { kernel, clock } = this.#options;
    this.#startedAt = clock.monotonicMs();
    this.#stateLost = kernel.takeStateLost();
    this.#process = { info: kernel.info, pid: kernel.connection?.pid ?? null };
  }

  onMessage(message: JupyterMessage): void {
    const { channel, header, content } = message;
    if (channel === 'iopub') {
      if (header.msg_type === 'execute_input') this.#executionCount = countOf(content.execution_count);
      this.#outputs.take(message);
    }
    if (channel === 'shell') this.#executionCount = countOf(content.execution_count) ?? this.#executionCount;
    if (channel === 'stdin' && header.msg_type === 'input_request') {
      this.#openInput = header.msg_id;
      this.#joiner.flush();
      this.#options.emit({
        type: 'cell_input_request', request_id: header.msg_id, prompt: String(content.prompt ?? ''), password: content.password === true,
      });
    }
  }

  onNativeText(text: string): void {
    this.#outputs.addText('stderr', text);
  }

  onDropped(dropped: DroppedOutput): void {
    this.#outputs.drop(dropped);
  }

  onEnd(end: TaskEnd): void {
    const reason = this.#reasonOf(end);
    if (end.how === 'gone') {
      this.#outputs.addError(this.#deathNote(end));
      if (this.#startedAt !== null && this.#options.kernel.hasLostState) this.#stateLost = true;
    }
    const outputs = this.#outputs.finish();
    this.#joiner.flush();
    const answer = this.#answer(end, reason, outputs);
    this.#done.resolve({ answer, outputs, record: this.#record(answer, end) });
  }

  #reasonOf(end: TaskEnd): Reason {
    return end.reason === 'ok' && this.#outputs.isCut ? 'output_limit' : end.reason;
  }

  #answer(end: TaskEnd, reason: Reason, outputs: CellOutput[]): CellAnswer {
    const { request, executionId, clock, language, kernel } = this.#options;
    const now = clock.monotonicMs();
    const error = errorOf(end, outputs);
    const hints = hintsOf(reason, error, kernel.isNetworkOff);
    return {
      success: end.how === 'done' && end.reply?.status === 'ok' && end.reason === 'ok',
      stdout: textOf(outputs, 'stdout'), stderr: textOf(outputs, 'stderr'), result_repr: resultOf(outputs),
      execution_time_ms: this.#startedAt === null ? 0 : Math.round(now - this.#startedAt),
      outputs, execution_count: this.#executionCount, execution_id: executionId,
      ...(error === null ? {} : { error }),
      ...(request.cell_id === undefined ? {} : { cell_id: request.cell_id }),
      reason, detail: end.detail, message: this.#messageOf(reason, { end, error, hints }),
      dropped: this.#outputs.dropped, state_lost: this.#stateLost, late: end.isLate, hints, hint_texts: hints.map((hint) => hintFor(hint, language)),
      queued_ms: Math.round((this.#startedAt ?? now) - this.#askedAt),
    };
  }

  /** IPython's own words about input speak of a front end. */
  #messageOf(reason: Reason, { end, error, hints }: { end: TaskEnd; error: CellError | null; hints: readonly Hint[] }): string {
    if (hints.includes('no_input')) return hintFor('no_input', this.#options.language);
    return sentenceOf(reason, this.#facts(end, error));
  }

  #record(answer: CellAnswer, end: TaskEnd): CellRecordEnd {
    const { stdout, stderr } = this.#outputs.dropped;
    const reason = this.#reasonOf(end);
    return {
      reason, returncode: returnCodeOf(reason, end), detail: end.detail, durationMs: answer.execution_time_ms, queuedMs: Number(answer.queued_ms),
      stdout: answer.stdout, stderr: answer.stderr, dropped: { stdout, stderr }, error: answer.error ?? null,
      hints: hintsOf(reason, answer.error ?? null, this.#options.kernel.isNetworkOff), guards: this.#process.info?.guards ?? null, pid: this.#process.pid,
    };
  }

  #facts(end: TaskEnd, error: CellError | null): CellFacts {
    return {
      end, error, executionCount: this.#executionCount, language: this.#options.language, timeoutMs: this.timeoutMs, dropped: this.#outputs.dropped,
      limits: this.#process.info?.limits ?? null,
    };
  }

  #deathNote(end: TaskEnd): JsonObject {
    const told = sentenceOf(end.reason, this.#facts(end, null));
    const tail = withoutColour(end.stderrTail).trim();
    return { ename: DIED, evalue: told, traceback: tail === '' ? [told] : [told, ...tail.split('\n').slice(-40)] };
  }
}

const countOf = (value: unknown): number | null => (typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : null);

function textOf(outputs: readonly CellOutput[], name: string): string {
  return outputs.map((output) => (output.output_type === 'stream' && output.name === name ? output.text : '')).join('');
}

/** The last value as text. */
function resultOf(outputs: readonly CellOutput[]): string {
  const result = outputs.findLast((output) => output.output_type === 'execute_result');
  const text = (result?.data as JsonObject | undefined)?.['text/plain']; // proof: a result has data
  return typeof text === 'string' ? text : '';
}

function errorOf(end: TaskEnd, outputs: readonly CellOutput[]): { ename: string; evalue: string; traceback: string[] } | null {
  const shown = outputs.findLast((output) => output.output_type === 'error');
  const isDeath = end.how === 'gone';
  if (shown !== undefined && (isDeath || end.reply?.status === 'error')) {
    const { ename, evalue, traceback } = shown as { ename: string; evalue: string; traceback: string[] }; // proof: an error output has these
    return { ename, evalue, traceback };
  }
  if (end.reply?.status === 'error') return { ename: String(end.reply.ename ?? ''), evalue: String(end.reply.evalue ?? '').slice(0, 2_000), traceback: [] };
  return null;
}
