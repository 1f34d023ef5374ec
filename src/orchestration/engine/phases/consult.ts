import { languageOf, sentenceFor, CATALOGUE } from '../../../contracts/index.ts';
import type { ErrorCode } from '../../../contracts/index.ts';
import type { ConsultationNote, TurnSnapshot } from '../../context/index.ts';
import { readIntegrate } from '../../reading/index.ts';
import { applyBinding, applyPacketPatch, applyProposal, fallbackIntegration, followTask, mergeStateUpdates } from '../../state/index.ts';
import type { BoundOutput, ConsultationRequest, IntegrateProposal, PlanProposal, StateUpdateProposal, UnversionedPacket } from '../../state/index.ts';
import { askStructured } from '../ask-structured.ts';
import type { Consultant, ConsultationOutcome } from '../consultant-contract.ts';
import type { EngineDeps } from '../engine-deps.ts';
import type { RunningTurn } from '../running-turn.ts';
import { callerOf } from '../turn-caller.ts';
import { evidenceSourcesOf } from '../turn-work.ts';
import type { StagedPlan } from '../turn-work.ts';
import { withPacket } from './staged-packet.ts';
import type { PlanInput } from './plan.ts';

/** The plan's staging as consultations leave it. */
export interface ConsultedTurn {
  snapshot: TurnSnapshot; packet: UnversionedPacket | null; stateUpdates: StateUpdateProposal[]; proven: StagedPlan['proven'];
  /** Answers that the chapter's rules were held against. */
  bounds: readonly BoundOutput[];
}

export type ConsultInput = PlanInput & { snapshot: TurnSnapshot; proposal: PlanProposal; packet: UnversionedPacket | null };
type Answered = Extract<ConsultationOutcome, { kind: 'answered' }>;

/** Asks the experts that the planner or a trigger wants, in sequence, within the chapter's limit. A failing expert never fails the turn. */
export async function consultExperts(turn: RunningTurn, input: ConsultInput, deps: EngineDeps): Promise<ConsultedTurn> {
  const { proposal, routed, row, assembled } = input;
  let staged: ConsultedTurn = {
    snapshot: input.snapshot, packet: input.packet, proven: [], bounds: [], stateUpdates: proposal.state_update === null ? [] : [proposal.state_update],
  };
  let request: ConsultationRequest | null = proposal.consultation_request ?? routed.triggered;
  if (request === null) return staged;
  const { consultant } = deps;
  if (consultant === null) {
    noteDenied(turn, { expertId: request.expert_id, code: 'lane_unavailable' }, deps);
    return staged;
  }
  const { roundsPerTurn } = consultant.rulesFor(assembled.content);
  for (let round = 1; request !== null && round <= roundsPerTurn; round += 1) {
    turn.phase('consulting');
    const outcome: ConsultationOutcome = await consultant.consult(request, {
      turnId: turn.identity.turnId, turnIndex: turn.identity.turnIndex, session: row, content: assembled.content, signal: turn.signal,
      emit: (event) => turn.emit(event), countAttempt: (attempt) => turn.countAttempt(attempt),
    }, round);
    turn.reportUsage(['EXP']);
    if (outcome.kind !== 'answered') {
      noteUnanswered(turn, outcome, deps);
      const failed = failedNote(outcome, request);
      return failed === null ? staged : { ...staged, snapshot: withNote(staged.snapshot, failed) };
    }
    const integrated = await integrate(turn, { outcome, staged, input, consultant }, deps);
    staged = integrated.staged;
    request = integrated.followUp;
  }
  return staged;
}

async function integrate(
  turn: RunningTurn, work: { outcome: Answered; staged: ConsultedTurn; input: ConsultInput; consultant: Consultant }, deps: EngineDeps,
): Promise<{ staged: ConsultedTurn; followUp: ConsultationRequest | null }> {
  const { outcome, staged, input } = work;
  turn.phase('integrating');
  const note: ConsultationNote = {
    expertId: outcome.expertId, question: outcome.question, outcome: 'answered', output: outcome.output, summary: null, guidance: null,
  };
  const answer: IntegrateProposal = await askStructured({
    purpose: 'integrate', snapshot: withPacket(withNote(staged.snapshot, note), staged.packet), read: readIntegrate, repairWith: 'integrate',
  }, callerOf(turn), deps) ?? fallbackIntegration(outcome.output, input.row.language);
  turn.reportUsage(['RMA']);
  turn.emit({
    type: 'consultation_complete', expert_id: outcome.expertId, consultation_id: outcome.consultationId,
    ...(outcome.reportId === undefined ? {} : { report_id: outcome.reportId }),
  });
  const told = { ...note, summary: answer.expert_consultation_summary, guidance: answer.guidance_for_ca };
  return {
    followUp: answer.consultation_request,
    staged: { ...stageAnswer(turn, { ...work, answer }), snapshot: withNote(staged.snapshot, told) },
  };
}

/** What an integrated answer leaves to the commit. The packet stands for an open task, and the chapter's rules have the last word in it. */
function stageAnswer(turn: RunningTurn, { outcome, staged, input, consultant, answer }: {
  outcome: Answered; staged: ConsultedTurn; input: ConsultInput; consultant: Consultant; answer: IntegrateProposal;
}): Omit<ConsultedTurn, 'snapshot'> {
  const { row, assembled } = input;
  const proven = [...staged.proven, ...provenBy(outcome, row.state.current_subtask_id)];
  const stateUpdates = answer.state_update === null ? staged.stateUpdates : [...staged.stateUpdates, answer.state_update];
  const bounds = [...staged.bounds, { expert_id: outcome.expertId, output: outcome.output }];
  const { instruction_version: _old, ...current } = row.packet;
  const patched = applyPacketPatch(staged.packet ?? current, answer.packet_patch);
  const { state } = applyProposal(row.state, {
    stateUpdate: mergeStateUpdates(stateUpdates), proven, currentTaskId: patched.current_task_id ?? null,
  }, evidenceSourcesOf(turn, assembled));
  const keepsWords = answer.packet_patch?.current_focus !== undefined;
  const followed = followTask(patched, { state, tasks: assembled.content.chapter.tasks, language: row.language, keepsWords });
  const { binding } = consultant.rulesFor(assembled.content);
  // A packet that was made anew has lost what the rules wrote for the answers before.
  const due = followed === patched || keepsWords ? bounds.slice(-1) : bounds;
  return { packet: due.reduce((packet, bound) => applyBinding(packet, binding, bound), followed), proven, stateUpdates, bounds };
}

function withNote(snapshot: TurnSnapshot, note: ConsultationNote): TurnSnapshot {
  return { ...snapshot, consultations: [...snapshot.consultations, note] };
}

/**
 * What a data tool found is a fact: a learner's table that fits the task is evidence for it. Claims of the expert alone prove nothing,
 * nor does a table that was held against no requirements: almost any is fine in itself.
 */
function provenBy({ output, underRequirements }: Answered, taskId: string | null): StagedPlan['proven'] {
  if (taskId === null || !underRequirements || output['output_type'] !== 'suitability_judgment' || output['is_suitable'] !== true) return [];
  const summary = typeof output['answer_summary'] === 'string' ? output['answer_summary'].trim() : '';
  return [{ subtask_id: taskId, text: summary === '' ? 'brought a dataset that fits the task' : summary, proof: 'expert' }];
}

function failedNote(outcome: Exclude<ConsultationOutcome, Answered>, request: ConsultationRequest): ConsultationNote | null {
  if (outcome.kind === 'denied') return null;
  return { expertId: outcome.expertId, question: request.question, outcome: 'failed', output: null, summary: null, guidance: null };
}

function noteUnanswered(turn: RunningTurn, outcome: Exclude<ConsultationOutcome, Answered>, deps: EngineDeps): void {
  if (outcome.kind === 'denied') return noteDenied(turn, outcome, deps);
  const code: ErrorCode = outcome.code in CATALOGUE ? outcome.code as ErrorCode : 'NO_RESULT'; // proof: tested in the line itself
  turn.emit({
    type: 'consultation_error', expert_id: outcome.expertId, consultation_id: outcome.consultationId, code,
    error: sentenceFor(code, languageOf(turn.identity.language)),
  });
  noteSystemEvent(turn, { type: 'expert_consultation_failed', details: { expert_id: outcome.expertId, code } }, deps);
}

function noteDenied(turn: RunningTurn, denied: { expertId: string; code: string }, deps: EngineDeps): void {
  noteSystemEvent(turn, { type: 'consultation_denied', details: { expert_id: denied.expertId, code: denied.code } }, deps);
}

function noteSystemEvent(turn: RunningTurn, event: { type: string; details: Record<string, unknown> }, deps: EngineDeps): void {
  deps.store.systemEvents.insert({
    session_id: turn.identity.sessionId, timestamp: deps.clock.now().toISOString(), event_type: event.type, message: '',
    details: { turn_id: turn.identity.turnId, ...event.details },
  });
}
