import type { Clock, Ids, Log } from '../../config/index.ts';
import type { Language } from '../../contracts/index.ts';
import type { ModelGateway } from '../../models/index.ts';
import type { SessionRow, Store } from '../../store/index.ts';
import type { PromptSet } from '../prompts/index.ts';
import type { TurnStreamHub } from '../stream/index.ts';
import type { Consultant } from './consultant-contract.ts';
import type { PinnedContent } from './pinned-content.ts';

export interface EngineSettings {
  /** How long `complete` waits for the memo; 0 = not at all. */
  memoWaitMs: number;
  /** From acceptance to the commit. */
  turnDeadlineMs: number;
  language: Language;
}

/** Everything the turn engine works with, wired once. */
export interface EngineDeps {
  store: Store;
  gateway: ModelGateway;
  hub: TurnStreamHub;
  prompts: PromptSet;
  content: PinnedContent;
  /** Experts and their consultations; null while none can be asked. */
  consultant: Consultant | null;
  /** Texts of the chapter's reference solutions, for the solution guard alone. */
  referencesFor(session: SessionRow): Promise<readonly string[]>;
  /** Secrets known to the process; none of them leaves in prose. */
  knownSecrets(): readonly string[];
  /** Takes secrets out of text that goes into a prompt. */
  redact(text: string): string;
  /** Called after a commit or a memo queued something for the backend. */
  onQueued(): void;
  settings: EngineSettings;
  clock: Clock;
  ids: Ids;
  log: Log;
}
