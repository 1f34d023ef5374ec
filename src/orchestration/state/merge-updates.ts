import type { StateUpdateProposal } from './proposals.ts';

/** Updates of one turn as one; a later status wins, evidence adds up. */
export function mergeStateUpdates(updates: readonly StateUpdateProposal[]): StateUpdateProposal | null {
  if (updates.length === 0) return null;
  const merged: StateUpdateProposal['subtask_status'] = {};
  for (const [id, wish] of updates.flatMap((update) => Object.entries(update.subtask_status))) {
    const known = merged[id];
    merged[id] = known === undefined ? wish : { status: wish.status ?? known.status, evidence: [...known.evidence, ...wish.evidence] };
  }
  return { subtask_status: merged, end_suggested: updates.some((update) => update.end_suggested === true) };
}
