import { join } from 'node:path';
import type { BindingRule, NoticeCode } from '../../contracts/index.ts';
import type { ExpertWorkspace } from '../../execution/expert-runner/index.ts';
import type { ModelMessage } from '../../models/index.ts';
import { cleanValue } from '../clean-value.ts';
import type { ConsultantDeps, ConsultationOutcome, ConsultingTurn } from '../consultant-deps.ts';
import type { ChapterConsultation } from '../chapter/consultation-config.ts';
import { outputShape } from '../outputs/output-schemas.ts';
import type { ExpertPackage } from '../registry/load-package.ts';
import { chooseInputs, readInputs } from '../tools/choose-inputs.ts';
import { loadDataProgram } from '../tools/data-program.ts';
import type { LaneContext } from '../tools/lane-tools.ts';
import { runTool } from '../tools/run-tool.ts';
import type { SessionFile } from '../tools/session-files.ts';
import { toolDefinitions } from '../tools/tool-definitions.ts';
import { isLaneTool } from '../tools/tool-names.ts';
import type { ToolName } from '../tools/tool-names.ts';
import { ConsultationFailure } from './consultation-failure.ts';
import type { TerminationReason } from './consultation-failure.ts';
import { runConsultation } from './consultation-loop.ts';
import type { LoopResult } from './consultation-loop.ts';
import { ConsultationRecord } from './consultation-record.ts';
import { createEnvelope } from './envelope.ts';
import type { ConsultingEnvelope } from './envelope.ts';
import { createReport } from './expert-report.ts';
import { namedFile, requirementsOf, titleOf } from './request.ts';
import type { ExpertRequest } from './request.ts';
import type { Slots } from './slots.ts';
import { describeTools } from './text-protocol.ts';

/** An accepted question and all it is answered with. */
export interface AcceptedConsultation {
  consultationId: string;
  request: ExpertRequest;
  expert: ExpertPackage;
  chapter: ChapterConsultation;
  files: readonly SessionFile[];
  tools: readonly ToolName[];
  round: number;
  turn: ConsultingTurn;
  slots: Slots;
}

interface Held { accepted: AcceptedConsultation; envelope: ConsultingEnvelope; record: ConsultationRecord; signal: AbortSignal; clean(text: string): string }

const RELATED_LIMIT = 8;

/** Holds a consultation from its start event to its closed record. Throws only when the turn was aborted, with its reason. */
export async function holdConsultation(deps: ConsultantDeps, accepted: AcceptedConsultation): Promise<ConsultationOutcome> {
  const { turn, request, expert, consultationId, chapter } = accepted;
  const { language } = turn.session;
  turn.emit({
    type: 'consultation_start', expert_id: expert.expertId, title: titleOf(request, language), consultation_id: consultationId,
    scenario_id: request.scenario_id,
  });
  const envelope = createEnvelope({
    request, expert, consultationId, turnIndex: turn.turnIndex, round: accepted.round, roundsPerTurn: chapter.roundsPerTurn, tools: accepted.tools,
    rules: chapter.rules, language,
  });
  const deadline = AbortSignal.timeout(expert.limits.seconds * 1000);
  const signal = AbortSignal.any([turn.signal, deadline]);
  const clean = cleanerFor(deps, turn.session.session_id);
  let reason: TerminationReason = 'no_result';
  let record: ConsultationRecord | null = null;
  try {
    record = await ConsultationRecord.open(
      { store: deps.store, clock: deps.clock, folder: expertFolder(deps, turn.session.session_id), clean },
      { sessionId: turn.session.session_id, turnId: turn.turnId, request, envelope, packageHash: expert.hash, language },
    );
    const { output, overridden } = await withSlot(deps, { accepted, envelope, record, signal, clean });
    await record.answer(output, { overridden, report: reportOf(deps, { accepted, envelope, record, output }) });
    reason = 'answered';
    turn.signal.throwIfAborted();
    return {
      kind: 'answered', consultationId, expertId: expert.expertId, question: request.question, output, underRequirements: requirementsOf(request) !== null,
    };
  } catch (error) {
    reason = reasonOf(error, { turn, deadline });
    deps.log.warn({ consultationId, reason, error: error instanceof ConsultationFailure ? error.message : error }, 'consultation ended early');
    if (reason === 'aborted') throw turn.signal.reason;
    return { kind: 'failed', consultationId, expertId: expert.expertId, question: request.question, code: reason.toUpperCase() };
  } finally {
    await closeRecord(deps, record, reason);
  }
}

function reasonOf(error: unknown, { turn, deadline }: { turn: ConsultingTurn; deadline: AbortSignal }): Exclude<TerminationReason, 'answered'> {
  if (turn.signal.aborted) return 'aborted';
  if (deadline.aborted) return 'deadline';
  return error instanceof ConsultationFailure ? error.reason : 'no_result';
}

async function closeRecord(deps: ConsultantDeps, record: ConsultationRecord | null, reason: TerminationReason): Promise<void> {
  const status = reason === 'answered' ? 'answered' : reason === 'aborted' ? 'aborted' : 'failed';
  try {
    await record?.close({ status, reason });
  } catch (error) {
    deps.log.error({ error }, 'the record of a consultation could not be closed'); // The next start closes its row.
  }
}

async function withSlot(deps: ConsultantDeps, held: Held): Promise<LoopResult> {
  const { accepted, signal } = held;
  using _slot = await accepted.slots.enter(accepted.turn.session.session_id, signal);
  if (deps.runner === null || !accepted.tools.some(isLaneTool)) return await loop(deps, held, null);
  const inputs = await readInputs(chooseInputs(accepted.files, { fileName: namedFile(accepted.request), text: accepted.request.question }));
  await using workspace = await deps.runner.openWorkspace({
    sessionId: accepted.turn.session.session_id, consultationId: accepted.consultationId, inputs,
  });
  try {
    return await loop(deps, held, await laneOf(deps, held, { workspace, inputs: inputs.map(({ name }) => name) }));
  } finally {
    held.record.artifacts = await workspace.keepArtifacts(join(held.record.folder, 'artifacts'));
  }
}

async function laneOf(deps: ConsultantDeps, { accepted, signal, clean }: Held, place: { workspace: ExpertWorkspace; inputs: string[] }): Promise<LaneContext | null> {
  if (deps.runner === null) return null;
  return {
    runner: deps.runner, ...place, dataProgram: await loadDataProgram(deps.dataToolsDir), language: accepted.turn.session.language,
    owner: { turnIndex: accepted.turn.turnIndex, expertId: accepted.expert.expertId },
    clean: (text) => clean(text.replaceAll(place.workspace.folder, '/workspace')), signal,
  };
}

async function loop(deps: ConsultantDeps, { accepted, envelope, record, signal, clean }: Held, lane: LaneContext | null): Promise<LoopResult> {
  const { turn, request, expert } = accepted;
  const boundary = deps.ids.secret(9);
  return await runConsultation({
    gateway: deps.gateway, clock: deps.clock, expert, request, language: turn.session.language, tools: accepted.tools, record, boundary, clean, signal,
    opening: (isNative) => openingOf(deps, { accepted, envelope, boundary }, isNative),
    runTool: async (name, input, onStart) => await runTool(name, input, {
      expert, files: accepted.files, requirements: requirementsOf(request), lane: lane === null ? null : { ...lane, onStart },
    }),
    letter: { consultation_id: accepted.consultationId, user_turn_index: turn.turnIndex, round_index: accepted.round },
    manifest: {
      prompts: { 'expert.system': deps.prompts.versionOf('expert.system'), 'expert.consult': deps.prompts.versionOf('expert.consult') },
      expert_id: expert.expertId, package_hash: expert.hash, consultation_id: accepted.consultationId,
    },
    owner: { sessionId: turn.session.session_id, turnId: turn.turnId },
    onAttempt: (row) => {
      deps.store.ledger.insert(row);
      turn.countAttempt(row);
    },
    onNotice: (code: NoticeCode) => deps.log.info({ code, consultationId: accepted.consultationId }, 'notice of an expert call'),
    onProgress: ({ step, tool, executionId }) => turn.emit({
      type: 'consultation_progress', expert_id: expert.expertId, consultation_id: accepted.consultationId, step, tool,
      ...(executionId === undefined ? {} : { execution_id: executionId }),
    }),
  });
}

/** The system message holds our text and the package's policy; everything of the session is data in the user message. */
function openingOf(deps: ConsultantDeps, { accepted, envelope, boundary }: { accepted: AcceptedConsultation; envelope: ConsultingEnvelope; boundary: string }, isNative: boolean): ModelMessage[] {
  const { expert, request, files, tools, turn } = accepted;
  const { prompts } = deps;
  const definitions = toolDefinitions(tools, {
    outputType: request.expected_output_type, knowledge: [...expert.knowledge.keys()], skills: [...expert.skills.keys()],
  });
  const handles = expert.skillHandles.filter((handle) => !(tools as readonly string[]).includes(handle));
  const shown = files.slice(0, 40).map(({ name, bytes, kind, origin }) => JSON.stringify({ name: name.slice(0, 120), bytes, kind, origin }));
  const system = prompts.render('expert.system', {
    boundary,
    values: {
      EXPERT_ID: expert.expertId, LANGUAGE: prompts.languageName(turn.session.language), PRINCIPLES: expert.principles,
      WAYS_OF_ANSWERING: handles.map((handle) => `- ${handle}`).join('\n'), TEXT_TOOLS: isNative ? '' : describeTools(definitions, prompts.outline),
    },
  });
  const letter = prompts.render('expert.consult', {
    boundary, origins: { ENVELOPE: 'consulting letter', FILES: 'files of the session' },
    values: {
      BOUNDARY: boundary, ENVELOPE: JSON.stringify(cleanValue(envelope, deps.redact), null, 2), FILES: tools.includes('list_files') ? shown.join('\n') : '',
      OUTPUT_TYPE: request.expected_output_type, OUTPUT_SHAPE: prompts.outline(outputShape(request.expected_output_type)),
    },
  });
  return [{ role: 'system', content: system }, { role: 'user', content: letter }];
}

function reportOf(deps: ConsultantDeps, { accepted, envelope, record, output }: {
  accepted: AcceptedConsultation; envelope: ConsultingEnvelope; record: ConsultationRecord; output: LoopResult['output'];
}): Record<string, unknown> | null {
  const rules: readonly BindingRule[] = accepted.chapter.rules;
  const related = deps.store.consultations.ofTurn(accepted.turn.turnId).map(({ consultation_id: id }) => id)
    .filter((id) => id !== accepted.consultationId).slice(-RELATED_LIMIT);
  const body = { output, envelope, executions: record.executions, language: accepted.turn.session.language };
  return createReport({ expert_id: accepted.expert.expertId, body }, { rules, related });
}

/** Where the files of a session's experts lie. */
export function expertFolder(deps: Pick<ConsultantDeps, 'sessionsDir'>, sessionId: string): string {
  return join(deps.sessionsDir, sessionId, 'expert_workspace');
}

function cleanerFor(deps: ConsultantDeps, sessionId: string): (text: string) => string {
  const folder = join(deps.sessionsDir, sessionId);
  return (text) => deps.redact(text.replaceAll(folder, '/session').replaceAll(deps.sessionsDir, '/sessions'));
}
