/** One thing that was looked at. `fix` says what to do; a warning still lets the program work. */
export interface Check { name: string; state: 'ok' | 'warning' | 'problem'; detail: string; fix: string | null }

/** Everything is as it should be. */
export function fine(name: string, detail: string): Check {
  return { name, state: 'ok', detail, fix: null };
}

/** Something is missing that only some features need. */
export function warning(name: string, detail: string, fix: string): Check {
  return { name, state: 'warning', detail, fix };
}

/** The program cannot do its work like this. */
export function problem(name: string, detail: string, fix: string): Check {
  return { name, state: 'problem', detail, fix };
}
