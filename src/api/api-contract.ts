import type { Capabilities, ContractSchema, CourseListSchema, ChapterListSchema, Diagnostics, Language } from '../contracts/index.ts';
import type { Clock, Ids, Log } from '../config/index.ts';
import type { Notebooks } from '../execution/notebook/index.ts';
import type { UserRunner } from '../execution/user-runner/index.ts';
import type { Sessions } from '../sessions/index.ts';
import type { z } from 'zod';

/** What the listing routes show of the content that the resolver finds. */
export interface CourseCatalogue {
  courses(): Promise<z.infer<typeof CourseListSchema>['courses']>;
  /** Null = no such course. */
  chaptersOf(courseId: string): Promise<z.infer<typeof ChapterListSchema>['chapters'] | null>;
  chapters(): Promise<z.infer<typeof ChapterListSchema>['chapters']>;
}

/** Facts about the running service. */
export interface ServiceReport {
  isStopping(): boolean;
  uptimeMs(): number;
  readonly version: string;
  capabilities(): Promise<Capabilities>;
  diagnostics(): Promise<Diagnostics>;
  /** Remembers an error answer for diagnostics; bounded. `anybody`: it could be caused without the token, and is kept apart. */
  noteError(code: string, requestId: string, cause: { anybody: boolean }): void;
}

/** Everything the HTTP layer translates to. */
export interface ApiDeps {
  /** Called for every admitted request that is more than a look at `/health`. */
  onWork?(): void;
  sessions: Sessions;
  catalogue: CourseCatalogue;
  report: ServiceReport;
  /** Runs the learner's code; null = this service was built without a lane. */
  execution: UserRunner | null;
  /** Notebook kernels; null = this service was built without them. */
  notebook: Notebooks | null;
  guard: {
    token: string; mode: 'token' | 'desktop'; allowedOrigins: readonly string[]; desktopOrigins: readonly string[];
  };
  language: Language;
  /** Folder of the workbench page's files, or null while it is off. */
  workbenchDir: string | null;
  /** Bounds for the head and for the whole of a request; unset = 10 s and 30 s. */
  timeouts?: { headersMs: number; requestMs: number };
  clock: Clock;
  ids: Ids;
  log: Log;
}

export type ContractAnswer = z.infer<typeof ContractSchema>;
