import type { ContentDiagnostic } from '../content/index.ts';

/** A finding about the content of a session's chapter that did not refuse it. */
export interface ContentProblem { chapter_id: string; problem: string }

const KEPT_CHAPTERS = 100;
const KEPT_EACH = 20;

/** What was found when the content of sessions was resolved, by chapter; the chapters resolved longest ago go first. */
export class ContentProblems {
  readonly #byChapter = new Map<string, readonly string[]>();

  /** Replaces what is known about a chapter. */
  note(chapterId: string, diagnostics: readonly ContentDiagnostic[]): void {
    this.#byChapter.delete(chapterId);
    this.#byChapter.set(chapterId, diagnostics.slice(0, KEPT_EACH).map(tellDiagnostic));
    const [oldest] = this.#byChapter.keys();
    if (this.#byChapter.size > KEPT_CHAPTERS && oldest !== undefined) this.#byChapter.delete(oldest);
  }

  list(): ContentProblem[] {
    return [...this.#byChapter].flatMap(([chapterId, problems]) => problems.map((problem) => ({ chapter_id: chapterId, problem })));
  }
}

function tellDiagnostic({ code, message, path, line }: ContentDiagnostic): string {
  const place = path === undefined ? '' : ` (${path}${line === undefined ? '' : `:${line}`})`;
  return `${code}: ${message}${place}`;
}
