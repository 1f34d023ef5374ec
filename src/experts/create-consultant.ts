import { join } from 'node:path';
import type { BindingRule, SessionState } from '../contracts/index.ts';
import type { SessionContent } from '../content/index.ts';
import type { SessionRow } from '../store/index.ts';
import { ruleWords } from './chapter/rule-words.ts';
import { TriggerLog } from './chapter/trigger-log.ts';
import { completeRequest } from './chapter/complete-request.ts';
import { findTrigger, impliedTriggers, openUploads, requestOf } from './chapter/triggers.ts';
import { checkRequest } from './consultation/check-request.ts';
import { holdConsultation } from './consultation/hold-consultation.ts';
import { abandonConsultation, isLeftOver } from './consultation/leftovers.ts';
import { reportId } from './consultation/expert-report.ts';
import { ReportFiles } from './consultation/report-files.ts';
import { Slots } from './consultation/slots.ts';
import type { ConsultantDeps, ConsultationOutcome, ConsultingTurn } from './consultant-deps.ts';
import { describeExperts } from './describe-experts.ts';
import type { DescribedExpert } from './describe-experts.ts';
import { LaneStatus } from './lane-status.ts';
import { ChapterConsultations, SessionExperts, effectiveTools, possibleOutputs } from './session-experts.ts';
import { findFile } from './tools/run-tool.ts';
import { listSessionFiles } from './tools/session-files.ts';
import type { SessionFile } from './tools/session-files.ts';
import { namedFile } from './consultation/request.ts';
import type { ExpertRequest } from './consultation/request.ts';
import { isRecord } from '../content/index.ts';

/** An expert as the planner hears of it. */
export interface ExpertOffer { id: string; description: string; outputModes: readonly string[] }

/** What triggers look at; `newUploads` are names of the learner's files that are new in this turn. */
export interface TriggerQuestion {
  session: SessionRow;
  content: SessionContent;
  state: SessionState;
  newUploads: readonly string[];
  judgement: { checkpoint: boolean; blocker: string };
}

/** The experts of sessions and their consultations. */
export interface ExpertConsultant {
  /** Reads the session's packages anew; awaited once at the start of each turn. Never rejects but for the signal. */
  prepare(session: SessionRow, signal: AbortSignal): Promise<void>;
  /** Experts that may be asked in this chapter and can run here. */
  expertsFor(session: SessionRow, content: SessionContent): ExpertOffer[];
  /** The chapter's rules: in words, as binding rules, and as the number of consultations per turn. */
  rulesFor(content: SessionContent): { texts: string[]; binding: BindingRule[]; roundsPerTurn: number };
  /** The request of a trigger that fires in this turn, once per cause. */
  triggeredRequest(question: TriggerQuestion): ExpertRequest | null;
  /** Holds one consultation; emits start and progress. Throws only when the turn was aborted. */
  consult(request: unknown, turn: ConsultingTurn, round: number): Promise<ConsultationOutcome>;
  /** Inside the commit of a turn: its answered consultations become reports. */
  commit(turnId: string): void;
  /** After a turn that came to nothing: its answered consultations are closed as aborted. */
  abandon(turnId: string): Promise<void>;
  /** After a start, before the first turn: consultations that an earlier process left running are closed as aborted. */
  recover(): Promise<void>;
  /** Experts outside any session, problems of their packages and of those that sessions brought, for capabilities. */
  describe(): Promise<DescribedExpert[]>;
  /** Resolves when the files of all reports are written. */
  settled(): Promise<void>;
}

const CONSULTATIONS_AT_ONCE = 2;

/** Makes the consultant. It keeps only what was read of packages, chapters and causes. */
export function createConsultant(deps: ConsultantDeps): ExpertConsultant {
  const { store } = deps;
  const parts: Parts = {
    deps, experts: new SessionExperts(deps), chapters: new ChapterConsultations(deps.log), slots: new Slots(CONSULTATIONS_AT_ONCE),
    lane: new LaneStatus(deps.runner), triggers: new TriggerLog(deps),
  };
  const reports = new ReportFiles({ store, log: deps.log, folderOf: (sessionId) => join(deps.sessionsDir, sessionId) });

  return {
    prepare: async (session, signal) => {
      void parts.lane.ask();
      // A consultation reads the packages anew; a turn only needs to know that there are some.
      if (!parts.experts.isFresh(session)) await refresh(parts, session, signal);
      const leftOver = store.consultations.list(session.session_id).filter((row) => isLeftOver(row, store));
      await Promise.all(leftOver.map((row) => abandonConsultation(deps, row)));
    },
    expertsFor: (session, content) => offersOf(parts, session.session_id, content),
    rulesFor: (content) => {
      const chapter = parts.chapters.of(content);
      return { texts: ruleWords(chapter), binding: [...chapter.rules], roundsPerTurn: chapter.roundsPerTurn };
    },
    triggeredRequest: (question) => askByTrigger(parts, question),
    consult: async (request, turn, round) => await consult(parts, { request, round }, turn),
    commit: (turnId) => {
      parts.triggers.commit(turnId);
      const sessionId = commitReports(deps, turnId);
      if (sessionId !== null) reports.refresh(sessionId);
    },
    abandon: async (turnId) => {
      await Promise.all(store.consultations.ofTurn(turnId).filter(hasAnswer).map(async (row) => await abandonConsultation(deps, row)));
    },
    recover: async () => {
      await Promise.all(store.consultations.open().map((row) => abandonConsultation(deps, row)));
    },
    describe: async () => {
      const isLaneAvailable = await parts.lane.ask();
      const { experts, diagnostics } = await parts.experts.shared();
      const known = new Set(diagnostics.map((problem) => JSON.stringify(problem)));
      const brought = parts.experts.problems().filter((problem) => !known.has(JSON.stringify(problem)));
      return describeExperts({ experts, diagnostics: [...diagnostics, ...brought] }, isLaneAvailable);
    },
    settled: async () => await reports.settled(),
  };
}

interface Parts { deps: ConsultantDeps; experts: SessionExperts; chapters: ChapterConsultations; slots: Slots; lane: LaneStatus; triggers: TriggerLog }

/** Packages that cannot be read leave those that were read before. */
async function refresh({ experts, deps }: Parts, session: SessionRow, signal: AbortSignal): Promise<void> {
  await experts.refresh(session, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    deps.log.warn({ error, sessionId: session.session_id }, 'the expert packages of a session could not be read');
  });
}

function offersOf({ experts, chapters, lane }: Parts, sessionId: string, content: SessionContent): ExpertOffer[] {
  const { experts: known } = experts.known(sessionId);
  return chapters.of(content).experts.flatMap((id) => {
    const expert = known.get(id);
    const outputModes = expert === undefined ? [] : possibleOutputs(expert, lane.isAvailable);
    return expert === undefined || outputModes.length === 0 ? [] : [{ id, description: expert.description, outputModes }];
  });
}

function askByTrigger(parts: Parts, { session, content, state, newUploads, judgement }: TriggerQuestion): ExpertRequest | null {
  const { triggers, chapters, deps } = parts;
  const chapter = chapters.of(content);
  const usable = offersOf(parts, session.session_id, content);
  const possible = [...chapter.triggers, ...impliedTriggers(chapter.mustConsult, chapter.triggers, usable)]
    .filter(({ expert_id: id, output_type: type }) => usable.some((offer) => offer.id === id && offer.outputModes.includes(type)));
  triggers.propose(session.session_id, null, []);
  if (possible.length === 0) return null;
  const { hasFired, waiting } = triggers.lookup(session.session_id);
  const hashes = new Map(deps.store.files.list(session.session_id, 'upload').map((file) => [file.name, file.sha256]));
  const left = waiting.filter((name) => hashes.has(name) && !newUploads.includes(name));
  const facts = { state, judgement, uploads: [...left, ...newUploads].map((name) => ({ name, sha256: hashes.get(name) ?? null })) };
  const fired = findTrigger(possible, facts, hasFired);
  triggers.propose(session.session_id, fired, openUploads(possible, facts, hasFired));
  return fired === null ? null : requestOf(fired, { taskId: state.current_subtask_id, language: session.language });
}

async function consult(parts: Parts, { request, round }: { request: unknown; round: number }, turn: ConsultingTurn): Promise<ConsultationOutcome> {
  const { deps, chapters, lane, triggers, slots } = parts;
  const { session, content, signal } = turn;
  const sessionId = session.session_id;
  await refresh(parts, session, signal);
  const [isLaneAvailable, files] = await Promise.all([lane.ask(), listSessionFiles(deps.store, sessionId, join(deps.sessionsDir, sessionId))]);
  signal.throwIfAborted();
  const chapter = chapters.of(content);
  const heldInTurn = Math.max(deps.store.consultations.ofTurn(turn.turnId).length, round - 1);
  const checked = checkRequest(completeRequest(request, { triggers: chapter.triggers, fired: triggers.pending(sessionId), files }), {
    registry: parts.experts.known(sessionId), chapter, files, heldInTurn, isLaneAvailable, hasBudget: hasBudget(deps, turn.turnId),
  });
  if (checked.kind === 'denied') return { kind: 'denied', code: checked.code, expertId: expertIdOf(request) };
  triggers.noteAsked(sessionId, {
    expertId: checked.request.expert_id, outputType: checked.request.expected_output_type, fileName: nameOf(files, checked.request),
  });
  const outcome = await holdConsultation(deps, {
    consultationId: deps.store.consultations.mintId(sessionId), ...checked, chapter, files, tools: effectiveTools(checked.expert, isLaneAvailable),
    round: heldInTurn + 1, turn, slots,
  });
  if (outcome.kind !== 'answered') return outcome;
  const answered = deps.store.consultations.ofTurn(turn.turnId).filter(hasAnswer);
  const isReported = isRecord(answered.at(-1)?.body['report']);
  return isReported ? { ...outcome, reportId: reportId(turn.turnIndex, answered.length) } : outcome;
}

/** The name that a file really has; a question may write it in another way. */
function nameOf(files: readonly SessionFile[], request: ExpertRequest): string | null {
  const named = namedFile(request);
  return named === null ? null : findFile(files, named)?.name ?? null;
}

function expertIdOf(request: unknown): string {
  const id = isRecord(request) ? request['expert_id'] : null;
  return typeof id === 'string' ? id.slice(0, 64) : '';
}

function hasBudget({ store, turnTokenLimit }: ConsultantDeps, turnId: string): boolean {
  const used = store.ledger.ofTurn(turnId).reduce((sum, { usage }) => sum + usage.input_tokens + usage.output_tokens, 0);
  return used < turnTokenLimit;
}

function hasAnswer({ status }: { status: string }): boolean {
  return status === 'answered';
}

/** The session whose reports changed, or null. Runs inside the turn's transaction. */
function commitReports({ store, clock }: ConsultantDeps, turnId: string): string | null {
  const answered = store.consultations.ofTurn(turnId).filter(hasAnswer);
  const createdAt = clock.now().toISOString();
  for (const [index, row] of answered.entries()) {
    store.consultations.update({ sessionId: row.session_id, consultationId: row.consultation_id }, { status: 'completed' });
    const { report } = row.body;
    if (!isRecord(report)) continue;
    store.expertReports.insert({
      session_id: row.session_id, report_id: reportId(row.turn_index, index + 1), consultation_id: row.consultation_id, turn_index: row.turn_index,
      expert_id: row.expert_id, created_at: createdAt, body: report,
    });
  }
  return answered[0]?.session_id ?? null;
}
