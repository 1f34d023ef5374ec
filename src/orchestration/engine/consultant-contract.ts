import type { LedgerRow, SessionState, TurnEvent } from '../../contracts/index.ts';
import type { SessionContent } from '../../content/index.ts';
import type { SessionRow } from '../../store/index.ts';
import type { ExpertFact } from '../context/index.ts';
import type { BindingRule, ConsultationRequest } from '../state/index.ts';

/** What a consultation needs from the turn it belongs to. */
export interface ConsultingTurn {
  readonly turnId: string;
  readonly turnIndex: number;
  readonly session: SessionRow;
  readonly content: SessionContent;
  readonly signal: AbortSignal;
  emit(event: TurnEvent): void;
  countAttempt(row: LedgerRow): void;
}

/** How a request to an expert ended. A denied one leaves only a system event. */
export type ConsultationOutcome =
  | { kind: 'denied'; code: string; expertId: string }
  | {
    kind: 'answered'; consultationId: string; expertId: string; question: string; output: Record<string, unknown>;
    /** The question named requirements that can be measured; without them a judgement of a file says little about the task. */
    underRequirements: boolean;
    /** The report that the commit of the turn makes. */
    reportId?: string;
  }
  | { kind: 'failed'; consultationId: string; expertId: string; question: string; code: string };

/** The experts of a session, as the engine sees them. */
export interface Consultant {
  /** Reads the session's expert packages anew; awaited once at the start of each turn. Rejects only with the signal's reason. */
  prepare?(session: SessionRow, signal: AbortSignal): Promise<void>;
  /** Experts that may be asked in this chapter and can run here. */
  expertsFor(session: SessionRow, content: SessionContent): ExpertFact[];
  /** Rules of the chapter in words, for the planner. */
  rulesFor(content: SessionContent): { texts: string[]; binding: BindingRule[]; roundsPerTurn: number };
  /** The request of a trigger that fires in this turn, once per cause, also for uploads that earlier turns left; null = none. */
  triggeredRequest(facts: {
    session: SessionRow; content: SessionContent; state: SessionState; newUploads: readonly string[];
    judgement: { checkpoint: boolean; blocker: string };
  }): ConsultationRequest | null;
  /** Runs one consultation; emits start and progress, never throws but for an abort. */
  consult(request: ConsultationRequest, turn: ConsultingTurn, round: number): Promise<ConsultationOutcome>;
  /** Called when a turn came to nothing: its answered consultations are closed as aborted. */
  abandon?(turnId: string): Promise<void>;
  /** Called inside the commit: records what must be stored with the turn. */
  commit(turnId: string): void;
}
