import { SidecarError, languageOf } from '../../contracts/index.ts';
import { ConsultationFailure } from '../consultation/consultation-failure.ts';
import { dataToolInput } from './data-program.ts';
import type { ExpertCallResult, ExpertRunner, ExpertWorkspace } from '../../execution/expert-runner/index.ts';
import { clipBytes } from './clip-bytes.ts';
import { TOOL_RESULTS } from './tool-definitions.ts';
import type { DataToolName } from './tool-names.ts';
import { toolError } from './tool-outcome.ts';
import type { ToolOutcome } from './tool-outcome.ts';

/** What calls of the lane need besides their input. */
export interface LaneContext {
  runner: Pick<ExpertRunner, 'run'>;
  workspace: ExpertWorkspace;
  /** Names of the files in `inputs/`. */
  inputs: readonly string[];
  /** The data tools as one program. */
  dataProgram: string;
  language: string;
  /** Whose call it is. */
  owner: { turnIndex: number; expertId: string };
  /** Takes host paths and secrets out of text that goes on. */
  clean(text: string): string;
  signal: AbortSignal;
  /** Told the execution of the call that begins. */
  onStart?(executionId: string): void;
}

/** Time for one call; the lane itself allows no more. */
export const LANE_CALL_MS = 20_000;
/** Of each stream, so that a result with both stays below its own limit. */
const MAX_PRINTED_BYTES = 24 * 1024;
const START_FAILURES: ReadonlySet<string> = new Set(['guard_unavailable', 'python_unavailable']);
const REFUSALS: ReadonlySet<string> = new Set(['LANE_REFUSED', 'EXECUTION_UNAVAILABLE']);

/** Runs a data tool on a file that lies in `inputs/`. */
export async function runDataTool(context: LaneContext, call: { tool: DataToolName; input: { file_name: string } }): Promise<ToolOutcome> {
  const stdin = dataToolInput(call.tool, call.input, languageOf(context.language));
  const run = await runInLane(context, { code: context.dataProgram, stdin, timeoutMs: LANE_CALL_MS });
  const execution = executionOf(context, run);
  if (!run.ok) return toolError(run.reason, context.clean(run.message || 'the tool could not finish'), execution);
  const parsed = TOOL_RESULTS[call.tool].safeParse(parseJson(run.stdout));
  if (!parsed.success) return toolError('broken_result', 'the tool gave no readable result', execution);
  return { ok: true, result: parsed.data, filesRead: [`inputs/${call.input.file_name}`], filesWritten: [], execution };
}

/** Runs the expert's own program. That it failed is a result like any other. */
export async function runPython(context: LaneContext, input: { code: string; timeout_s: number }): Promise<ToolOutcome> {
  const run = await runInLane(context, { code: input.code, stdin: '', timeoutMs: Math.round(input.timeout_s * 1000) });
  const left = await context.workspace.artifacts();
  const printed = (text: string): string => clipBytes(context.clean(text), MAX_PRINTED_BYTES);
  const result = {
    ok: run.ok, exit_code: run.exitCode, stdout: printed(run.stdout), stderr: printed(run.stderr),
    duration_ms: Math.round(run.durationMs), reason: run.reason, message: context.clean(run.message),
    files: left.map(({ path, size_bytes: bytes }) => ({ name: `out/${path}`, bytes })),
  };
  return {
    ok: run.ok, result, filesRead: context.inputs.map((name) => `inputs/${name}`), filesWritten: run.files.map(({ path }) => `out/${path}`),
    execution: executionOf(context, run),
  };
}

async function runInLane(context: LaneContext, program: { code: string; stdin: string; timeoutMs: number }): Promise<ExpertCallResult> {
  try {
    const run = await context.runner.run({
      ...context.owner, ...program, workspace: context.workspace, language: languageOf(context.language), signal: context.signal,
      ...(context.onStart === undefined ? {} : { onStart: context.onStart }),
    });
    context.signal.throwIfAborted();
    if (START_FAILURES.has(run.reason)) throw new ConsultationFailure('lane_unavailable', run.reason);
    return run;
  } catch (error) {
    if (error instanceof SidecarError && REFUSALS.has(error.code)) throw new ConsultationFailure('lane_unavailable', error.message, { cause: error });
    throw error;
  }
}

function executionOf(context: LaneContext, run: ExpertCallResult): ToolOutcome['execution'] {
  return { id: run.executionId, stdout: context.clean(run.stdout), stderr: context.clean(run.stderr) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // The schema says that this is no result.
  }
}
