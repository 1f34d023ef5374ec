import type { Caller } from './create.ts';
import type { FilesContext } from './files/files-context.ts';
import type { PinnedContent } from '../orchestration/index.ts';
import type { SessionsDeps } from './sessions-deps.ts';
import type { ContentProblems } from './content-problems.ts';
import type { CreateRate } from './create-rate.ts';
import type { ImportProblems } from './import-problems.ts';

/** What the parts of this folder share. */
export interface SessionsContext extends SessionsDeps {
  files: FilesContext;
  problems: ImportProblems;
  contentProblems: ContentProblems;
  createRate: CreateRate;
  pinned: PinnedContent;
  /** Who asks when a route does not say: with token authentication every caller has one. */
  defaultCaller: Caller;
  /** Owns work that outlives its request; it ends with `closing`. */
  background(work: Promise<unknown>): void;
  /** Aborted when sessions are closed; ends waits and imports. */
  closing: AbortSignal;
}
