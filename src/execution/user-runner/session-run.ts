import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Language, RunAnswer, RunRequest } from '../../contracts/index.ts';
import type { ExecutionRow } from '../../store/index.ts';
import { laneCaps, laneLimits } from '../guard/index.ts';
import type { LaneLimits } from '../guard/index.ts';
import {
  choosePreload, collectArtifacts, copyDatasets, describeNoStart, hidesPreload, hintFor, needOf, pruneFigures, runOnWorker, takeSnapshot, toRunNote,
  warningFor,
} from '../worker/index.ts';
import type { Artifact, ExecutionLog, ExecutionStart, RunReport, Snapshot, Step, StepName, StreamName, WorkerSpec } from '../worker/index.ts';
import type { SessionImports } from './session-imports.ts';
import type { LaneFolders, UserRunnerDeps } from './user-runner-contract.ts';

const MIB = 1024 * 1024;

/** A run that was accepted: everything that can be refused has been checked. */
export interface RunPlan {
  executionId: string;
  sessionId: string;
  kind: ExecutionRow['kind'];
  jobId: string | null;
  request: RunRequest;
  /** Text of the program, also when it is a file of the workspace. */
  code: string;
  language: Language;
  turnIndex: number;
  askedAt: number;
}

export interface RunWatch { signal: AbortSignal; onText(stream: StreamName, text: string): void; onArtifact(artifact: Artifact): void }

export interface SessionRunContext extends UserRunnerDeps { executionLog: ExecutionLog; imports: SessionImports }

/** Runs one program in its session's workspace: files in, run, files out, record. */
export async function runInSession(context: SessionRunContext, plan: RunPlan, watch: RunWatch): Promise<RunAnswer> {
  const { clock, executionLog, store } = context;
  const limits = agreeOnLimits(plan.request);
  const queuedMs = Math.round(clock.monotonicMs() - plan.askedAt);
  const record = startOf(plan, limits, queuedMs);
  const steps: Step[] = [{ at_ms: 0, step: 'queued' }];
  const onStep = (step: StepName): void => { steps.push({ at_ms: Math.round(clock.monotonicMs() - plan.askedAt), step }); };
  executionLog.open(record);
  let report = describeNoStart('worker_lost', { detail: '', language: plan.language });
  let start: 'warm' | 'cold' | null = null;
  let artifacts: Artifact[] = [];
  let isDone = false;
  const warnings = limits.isLowered ? [warningFor('memory_lowered', Math.floor(limits.lane.memoryBytes / MIB), plan.language)] : [];
  try {
    const folders = await context.foldersOf(plan.sessionId);
    await copyDatasets({ store, clock }, { sessionId: plan.sessionId, uploads: folders.uploads, workspace: folders.workspace });
    const before = await takeSnapshot(folders.workspace);
    ({ report, start } = await execute(context, { plan, limits, folders, before }, { ...watch, onStep }));
    const found = await collectArtifacts(folders.workspace, before, plan.executionId);
    artifacts = found.artifacts;
    warnings.push(...fileWarnings(found.leftOut, report, plan.language));
    pruneFigures(folders.workspace);
    isDone = true;
  } finally {
    // The files of a run are not flushed either, and a flush stops everything for as long as the drive takes.
    store.transaction(() => {
      executionLog.close(record, { report, start, artifacts, steps });
      if (isDone) store.runNotes.insert(toRunNote(record, { report, at: clock.now().toISOString() }, context.redact));
    }, { flush: false });
  }
  context.imports.add(plan.sessionId, plan.code);
  for (const artifact of artifacts) watch.onArtifact(artifact);
  return answerOf(plan, { report: { ...report, warnings: [...report.warnings, ...warnings] }, start, artifacts, queuedMs });
}

interface AgreedLimits { wallMs: number; lane: LaneLimits; isLowered: boolean }

/** The request's wishes within what this machine can give. */
function agreeOnLimits(request: RunRequest): AgreedLimits {
  const lane = laneLimits('user', { memoryBytes: totalmem() });
  const wallMs = Math.round(request.timeout_seconds * 1000);
  const wished = (request.memory_limit_mb ?? lane.memoryBytes / MIB) * MIB;
  const most = laneCaps('user', { memoryBytes: totalmem() }).memoryBytes;
  return { wallMs, lane: { ...lane, memoryBytes: Math.min(wished, most), cpuMs: 2 * wallMs }, isLowered: wished > most };
}

interface Execution { plan: RunPlan; limits: AgreedLimits; folders: LaneFolders; before: Snapshot }

async function execute(
  context: SessionRunContext, { plan, limits, folders, before }: Execution, watch: RunWatch & { onStep(step: StepName): void },
): Promise<{ report: RunReport; start: 'warm' | 'cold' | null }> {
  const { request } = plan;
  const spec = workerSpec(context, plan.sessionId, folders);
  const tops = [...before.keys()].map((name) => name.split('/')[0] ?? name);
  return await runOnWorker(context, {
    spec, need: hidesPreload(tops, spec.preload) ? 'bare' : needOf(plan.code), hooks: { ...watch, language: plan.language },
    job: {
      executionId: plan.executionId, code: request.path === undefined ? plan.code : null, path: request.path ?? null, argv: request.argv,
      stdin: request.stdin, seed: null, wallMs: limits.wallMs, limits: limits.lane, keepsFigures: true,
      output: { unit: 'characters', head: 80_000, tail: 40_000, ceilingBytes: 256 * MIB },
      isNetworkOff: context.config.execution.laneNetwork.mode === 'off',
    },
  });
}

/** The kind of worker that serves a session. */
export function workerSpec(context: Pick<SessionRunContext, 'config' | 'imports'>, sessionId: string, folders: LaneFolders): WorkerSpec {
  const { laneNetwork, preload } = context.config.execution;
  return {
    group: sessionId, lane: 'user', keepsFigures: true, preload: choosePreload(preload, context.imports.of(sessionId)),
    workspace: {
      folder: folders.workspace, home: folders.home, sessionId, packages: laneNetwork.mode === 'hosts' ? join(folders.folder, 'packages') : null,
    },
  };
}

function startOf(plan: RunPlan, limits: AgreedLimits, queuedMs: number): ExecutionStart {
  return {
    executionId: plan.executionId, sessionId: plan.sessionId, lane: 'user', kind: plan.kind, code: plan.code, path: plan.request.path ?? null,
    limits: { ...limits.lane, wallMs: limits.wallMs }, turnIndex: plan.turnIndex, jobId: plan.jobId, expertId: null, consultationId: null, queuedMs,
  };
}

function fileWarnings(filesLeftOut: number, report: RunReport, language: Language): string[] {
  const warnings: string[] = [];
  if (filesLeftOut > 0) warnings.push(warningFor('files_left_out', filesLeftOut, language));
  if (report.figuresLeftOut > 0) warnings.push(warningFor('figures_left_out', report.figuresLeftOut, language));
  if (report.missingGlyphs > 0) warnings.push(warningFor('missing_glyphs', report.missingGlyphs, language));
  return warnings;
}

/** What the wire says of a run: the contract's fields first, ours behind them. */
export function answerOf(
  plan: Pick<RunPlan, 'executionId' | 'language'>,
  { report, start, artifacts, queuedMs }: { report: RunReport; start: 'warm' | 'cold' | null; artifacts: readonly Artifact[]; queuedMs: number },
): RunAnswer {
  return {
    success: report.success, stdout: report.stdout, stderr: report.stderr, returncode: report.returncode, execution_time_ms: report.durationMs,
    cancelled: report.reason === 'cancelled', execution_id: plan.executionId, outcome: report.outcome, truncated: report.truncated,
    artifacts: [...artifacts], reason: report.reason, message: report.message, hints: report.hints, hint_texts: report.hints.map((hint) => hintFor(hint, plan.language)),
    error: report.error, dropped: report.dropped, usage: report.usage, guards: report.guards, warnings: report.warnings, start, queued_ms: queuedMs,
  };
}
