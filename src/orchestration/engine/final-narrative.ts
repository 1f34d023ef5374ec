import { readFinalNarrative } from '../reading/index.ts';
import { finalFacts } from '../report/index.ts';
import { askStructured } from './ask-structured.ts';
import type { EngineDeps } from './engine-deps.ts';
import { assembleTurn } from './phases/assemble.ts';
import { findingsOf } from './recall-turn.ts';

const NARRATIVE_MS = 20_000;

/** One `final_report` call within 20 s: the narrative of a model, or null when there is none. */
export async function writeFinalNarrative(sessionId: string, signal: AbortSignal, deps: EngineDeps): Promise<string | null> {
  const row = deps.store.sessions.get(sessionId);
  // The offline tutor follows rules: its report is the rule-based one.
  if (row === null || deps.gateway.isOffline('MA')) return null;
  const bound = AbortSignal.any([signal, AbortSignal.timeout(NARRATIVE_MS)]);
  try {
    const { snapshot } = await assembleTurn({ turnId: '', kind: 'student', message: '' }, row, deps);
    const facts = finalFacts({
      state: row.state, chapterTitle: row.chapter_title, startedAt: row.created_at, endedAt: deps.clock.now().toISOString(),
      expertReports: findingsOf(sessionId, deps.store),
    });
    const answer = await askStructured({
      purpose: 'final_report', snapshot: { ...snapshot, turnId: null }, read: readFinalNarrative, repairWith: null,
      extras: { finalFacts: JSON.stringify(facts) },
    }, { sessionId, turnId: null, signal: bound, countAttempt: () => {}, notice: () => {} }, deps);
    return answer?.narrative ?? null;
  } catch (error) {
    deps.log.warn({ err: error, sessionId }, 'the final narrative could not be written');
    return null;
  }
}
