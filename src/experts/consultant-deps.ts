import type { Clock, Ids, Log } from '../config/index.ts';
import type { LedgerRow, TurnEvent } from '../contracts/index.ts';
import type { ContentResolver, SessionContent } from '../content/index.ts';
import type { ExpertRunner } from '../execution/expert-runner/index.ts';
import type { ModelGateway } from '../models/index.ts';
import type { SessionRow, Store } from '../store/index.ts';

/** The prompts of experts, rendered by who owns all prompts. */
export interface ExpertPrompts {
  render(id: 'expert.system' | 'expert.consult', input: {
    values: Readonly<Record<string, string>>; boundary: string; origins?: Readonly<Record<string, string>>;
  }): string;
  versionOf(id: 'expert.system' | 'expert.consult'): number;
  /** A JSON Schema in a notation that models read well. */
  outline(schema: object): string;
  /** A language tag as a name. */
  languageName(tag: string): string;
}

/** Everything that consultations work with. */
export interface ConsultantDeps {
  store: Store;
  gateway: ModelGateway;
  content: Pick<ContentResolver, 'checkSources' | 'findExperts'>;
  prompts: ExpertPrompts;
  /** The expert lane; null where no code can run. */
  runner: Pick<ExpertRunner, 'refusal' | 'openWorkspace' | 'run'> | null;
  sessionsDir: string;
  /** Folder with the modules of the data tools. */
  dataToolsDir: string;
  /** Tokens that one turn may use; a consultation is not begun beyond. */
  turnTokenLimit: number;
  /** False where requests come without a token, so that only trusted folders are read. */
  hasToken: boolean;
  /** Takes known secrets out of a text. */
  redact(text: string): string;
  clock: Clock;
  ids: Ids;
  log: Log;
}

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

/** How a question to an expert ended. A denied one leaves nothing but a system event; the report appears with the turn's commit. */
export type ConsultationOutcome =
  | { kind: 'denied'; code: string; expertId: string }
  | {
    kind: 'answered'; consultationId: string; expertId: string; question: string; output: Record<string, unknown>; reportId?: string;
    /** The question named requirements that can be measured. */
    underRequirements: boolean;
  }
  | { kind: 'failed'; consultationId: string; expertId: string; question: string; code: string };
