import { totalmem } from 'node:os';
import { join } from 'node:path';
import { SidecarError } from '../../contracts/index.ts';
import { laneLimits } from '../guard/index.ts';
import { createExecutionLog, runOnWorker } from '../worker/index.ts';
import type { Artifact, ExecutionStart, RunReport, Step, StepName, WorkerJob, WorkerSpec } from '../worker/index.ts';
import type { ExpertArtifact, ExpertCall, ExpertCallResult, ExpertRunner, ExpertRunnerDeps, ExpertWorkspace } from './expert-runner-contract.ts';
import { openExpertWorkspace, sweepWorkspaces } from './expert-workspace.ts';

const KIB = 1024;
const MAX_WALL_MS = 20_000;
const PRELOAD = ['numpy', 'pandas'] as const;
const WARM_WORKERS = 2;
/** The same numbers in every call, so that the same code on the same inputs gives the same output. */
const SEED = 0;

/** Programs of experts and of our own data tools. Each call is a fresh process; nothing of one is seen by the next but `out/`. */
export function createExpertRunner(deps: ExpertRunnerDeps): ExpertRunner {
  const executionLog = createExecutionLog(deps);
  const stopping = new AbortController();
  /** An entry leaves with its call. */
  const calls = new Map<Promise<unknown>, { sessionId: string; abort: AbortController }>();
  /** Consultations with workers; an entry leaves with its workspace. */
  const open = new Map<string, string>();

  const end = async (sessionId: string | null): Promise<void> => {
    const mine = [...calls].filter(([, call]) => sessionId === null || call.sessionId === sessionId);
    for (const [, { abort }] of mine) abort.abort(new Error('the session or the service ends'));
    await Promise.allSettled(mine.map(([done]) => done));
    const groups = [...open].filter(([, owner]) => sessionId === null || owner === sessionId).map(([group]) => group);
    await Promise.all(groups.map(async (group) => await deps.pool.end(group)));
  };
  const refusal = async (): Promise<string | null> => {
    const search = await deps.guard.python();
    if (!search.found) return search.reason;
    const lane = (await deps.guard.probe()).lanes.expert;
    return lane.available ? null : lane.reason ?? 'minimum guards are missing';
  };

  return {
    refusal,
    openWorkspace: async (request) => {
      const workspace = await openExpertWorkspace(deps.workDir, request);
      const group = groupOf(workspace);
      open.set(group, request.sessionId);
      if (await refusal() === null) deps.pool.want(specOf(workspace), WARM_WORKERS);
      return {
        ...workspace,
        [Symbol.asyncDispose]: async () => {
          open.delete(group);
          await deps.pool.end(group);
          await workspace[Symbol.asyncDispose]();
        },
      };
    },
    run: async (call) => {
      if (stopping.signal.aborted) throw new SidecarError('SHUTTING_DOWN', 'no new calls', { retryAfterSeconds: 1 });
      await requireLane(deps);
      const abort = new AbortController();
      const signal = AbortSignal.any([call.signal, abort.signal]);
      const done = runCall({ ...deps, executionLog }, { ...call, signal });
      calls.set(done, { sessionId: call.workspace.sessionId, abort });
      return await done.finally(() => calls.delete(done));
    },
    endSession: end,
    recover: async () => await sweepWorkspaces(deps.workDir),
    stop: async () => {
      stopping.abort();
      await end(null);
    },
  };
}

/** Fails closed: below the minimum of the lane no process starts. */
async function requireLane({ guard }: ExpertRunnerDeps): Promise<void> {
  const search = await guard.python();
  if (!search.found) throw new SidecarError('EXECUTION_UNAVAILABLE', search.reason, { retryAfterSeconds: 60 });
  const lane = (await guard.probe()).lanes.expert;
  if (lane.available) return;
  throw new SidecarError('LANE_REFUSED', lane.reason ?? 'minimum guards are missing', { detail: lane.reason ?? '', retryAfterSeconds: 60 });
}

type CallTools = ExpertRunnerDeps & { executionLog: ReturnType<typeof createExecutionLog> };

async function runCall(tools: CallTools, call: ExpertCall): Promise<ExpertCallResult> {
  const { clock, executionLog } = tools;
  const executionId = tools.ids.mint('exe_');
  const job = jobOf(executionId, call);
  const record = recordOf(executionId, call, job);
  const startedAt = clock.monotonicMs();
  const steps: Step[] = [];
  const onStep = (step: StepName): void => { steps.push({ at_ms: Math.round(clock.monotonicMs() - startedAt), step }); };
  const before = new Map((await call.workspace.artifacts()).map((file) => [file.path, file.sha256]));
  executionLog.open(record);
  call.onStart?.(executionId);
  const hooks = { signal: call.signal, language: call.language, onText: () => {}, onStep };
  const { report, start } = await runOnWorker(tools, { spec: specOf(call.workspace), job, need: 'loaded', hooks });
  const files = (await call.workspace.artifacts()).filter((file) => before.get(file.path) !== file.sha256);
  const shown = withVirtualPaths(report, call.workspace.folder);
  executionLog.close(record, { report: shown, start, artifacts: files.map(toArtifact), steps });
  return {
    executionId, ok: shown.success, reason: shown.reason, exitCode: shown.returncode, stdout: shown.stdout, stderr: shown.stderr,
    message: shown.message, hints: shown.hints, error: shown.error, durationMs: shown.durationMs, truncated: shown.truncated, guards: shown.guards, files,
  };
}

function toArtifact({ path, size_bytes, mime }: ExpertArtifact): Artifact {
  return { path: `out/${path}`, size_bytes, mime, kind: 'file' };
}

function jobOf(executionId: string, call: ExpertCall): WorkerJob {
  return {
    executionId, code: call.code, path: null, argv: call.argv ?? [], stdin: call.stdin ?? '', seed: SEED, keepsFigures: false, isNetworkOff: true,
    wallMs: Math.min(call.timeoutMs ?? MAX_WALL_MS, MAX_WALL_MS), limits: laneLimits('expert', { memoryBytes: totalmem() }),
    output: { unit: 'bytes', head: 32 * KIB, tail: 32 * KIB, ceilingBytes: 8 * KIB * KIB },
  };
}

function recordOf(executionId: string, call: ExpertCall, job: WorkerJob): ExecutionStart {
  const { sessionId, consultationId } = call.workspace;
  return {
    executionId, sessionId, consultationId, lane: 'expert', kind: 'skill', code: call.code, path: null, limits: { ...job.limits, wallMs: job.wallMs },
    turnIndex: call.turnIndex, jobId: null, expertId: call.expertId, queuedMs: 0,
  };
}

function groupOf(workspace: Pick<ExpertWorkspace, 'sessionId' | 'consultationId'>): string {
  return `${workspace.sessionId}/${workspace.consultationId}`;
}

function specOf(workspace: ExpertWorkspace): WorkerSpec {
  return {
    group: groupOf(workspace), lane: 'expert', preload: PRELOAD, keepsFigures: false,
    workspace: { folder: workspace.folder, home: null, packages: null, sessionId: workspace.sessionId },
  };
}

/** Where the workspace is not mounted at `/workspace`, texts that leave the lane still say so. */
function withVirtualPaths(report: RunReport, folder: string): RunReport {
  const hide = (text: string): string => text.replaceAll(folder, '/workspace').replaceAll(join(folder), '/workspace');
  return {
    ...report, stdout: hide(report.stdout), stderr: hide(report.stderr), message: hide(report.message),
    error: report.error === null ? null : { ...report.error, message: hide(report.error.message) },
  };
}
