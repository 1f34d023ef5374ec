import type { SessionState, StudentErrorEntry } from '../../contracts/index.ts';
import { foldText } from './fold-text.ts';
import { extOf, withExt } from './task-states.ts';

const COMPARED = 20;
const KEPT = 200;

/** Appends error entries that do not repeat one of the last 20; at most 200 are kept, the oldest go. */
export function appendErrors(state: SessionState, entries: readonly StudentErrorEntry[]): SessionState {
  const errors = [...extOf(state).errors];
  for (const entry of entries) {
    const key = keyOf(entry);
    if (!errors.slice(-COMPARED).some((known) => keyOf(known) === key)) errors.push(entry);
  }
  return errors.length === extOf(state).errors.length ? state : withExt(state, { errors: errors.slice(-KEPT) });
}

function keyOf(entry: StudentErrorEntry): string {
  return `${entry.error_type}:${foldText(entry.description)}`;
}
