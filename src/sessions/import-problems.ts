/** What could not be imported as it was, for diagnostics. Names things, never quotes them. */
export interface ImportProblem { session_id: string; problem: string }

const KEPT = 200;

/** The newest problems of imports; the oldest go first. */
export class ImportProblems {
  #problems: ImportProblem[] = [];

  /** What is known already is not said twice. */
  add(sessionId: string, problems: readonly string[]): void {
    const isNew = (problem: string): boolean => !this.#problems.some((known) => known.session_id === sessionId && known.problem === problem);
    this.#problems = [...this.#problems, ...problems.filter(isNew).map((problem) => ({ session_id: sessionId, problem }))].slice(-KEPT);
  }

  /** Forgets what was said about a session, before it is imported again or when it is deleted. */
  clear(sessionId: string): void {
    this.#problems = this.#problems.filter((problem) => problem.session_id !== sessionId);
  }

  list(): ImportProblem[] {
    return [...this.#problems];
  }
}
